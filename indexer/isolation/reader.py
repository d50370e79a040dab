"""The worker that reads tags and analyses files: `python -m indexer.isolation.reader OPTIONS`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from indexer.starting import collector_paused

with collector_paused():
    import torch

    from indexer.folders.files import read_tags
    from indexer.isolation.reading import NamedFile, written
    from indexer.isolation.serving import Answer, serve
    from model.analysis import analyse
    from model.frontends import Frontend, get_frontend
    from model.frontends.material import material


def main(options: Mapping[str, Any], get: Callable[..., Frontend] = get_frontend) -> None:
    """Serve tags and analyses until the other side hangs up."""
    torch.set_num_threads(1)
    frontend = get(options["frontend"], torch.device("cpu"))

    def handle(request: Mapping[str, Any], file: BinaryIO | None) -> Answer:
        assert file is not None
        source: Any = NamedFile(file, request["name"])
        if request["do"] == "tags":
            return {"tags": written(read_tags(source, request["name"]))}, b""
        found = analyse(
            source, frontend, max_duration_s=options["max_duration_s"], evidence=(material(),)
        )
        return {}, found.to_bytes()

    serve(options, handle)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
