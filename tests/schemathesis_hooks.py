"""What schemathesis cannot know of this service; named by `SCHEMATHESIS_HOOKS`.

DELETE of an index run cancels it. The run itself stays and can be read, so that its end is known,
which the check "use after free" takes for a mistake. It is none if the answer tells that the run is
over or about to be; a run that went on as if nobody had cancelled it is still reported.

Index runs empty the library at times, which a documented 503 says; and a head of over 64 KiB, which
lists in an address can reach, is refused before any operation is known.
"""

from __future__ import annotations

import json
import re
from typing import Any

import schemathesis
from schemathesis.openapi.checks import UseAfterFree

RUN = re.compile(r"/v1/admin/index-runs/\{run_id\}(/events)?")
OVER = {"succeeded", "failed", "cancelled"}


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whether a failure counts."""
    if response is not None and (_is_empty(response) or _is_too_long(response)):
        return False
    if not isinstance(failure, UseAfterFree) or not RUN.fullmatch(case.operation.path):
        return True
    return not is_cancelled(response.text)


def _is_empty(response: Any) -> bool:
    """Whether nothing can be answered since nothing is indexed."""
    return response.status_code == 503 and "urn:circumplex:problem:not-ready" in response.text


def _is_too_long(response: Any) -> bool:
    """Whether the server's own bound on heads refused it."""
    return response.status_code == 400 and response.text == "Invalid HTTP request received."


def is_cancelled(body: str) -> bool:
    """Whether a run, or the first event of its stream, says that it was cancelled or is over."""
    text = next((line[5:] for line in body.splitlines() if line.startswith("data:")), body)
    run = json.loads(text)
    return bool(run["cancel_requested"]) or run["state"] in OVER
