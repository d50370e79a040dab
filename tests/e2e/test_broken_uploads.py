"""Mutated and malformed audio through the running service, decoded in its worker process."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from model.emotion_model import EmotionModel
from model.shipped import FAST_CHECKPOINT
from tests.mutations import mutated_files, whole_files
from tests.running import fake_settings, running_service

COUNT = int(os.environ.get("CIRCUMPLEX_BROKEN_UPLOADS", "150"))
MAX_GROWTH_BYTES = 500 << 20


def resident_bytes(pid: int | str) -> int:
    """Memory a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


@pytest.mark.timeout(7200)
def test_no_broken_file_breaks_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is answered with an emotion or a 4xx problem; no 500, no lost worker, bounded memory.

    `CIRCUMPLEX_BROKEN_UPLOADS` says how many.
    """
    settings = fake_settings(tmp_path, isolate_uploads=True)
    statuses: Counter[int] = Counter()
    unexpected = []
    with running_service(settings, EmotionModel.load(FAST_CHECKPOINT, "cpu")) as running:
        for name, content in whole_files().items():
            answer = running.client.post("/v1/emotions", files={"file": content})
            assert answer.status_code == 200, f"{name}: {answer.text}"
        before = resident_bytes("self")
        for name, content in mutated_files(COUNT, seed=1):
            answer = running.client.post("/v1/emotions", files={"file": content})
            statuses[answer.status_code] += 1
            problem = answer.json().get("type", "")
            if answer.status_code not in {200, 413, 422} or problem.endswith("analysis-limit"):
                unexpected.append(f"{name}: {answer.text[:200]}")
        growth = resident_bytes("self") - before
        left = list((settings.data_dir / "uploads").glob("*/*"))

    with capsys.disabled():
        print(f"\n{COUNT} broken uploads: {dict(statuses)}, {growth >> 20} MiB more memory")
    assert unexpected == []
    assert growth < MAX_GROWTH_BYTES
    assert left == []
