"""The process of an index run of the service, with log lines like the service's own."""

from __future__ import annotations

import sys

from indexer.starting import collector_paused

with collector_paused():
    from app import logs
    from indexer.runs.worker import main

COMMAND = (sys.executable, "-m", "app.indexing.worker")

if __name__ == "__main__":
    logs.configure()
    sys.exit(main())
