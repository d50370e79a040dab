"""Answers of the protocol: one tree of plain values, written as JSON, JSONP or XML.

A mapping is an element: its plain values are attributes, its mappings and lists of mappings are
elements inside it, a list of plain values is an element each. `value` is an element's text, as the
protocol has it for genres.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from fastapi import Response

from app.subsonic.errors import MISSING, SubsonicError
from app.version import VERSION
from app.wire.printable import UNPRINTABLE

PROTOCOL = "1.16.1"
NAMESPACE = "http://subsonic.org/restapi"
FORMATS = ("xml", "json", "jsonp")
_CALLBACK = re.compile(r"[\w$][\w$.]{0,200}", re.ASCII)

LARGE_BYTES = 256 * 1024
MOST_LARGE = 4

Tree = Mapping[str, Any]


class LargeBodies:
    """Keeps the last large answers, so that equal ones are held once, whoever reads them slowly."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def shared(self, response: Response) -> Response:
        """The answer, with the body of an equal one before it."""
        body = bytes(response.body)
        if len(body) >= LARGE_BYTES:
            digest = hashlib.blake2b(body).digest()
            with self._lock:
                response.body = self._kept.setdefault(digest, body)
                self._kept.move_to_end(digest)
                while len(self._kept) > MOST_LARGE:
                    self._kept.popitem(last=False)
        return response


def moment(at: datetime) -> str:
    """A time as the protocol writes it: ISO 8601, UTC, milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def present(values: Tree) -> dict[str, Any]:
    """The values that are known: the protocol leaves out what is not."""
    return {name: value for name, value in values.items() if value is not None}


def ok(tree: Tree, form: str, callback: str | None) -> Response:
    """A successful answer."""
    return _written({"status": "ok", **_server(), **tree}, form, callback)


def failed(error: SubsonicError, form: str, callback: str | None) -> Response:
    """A refusal; its HTTP status is 200, as the protocol wants it."""
    told = {"code": error.code, "message": str(error)}
    return _written({"status": "failed", **_server(), "error": told}, form, callback)


def checked_form(form: str, callback: str | None) -> tuple[str, str | None]:
    """The format asked for.

    Raises:
        SubsonicError: `f` is none of the protocol's, or JSONP lacks a usable callback.
    """
    if form not in FORMATS:
        raise SubsonicError(MISSING, f"f={form!r} is none of {', '.join(FORMATS)}")
    if form == "jsonp" and not (callback and _CALLBACK.fullmatch(callback)):
        raise SubsonicError(MISSING, "f=jsonp needs a callback that is a plain name")
    return form, callback


def _server() -> dict[str, Any]:
    return {
        "version": PROTOCOL,
        "type": "circumplex",
        "serverVersion": VERSION,
        "openSubsonic": True,
    }


def _written(tree: Tree, form: str, callback: str | None) -> Response:
    if form == "xml":
        root = _element("subsonic-response", {"xmlns": NAMESPACE, **tree})
        text = ElementTree.tostring(root, encoding="unicode")
        return Response(
            '<?xml version="1.0" encoding="UTF-8"?>\n' + text, media_type="application/xml"
        )
    text = json.dumps({"subsonic-response": tree}, ensure_ascii=False, separators=(",", ":"))
    text = text.encode("utf-8", "replace").decode()
    if form == "jsonp":
        script = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        return Response(f"{callback}({script});", media_type="application/javascript")
    return Response(text, media_type="application/json")


def _element(name: str, value: Any) -> ElementTree.Element:
    element = ElementTree.Element(name)
    if not isinstance(value, Mapping):
        element.text = _text(value)
        return element
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            element.append(_element(key, inner))
        elif isinstance(inner, list | tuple):
            element.extend(_element(key, each) for each in inner)
        elif key == "value":
            element.text = _text(inner)
        else:
            element.set(key, _text(inner))
    return element


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return UNPRINTABLE.sub(" ", str(value))
