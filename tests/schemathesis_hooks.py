"""What schemathesis cannot know of this service; named by `SCHEMATHESIS_HOOKS`.

DELETE of an index run cancels it. The run itself stays and can be read, so that its end is known,
which the check "use after free" takes for a mistake. It is none if the answer tells that the run is
over or about to be; a run that went on as if nobody had cancelled it is still reported.
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
    if not isinstance(failure, UseAfterFree) or not RUN.fullmatch(case.operation.path):
        return True
    return not is_cancelled(response.text)


def is_cancelled(body: str) -> bool:
    """Whether a run, or the first event of its stream, says that it was cancelled or is over."""
    text = next((line[5:] for line in body.splitlines() if line.startswith("data:")), body)
    run = json.loads(text)
    return bool(run["cancel_requested"]) or run["state"] in OVER
