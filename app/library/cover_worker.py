"""The worker that makes covers small: `python -m app.library.cover_worker OPTIONS`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

from app.library.pictures import PictureError, small_jpeg
from indexer.folders.container_pictures import tagged_picture
from indexer.isolation.serving import Answer, serve
from model.audio.pictures import MAX_PICTURE_BYTES, embedded_picture
from model.errors import AudioError


def handle(request: Mapping[str, Any], file: BinaryIO | None) -> Answer:
    """The small picture of an open file: `inside` audio, or the file itself."""
    assert file is not None
    try:
        content = _inside(file) if request["do"] == "inside" else _whole(file)
        if content is None:
            return {"cover": False}, b""
        return {"cover": True}, small_jpeg(content, request["size"])
    except (AudioError, PictureError) as exc:
        return {"cover": False, "trouble": str(exc)}, b""


def _inside(file: BinaryIO) -> bytes | None:
    return embedded_picture(file) or tagged_picture(file)


def _whole(file: BinaryIO) -> bytes:
    content = file.read(MAX_PICTURE_BYTES + 1)
    if len(content) > MAX_PICTURE_BYTES:
        raise PictureError(f"larger than the {MAX_PICTURE_BYTES} bytes that are read")
    return content


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]), handle)
