"""A service that watches its music roots indexes what changes, without being asked."""

from __future__ import annotations

import time
from pathlib import Path

from tests.catalogue import write_tone
from tests.running import fake_settings, running_service


def test_a_new_file_is_indexed_by_itself(tmp_path: Path) -> None:
    """Both one that was there before the service and one that came later."""
    write_tone(tmp_path / "music/old.wav", hz=300)
    with running_service(fake_settings(tmp_path, watch_s=1.0)) as running:
        time.sleep(1.5)  # so that the watch has looked once
        write_tone(tmp_path / "music/new.wav")
        deadline = time.monotonic() + 300
        while len(items := running.client.get("/v1/tracks").json()["items"]) < 2:
            assert time.monotonic() < deadline, "the file was not noticed"
            time.sleep(0.2)

    assert [track["path"] for track in items] == ["old.wav", "new.wav"]
