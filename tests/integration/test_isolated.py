"""Files analysed in a process of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import StorageError
from indexer.runs.isolated import analyse_isolated
from model.errors import AudioError, UndecodableAudioError
from tests.catalogue import write_tone
from tests.fakes import FakeModel
from tests.index_child import analyse_isolated as fake_isolated


def test_the_analysis_is_the_same_as_here(tmp_path: Path) -> None:
    """Only the process is another."""
    path = write_tone(tmp_path / "name with spaces é.wav", duration_s=3)

    found, expected = fake_isolated(path, "fake"), FakeModel().analyse(path)

    np.testing.assert_allclose(found.segment_features, expected.segment_features, rtol=1e-5)
    assert (found.frontend_id, found.duration_s) == (expected.frontend_id, expected.duration_s)


def test_the_real_frontend_is_found_by_its_name(tmp_path: Path) -> None:
    """31 descriptors a segment."""
    assert analyse_isolated(
        write_tone(tmp_path / "a.wav"), "descriptors"
    ).segment_features.shape == (*(1, 31),)


def test_a_file_that_is_no_audio_says_why(tmp_path: Path) -> None:
    """The reason is the decoder's, as in this process."""
    path = tmp_path / "a.mp3"
    path.write_bytes(b"no audio")
    with pytest.raises(AudioError) as here:
        FakeModel().analyse(path)

    with pytest.raises(AudioError) as there:
        fake_isolated(path, "fake")

    assert str(there.value) == str(here.value)


def test_a_file_that_kills_the_process_is_refused(tmp_path: Path) -> None:
    """A signal is the file's fault."""
    with pytest.raises(UndecodableAudioError, match="-11"):
        fake_isolated(write_tone(tmp_path / "crash.wav"), "fake")


def test_an_error_of_the_program_is_told(tmp_path: Path) -> None:
    """The last line of its traceback."""
    with pytest.raises(UndecodableAudioError, match="nonsense"):
        analyse_isolated(write_tone(tmp_path / "a.wav"), "nonsense")


def test_a_process_that_does_not_start_is_no_fault_of_the_file(tmp_path: Path) -> None:
    """It ends the run instead of leaving the file out."""
    with pytest.raises(StorageError, match="no process"):
        analyse_isolated(tmp_path / "a.wav", "fake", [sys.executable + " that is not there"])
