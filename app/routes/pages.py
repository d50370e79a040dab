"""The page at `/`, the documentation at `/docs`, and the files both need."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from app.http.entity_tags import is_known
from app.services import Services, ServicesDep

WEB = Path(__file__).parents[1] / "web"
SWAGGER = Path(str(files("fastapi_swagger.resources")))  # Swagger UI, and nothing else of it
CACHED = {"cache-control": "public, max-age=86400"}
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
ASKED_ABOUT = "no-cache"  # kept by browsers, but asked about: an update shows at once

router = APIRouter(include_in_schema=False)


@lru_cache(maxsize=256)
def _page_file(path: Path, changed_ns: int) -> tuple[bytes, str]:
    """Content and entity tag of a file of the page, read once for each time it changes."""
    content = path.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@router.get("/web/{name}")
async def get_page_file(name: str, request: Request) -> Response:
    """A file of the page, or 304 where the browser has it already.

    From memory: a first view asks for some twenty of them, and a thread for each takes longer.
    """
    path = WEB / name
    kind = KINDS.get(path.suffix)
    try:
        changed_ns = path.stat().st_mtime_ns if kind else 0
    except (OSError, ValueError):  # not there, or no name of a file at all
        changed_ns = 0
    if kind is None or not changed_ns:
        raise HTTPException(404)
    content, tag = _page_file(path, changed_ns)
    headers = {"cache-control": ASKED_ABOUT, "etag": tag}
    if is_known(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


@router.get("/")
async def get_page(services: ServicesDep) -> Response:
    """The page; what it will ask for first is named, so that the browser asks at once."""
    html = (WEB / "index.html").read_text(encoding="utf-8")
    return HTMLResponse(html, headers={"link": _asked_first(services)})


def _asked_first(services: Services) -> str:
    """A `Link` header; without the map where there is none, and nothing behind a lock."""
    if services.settings.require_key:
        return ""
    paths = ["v1/library"]
    if services.live.current_or_none():
        paths.append("v1/tracks/map?scale=relative")
    return ", ".join(f"<{path}>; rel=preload; as=fetch; crossorigin" for path in paths)


@router.get("/docs")
async def get_docs() -> Response:
    """The API's documentation, with everything it needs served from here."""
    return HTMLResponse((WEB / "docs.html").read_text(encoding="utf-8"))


@router.get("/favicon.ico")
async def get_icon() -> Response:
    """The plane, as an icon."""
    return Response((WEB / "icon.svg").read_bytes(), media_type="image/svg+xml", headers=CACHED)


def mount(app: FastAPI) -> None:
    """Serve the page, its files, and the documentation's below `/docs/assets`."""
    app.include_router(router)
    app.mount("/docs/assets", StaticFiles(directory=SWAGGER), name="docs-assets")
