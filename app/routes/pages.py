"""The page at `/`, the documentation at `/docs`, and the files both need."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

WEB = Path(__file__).parent.parent / "web"
SWAGGER = Path(str(files("fastapi_swagger.resources")))  # Swagger UI, and nothing else of it
CACHED = {"cache-control": "public, max-age=86400"}

router = APIRouter(include_in_schema=False)


class PageFiles(StaticFiles):
    """Files that a browser keeps but asks about: an update of the service shows at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, or 304 where the browser has it already."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


@router.get("/")
async def get_page() -> Response:
    """The page."""
    return HTMLResponse((WEB / "index.html").read_text(encoding="utf-8"))


@router.get("/docs")
async def get_docs() -> Response:
    """The API's documentation, with everything it needs served from here."""
    return HTMLResponse((WEB / "docs.html").read_text(encoding="utf-8"))


@router.get("/favicon.ico")
async def get_icon() -> Response:
    """The plane, as an icon."""
    return Response((WEB / "icon.svg").read_bytes(), media_type="image/svg+xml", headers=CACHED)


def mount(app: FastAPI) -> None:
    """Serve the page's files below `/web` and the documentation's below `/docs/assets`."""
    app.include_router(router)
    app.mount("/docs/assets", StaticFiles(directory=SWAGGER), name="docs-assets")
    app.mount("/web", PageFiles(directory=WEB), name="web")
