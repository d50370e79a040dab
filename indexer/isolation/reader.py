"""The worker that reads tags and analyses files: `python -m indexer.isolation.reader OPTIONS`."""

from __future__ import annotations

import json
import sys
import wave
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, BinaryIO

from indexer.starting import collector_paused

with collector_paused():
    import numpy as np
    import torch

    from indexer.folders.files import read_tags
    from indexer.isolation.reading import NamedFile, written
    from indexer.isolation.serving import Answer, Handle, serve
    from model.analysis import analyse
    from model.frontends import Frontend, get_frontend
    from model.frontends.material import material

RATE_HZ = 22_050


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

    _rehearse(handle)
    serve(options, handle)


def _rehearse(handle: Handle) -> None:
    """Read two seconds of noise, so that no import and no table is made under a file's limits."""
    file = BytesIO()
    noise = np.random.default_rng(0).normal(0.0, 3000.0, 2 * RATE_HZ).astype("<i2")
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, RATE_HZ, 0, "NONE", "not compressed"))
        sound.writeframes(noise.tobytes())
    for do in ("tags", "analyse"):
        file.seek(0)
        handle({"do": do, "name": "noise.wav"}, file)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
