"""After an upgrade with another model the old index answers, and a new one is made by itself."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import NotReadyError
from app.kept_models import MOST_KEPT, KeptModels
from app.opening import opened_catalog
from app.services import load_and_keep, load_model, make_indexer, opened_library
from app.settings import Settings
from model.checkpoint import save_checkpoint
from model.emotion_model import EmotionModel
from model.shipped import FAST_CHECKPOINT
from tests.catalogue import write_tone
from tests.running import fake_settings, running_service


@pytest.fixture(scope="module")
def new() -> EmotionModel:
    """A shipped model."""
    return EmotionModel.load(FAST_CHECKPOINT, device="cpu")


@pytest.fixture
def settings(tmp_path: Path, new: EmotionModel) -> Settings:
    """A library indexed by another checkpoint, whose file has gone with the build before."""
    for number, hz in enumerate((300, 900, 2000)):
        write_tone(tmp_path / "music" / f"{number}.wav", hz=hz, level=0.3, duration_s=25)
    before = tmp_path / "before.safetensors"
    save_checkpoint(before, replace(new.checkpoint, name="before"))
    given = fake_settings(tmp_path, device="cpu", checkpoint=before)
    with opened_catalog(given) as catalog:
        make_indexer(given, catalog, load_and_keep(given)).run([tmp_path / "music"])
    before.unlink()
    return given.with_changes(checkpoint="fast")


def test_the_old_index_answers_with_its_own_model(settings: Settings) -> None:
    """On the command line, with a note that says why."""
    with opened_library(settings) as library:
        note = library.live.note
        made_by = library.model.model_id

    assert made_by.startswith("before-")
    assert "until an index run" in str(note)


def test_a_service_makes_the_new_index_by_itself(settings: Settings, new: EmotionModel) -> None:
    """It answers from the first moment on; nobody asked for the run."""
    with running_service(settings, new) as running:
        first = running.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}})
        deadline = time.monotonic() + 120.0
        while (ready := running.client.get("/readyz").json())["model_id"] != new.model_id:
            assert ready["note"]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        last = running.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}})
        note = running.client.get("/readyz").json()["note"]
    with opened_catalog(settings) as catalog:
        runs = catalog.list_runs()

    assert first.status_code == last.status_code == 200
    assert len(first.json()["items"]) == len(last.json()["items"]) > 0
    assert last.json()["model_id"] == new.model_id
    assert note is None
    assert [run.state for run in runs] == ["succeeded", "succeeded"]


def test_without_the_old_model_the_reason_is_given(settings: Settings, new: EmotionModel) -> None:
    """And the run is queued all the same."""
    for kept in (settings.data_dir / "models").iterdir():
        kept.unlink()
    with opened_library(settings) as library:
        nothing = library.live.current_or_none()
        with pytest.raises(NotReadyError) as caught:
            library.live.current()
        why = str(caught.value)

    assert nothing is None
    assert "before-" in why
    assert new.model_id in why
    assert "the service queues one" in why


def test_only_the_last_few_models_are_kept(tmp_path: Path, new: EmotionModel) -> None:
    """A checkpoint that is kept comes back as the same model."""
    kept = KeptModels(tmp_path, lambda path: EmotionModel.load(path, device="cpu"))
    names = []
    for number in range(MOST_KEPT + 2):
        path = tmp_path / f"{number}.safetensors"
        save_checkpoint(path, replace(new.checkpoint, name=f"m{number}"))
        model = EmotionModel.load(path, device="cpu")
        names.append(model.model_id)
        kept.keep(model)

    found = [kept.find(name) for name in names]
    assert [model.model_id for model in found if model] == names[2:]
    assert kept.find("../0") is None


def test_a_damaged_kept_model_is_passed_over(tmp_path: Path, new: EmotionModel) -> None:
    """As if it were not there; the shipped ones are found too."""
    kept = KeptModels(tmp_path, lambda path: EmotionModel.load(path, device="cpu"))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "x-000000000000.safetensors").write_bytes(b"nothing")
    shipped = kept.find(new.model_id)

    assert kept.find("x-000000000000") is None
    assert shipped is not None
    assert shipped.model_id == new.model_id


def test_the_model_in_use_is_kept(tmp_path: Path) -> None:
    """Once, under its name."""
    settings = fake_settings(tmp_path, device="cpu")
    settings.data_dir.mkdir()
    model = load_and_keep(settings)
    load_and_keep(settings)

    (file,) = (settings.data_dir / "models").iterdir()
    assert file.name == f"{model.model_id}.safetensors"
    assert load_model(settings.with_changes(checkpoint=file)).model_id == model.model_id
