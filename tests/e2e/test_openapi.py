"""schemathesis over the whole OpenAPI document, with every check it has.

The depth is `CIRCUMPLEX_SCHEMATHESIS_EXAMPLES` examples an operation; 150 make over 10,000 cases.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import TOKEN, Running, fake_settings, index_now, running_service, write_library
from tests.schemathesis_hooks import is_cancelled

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "tests" / "schemathesis.toml"
EXAMPLES = os.environ.get("CIRCUMPLEX_SCHEMATHESIS_EXAMPLES", "5")


def schemathesis(running: Running, folder: Path, *, seed: int) -> subprocess.CompletedProcess[str]:
    """Generate requests from the document and judge the answers."""
    command = Path(sys.executable).parent / "schemathesis"
    options = ("--checks", "all", "--continue-on-failure")
    return subprocess.run(
        [
            *(str(command), "--config-file", str(CONFIG), "run", f"{running.url}/openapi.json"),
            *("--header", f"Authorization: Bearer {TOKEN}"),
            *("--max-examples", EXAMPLES, "--seed", str(seed), "--request-timeout", "30"),
            *(*options, "--no-shrink", "--no-color"),
        ],
        cwd=folder,
        env=os.environ
        | {"SCHEMATHESIS_HOOKS": "tests.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )


@pytest.mark.timeout(3600)
def test_the_service_does_what_its_document_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No failure: statuses, bodies and headers are the documented ones, whatever is sent."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path)) as running:
        index_now(running)
        done = schemathesis(running, tmp_path, seed=1)
        alive = running.client.get("/readyz").status_code
        refused = running.client.get("/metrics").text

    figures = re.findall(r"\d+ (?:generated|passed|failed|skipped)[^\n]*|Seed: \d+", done.stdout)
    with capsys.disabled():
        print(f"\nschemathesis: {'; '.join(figures)}")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert alive == 200
    assert 'status="500"' not in refused


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"state": "cancelled", "cancel_requested": false}', True),
        ('{"state": "succeeded", "cancel_requested": false}', True),
        ('{"state": "running", "cancel_requested": true}', True),
        ('{"state": "running", "cancel_requested": false}', False),
        ('event: progress\ndata: {"state": "queued", "cancel_requested": false}\n\n', False),
        ('event: end\ndata: {"state": "cancelled", "cancel_requested": true}\n\n', True),
    ],
)
def test_a_run_that_ignores_its_cancelling_is_no_exception(body: str, expected: bool) -> None:
    """What is left out of schemathesis' check is a run that tells of its end, and nothing else."""
    assert is_cancelled(body) is expected
