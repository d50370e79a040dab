"""Errors as problem+json responses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from app.errors import (
    HTTP_KINDS,
    INTERNAL,
    PROBLEM_JSON,
    VALIDATION,
    AppError,
    ErrorKind,
    kind_of,
    one_line,
    problem,
)
from app.public_words import PublicWords
from app.wire.pointers import in_document, json_pointer
from indexer import errors as indexer_errors
from model import errors as model_errors

ADMIN_PATH = "/v1/admin/"


def problem_response(
    request: Request,
    kind: ErrorKind,
    detail: str,
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> JSONResponse:
    """A problem+json response that names the request it belongs to."""
    document = problem(kind, detail, request_id_of(request), **extra)
    return JSONResponse(document, kind.status, headers=headers, media_type=PROBLEM_JSON)


def request_id_of(request: Request) -> str | None:
    """The id the middleware gave to the request."""
    value = request.scope.get("state", {}).get("request_id")
    return str(value) if value is not None else None


def install(app: FastAPI, words: PublicWords) -> None:
    """Make every error of `app` a problem+json response.

    Args:
        app: The service.
        words: What anybody may read of an error; the administrator reads all of it.
    """
    app.state.words = words
    app.add_exception_handler(AppError, _known)
    app.add_exception_handler(model_errors.ModelError, _known)
    app.add_exception_handler(indexer_errors.IndexerError, _known)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)


def _known(request: Request, error: Exception) -> JSONResponse:
    kind = kind_of(error)
    if kind is INTERNAL:
        raise error
    wait = {} if kind.retry_after_s is None else {"Retry-After": str(kind.retry_after_s)}
    headers = wait | dict(getattr(error, "headers", {}))
    extra = dict(getattr(error, "extra", {}))
    if isinstance(error, model_errors.UnknownMoodError | model_errors.FeelingError):
        extra["suggestions"] = list(error.near)
    return problem_response(request, kind, told(request, error), headers, **extra)


def told(request: Request, error: Exception) -> str:
    """What whoever made the request may read of an error, as one line."""
    if request.url.path.startswith(ADMIN_PATH):  # only with a credential
        return one_line(str(error))
    words: PublicWords = request.app.state.words
    return one_line(words.of(error))


def _validation(request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    body = error.body if isinstance(error, RequestValidationError) else None
    for item in found:  # what a validator raised refers to itself, and with it to the whole body
        if isinstance(cause := item.get("ctx", {}).get("error"), Exception):
            cause.__traceback__ = None
    errors = [_validation_item(item, body) for item in found[:20]]
    first = errors[0] if errors else {"message": "the request is not valid"}
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    where = first.get("pointer") or "request"
    detail = f"{where.removeprefix('/')}: {first['message']}{more}"
    malformed = any(item.get("type") == "json_invalid" for item in found)
    kind = HTTP_KINDS[400] if malformed else VALIDATION
    return problem_response(request, kind, detail, errors=errors)


def _validation_item(item: Mapping[str, Any], body: Any) -> dict[str, str]:
    """Which part of the request (`body`, `query`, `path`), where in it, and what is wrong there."""
    part, *parts = item.get("loc", ()) or ("body",)
    if item.get("type") == "json_invalid":
        parts = []  # the place of a letter is no place in a document
    elif part == "body":
        parts = in_document(parts, body)
    message = str(item.get("msg", "")).removeprefix("Value error, ")
    pointer = one_line(json_pointer(parts))
    return {"in": str(part), "pointer": pointer, "message": one_line(message)}


def _http(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = str(error.detail) if isinstance(error, HTTPException) else ""
    kind = HTTP_KINDS.get(status) or ErrorKind(status, f"http-{status}", detail or "Error")
    if status == 404 and detail == "Not Found":
        detail = f"nothing is served at {request.url.path}; see /docs"
    if status == 405:
        detail = f"{request.method} is not possible at {request.url.path}; see /docs"
    headers = dict(getattr(error, "headers", None) or {})
    if status == 405:
        headers["Allow"] = ", ".join(_allowed(request, headers.get("Allow", "")))
    return problem_response(request, kind, one_line(detail), headers)


def _allowed(request: Request, known: str) -> list[str]:
    """Every method of the path; the router itself names those of its first route alone.

    Of two documented paths that fit, the one with fewer letters left open counts.
    """
    paths = request.app.openapi()["paths"]
    fitting = [path for path in paths if compile_path(path)[0].match(request.url.path)]
    if not fitting:
        return sorted(name.strip() for name in known.split(",") if name.strip())
    documented = paths[max(fitting, key=lambda path: len(re.sub(r"{.*?}", "", path)))]
    methods = {method.upper() for method in documented}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))
