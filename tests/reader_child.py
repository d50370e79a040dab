"""A reader's worker process with the fake frontend, for tests: `python -m tests.reader_child`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from indexer.starting import collector_paused

with collector_paused():
    from indexer.isolation import reader
    from tests.fakes import FakeFrontend

HANGS_S = 600.0


def main(options: dict[str, Any]) -> None:
    """Serve; die of files named `crash…`, hang over files named `hang…`."""
    serve = reader.serve

    def with_trouble(options: Any, handle: Any) -> None:
        def troubled(request: Any, file: Any) -> Any:
            name = request["name"].rpartition("/")[2]
            if request["do"] == "analyse" and name.startswith("crash"):
                os.kill(os.getpid(), signal.SIGSEGV)
                time.sleep(5)
            if request["do"] == "analyse" and name.startswith("hang"):
                time.sleep(HANGS_S)
            if request["do"] == "analyse" and name.startswith("greedy"):
                raise MemoryError
            return handle(request, file)

        serve(options, troubled)

    reader.serve = with_trouble
    reader.main(options, lambda *_: FakeFrontend())


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
