"""The pictures of `docs/images/`, taken from the page with the shipped model over real files.

They are rewritten only where `CIRCUMPLEX_PICTURES` names a folder of music, such as the one
`make demo` composes: `CIRCUMPLEX_PICTURES=demo-data/music .venv/bin/pytest -k pictures`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from model.emotion_model import EmotionModel
from model.shipped import FAST_CHECKPOINT
from tests.conftest import REPOSITORY
from tests.e2e.page.browser import PHONE, open_page, wait_for_items, wait_until, watched_page
from tests.e2e.page.test_page_library import unlock
from tests.running import Running, fake_settings, index_now, running_service

IMAGES = REPOSITORY / "docs" / "images"
STORM = "curve=0,-0.62,0.82;50,-0.5,0.45;90,-0.05,-0.1;130,0.3,-0.55;180,0.6,-0.7"
SUNRISE = "curve=0,-0.45,-0.72;50,-0.15,-0.62;95,0.12,-0.1;140,0.4,0.42;180,0.72,0.58"
TELEPHONE = {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def music(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The shipped model over the music that was named, with one broken file and two snapshots."""
    named = os.environ.get("CIRCUMPLEX_PICTURES")
    if not named:
        pytest.skip("pictures are taken only where CIRCUMPLEX_PICTURES names a folder of music")
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "other").mkdir()
    (folder / "other" / "scan of the cover.mp3").write_bytes(b"no music\n" * 200)
    settings = fake_settings(folder, music_roots=(Path(named).resolve(), folder / "other"))
    with running_service(settings, EmotionModel.load(FAST_CHECKPOINT, "cpu")) as running:
        index_now(running, roots=[str(Path(named).resolve() / _first_folder(named))])
        run = index_now(running)
        assert run["state"] == "succeeded", run
        yield running


def _first_folder(named: str) -> str:
    return sorted(path.name for path in Path(named).iterdir() if path.is_dir())[0]


def _first(page: Page, music: Running) -> None:
    open_page(page, music.url)


def _playlist(page: Page, music: Running) -> None:
    open_page(page, music.url, STORM)
    wait_for_items(page)


def _playing(page: Page, music: Running) -> None:
    open_page(page, music.url, f"{SUNRISE}&limit=12")
    wait_for_items(page)
    page.locator("#whole").evaluate("node => node.click()")
    page.locator("#items .item__play").nth(7).click()
    wait_until(page, "document.querySelector('#audio').currentTime > 4")
    page.mouse.move(10, 10)
    page.locator("#toggle").click()
    page.mouse.move(10, 10)


def _clip(page: Page, music: Running) -> None:
    open_page(page, music.url)
    clips = sorted(music.settings.music_roots[0].rglob("*.*"))
    clip = next((path for path in clips if "below" in path.name), clips[0])
    page.locator("#clip-file").set_input_files(clip)
    expect(page.locator("#heading")).to_have_text(clip.name)


def _library(page: Page, music: Running) -> None:
    _playlist(page, music)
    unlock(page)
    expect(page.locator("#failures li")).not_to_have_count(0)


PICTURES: dict[str, tuple[Callable[[Page, Running], None], dict[str, Any]]] = {
    "first-view": (_first, {}),
    "playlist-light": (_playlist, {}),
    "playlist-dark": (_playing, {"color_scheme": "dark"}),
    "clip": (_clip, {}),
    "clip-dark": (_clip, {"color_scheme": "dark"}),
    "library": (_library, {}),
    "phone": (_playlist, TELEPHONE),
    "phone-dark": (_first, TELEPHONE | {"color_scheme": "dark"}),
}


@pytest.mark.parametrize("name", list(PICTURES))
def test_pictures_show_the_main_states(browser: Browser, music: Running, name: str) -> None:
    """Each state is reached without an error and its picture is kept."""
    reach, options = PICTURES[name]
    with watched_page(browser, **options) as (page, watch):
        reach(page, music)
        page.wait_for_timeout(2000)  # covers come late
        path = IMAGES / f"{name}.jpg"
        page.screenshot(path=path, type="jpeg", quality=88)

        watch.check()
        assert path.stat().st_size > 20_000
