"""Browser and service for the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.page.browser import Watch, chromium, watched_page
from tests.running import Running, fake_settings, index_now, running_service, write_library

expect.set_options(timeout=60_000)  # milliseconds: the machine may be busy


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for one module: its event loop must not outlive the tests that use it."""
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def service(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Nine indexed tones and one broken file, under the fake model."""
    folder = tmp_path_factory.mktemp("page")
    write_library(folder / "music")
    with running_service(fake_settings(folder)) as running:
        assert index_now(running)["state"] == "succeeded"
        yield running


@pytest.fixture
def empty_service(browser: Browser, tmp_path: Path) -> Iterator[Running]:
    """The same music, not indexed yet."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path)) as running:
        yield running


@pytest.fixture
def watch() -> Watch:
    """What the page did wrong, for tests that expect some of it."""
    return Watch()


@pytest.fixture
def page(browser: Browser, watch: Watch) -> Iterator[Page]:
    """A page; afterwards nothing may stand on its console and nothing may have left the machine."""
    with watched_page(browser, watch) as (opened, _):
        yield opened
    watch.check()
