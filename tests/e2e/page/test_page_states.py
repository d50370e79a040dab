"""The page where things are not as they should be, on small screens, and for everyone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile
from playwright.sync_api import Browser, Page, Route, expect

from app.http.keys import KeyRing
from tests.e2e.page.browser import (
    PHONE,
    Watch,
    draw,
    open_page,
    wait_for_items,
    wait_until,
    watched_page,
)
from tests.e2e.page.test_page_clip import choose, clip_bytes
from tests.e2e.page.test_page_library import unlock
from tests.running import (
    RATE_HZ,
    Running,
    fake_settings,
    index_now,
    running_service,
    tone,
    write_library,
)

PATH = "curve=0,-0.6,-0.5;60,0.1,0.6;120,0.7,0.4"


def test_an_empty_library_says_what_to_do_next(page: Page, empty_service: Running) -> None:
    """And as soon as something is indexed, the dots are there without a reload."""
    page.goto(empty_service.url)
    expect(page.get_by_role("heading", name="No music yet")).to_be_visible()
    expect(page.locator("#empty code")).to_have_text("circumplex index ~/Music")

    index_now(empty_service)

    expect(page.locator("#count")).to_have_text("9 tracks")
    expect(page.locator("#empty")).to_be_hidden()
    expect(page.get_by_role("heading", name="Draw a feeling.")).to_be_visible()


def test_a_clip_is_heard_without_an_index(page: Page, empty_service: Running) -> None:
    """Its curve needs the model alone; the page says that there is nothing to compare it with."""
    page.goto(empty_service.url)
    expect(page.get_by_role("heading", name="No music yet")).to_be_visible()

    choose(page, "growing.wav", clip_bytes())

    expect(page.locator("#remark")).to_have_text("Nothing is indexed to compare it with.")
    expect(page.locator("#empty")).to_be_hidden()
    assert page.locator(".chart__line").count() == 2


def test_a_first_index_under_way_is_shown(page: Page, empty_service: Running) -> None:
    """While the first run goes on, the page says so to everyone, and how far it is."""
    progress = {"files_total": 0, "files_done": 0, "files_failed": 0, "seconds_left": None}

    def under_way(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"indexing": True, "progress": progress})

    page.route("**/v1/library", under_way)
    page.goto(empty_service.url)
    expect(page.get_by_role("heading", name="Listening to your music")).to_be_visible()
    expect(page.locator("#first-text")).to_have_text("Looking through the folders")
    progress |= {"files_total": 20_000, "files_done": 3214, "seconds_left": 7700.0}

    expect(page.locator("#first-text")).to_have_text("3,214 of 20,000 files · 2.1 h left")
    assert page.locator("#first-bar").evaluate("bar => bar.position") == 3214 / 20_000


def test_a_later_index_under_way_stands_beside_the_count(page: Page, service: Running) -> None:
    """In per cent, while the old index answers."""
    progress = {"files_total": 200, "files_done": 33, "files_failed": 0, "seconds_left": None}
    page.route(
        "**/v1/library",
        lambda route: route.fulfill(
            json=route.fetch().json() | {"indexing": True, "progress": progress}
        ),
    )
    open_page(page, service.url)

    expect(page.locator("#count")).to_have_text("9 tracks · indexing 16 %")


def test_another_snapshot_is_noticed(page: Page, empty_service: Running) -> None:
    """Music indexed from elsewhere appears with the next answer."""
    index_now(empty_service)
    open_page(page, empty_service.url, "mood=happy")
    wait_for_items(page)
    (root,) = empty_service.settings.music_roots
    soundfile.write(root / "new.flac", tone(0.6, 900.0), RATE_HZ)
    index_now(empty_service)
    expect(page.locator("#count")).to_have_text("9 tracks")

    page.get_by_role("button", name="calm", exact=True).focus()
    page.keyboard.press("Enter")

    expect(page.locator("#count")).to_have_text("10 tracks")
    expect(page.locator("#items > li")).to_have_count(10)


def test_a_lost_connection_is_told_and_mended(page: Page, service: Running, watch: Watch) -> None:
    """What was drawn meanwhile is asked when the service is back."""
    open_page(page, service.url)
    page.context.set_offline(True)
    draw(page, (-0.5, -0.5), (0.5, 0.5))
    expect(page.locator("#lost")).to_be_visible()
    assert page.locator("#items > li").count() == 0

    page.context.set_offline(False)

    expect(page.locator("#lost")).to_be_hidden()
    assert wait_for_items(page).count() == 9


def test_a_refused_query_says_why(page: Page, service: Running, watch: Watch) -> None:
    """A link with a word the service does not know shows the service's own sentence."""
    watch.expect("422 /v1/playlists")
    open_page(page, service.url, "mood=clam")

    expect(page.locator("#remark")).to_contain_text("calm")


@contextmanager
def phone(browser: Browser) -> Iterator[tuple[Page, Watch]]:
    """A page on a telephone: narrow, fine, touched."""
    options = {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
    with watched_page(browser, **options) as pair:
        yield pair


def test_a_phone_shows_everything_in_one_column(browser: Browser, service: Running) -> None:
    """Nothing hangs over the edge, and a tap asks."""
    with phone(browser) as (page, watch):
        open_page(page, service.url, PATH)
        wait_for_items(page)

        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        over = page.evaluate(
            "[...document.querySelectorAll('main *')].filter(n => n.offsetParent &&"
            " n.getBoundingClientRect().right > innerWidth + 1).map(n => n.className)"
        )
        assert over == []
        box = page.locator("#pad").bounding_box()
        assert box is not None
        page.touchscreen.tap(box["x"] + 0.8 * box["width"], box["y"] + 0.25 * box["height"])
        expect(page.locator("#strip")).to_have_attribute("data-kind", "steady")
        watch.check()


def test_motion_is_reduced_when_asked(browser: Browser, service: Running) -> None:
    """With reduced motion the first view stands still from its first moment; otherwise it draws."""
    picture = "document.querySelector('#ink').toDataURL()"
    for motion, moves in (("reduce", False), ("no-preference", True)):
        with watched_page(browser, reduced_motion=motion) as (page, _):
            open_page(page, service.url)
            page.wait_for_timeout(150)
            before = page.evaluate(picture)
            page.wait_for_timeout(600)
            assert (page.evaluate(picture) != before) is moves


def test_the_theme_is_the_visitors_choice(page: Page, service: Running) -> None:
    """The button turns the page dark, and it stays so after a reload."""
    open_page(page, service.url)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.get_by_role("button", name="Dark colours").click()
    page.reload()

    expect(page.get_by_role("button", name="Light colours")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


@contextmanager
def locked_service(folder: Path) -> Iterator[Running]:
    """A service that answers nobody without a key."""
    write_library(folder / "music")
    with running_service(fake_settings(folder, require_key=True)) as running:
        index_now(running)
        yield running


def test_a_locked_library_opens_with_the_token(page: Page, watch: Watch, tmp_path: Path) -> None:
    """It says it is locked; with the token everything works, audio included."""
    with locked_service(tmp_path) as running:
        watch.expect("401 /v1/library")
        page.goto(running.url)
        expect(page.get_by_role("heading", name="This library has a lock")).to_be_visible()

        unlock(page)
        expect(page.locator("#administration")).to_be_visible()
        expect(page.locator("#count")).to_have_text("9 tracks")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="calm", exact=True).focus()
        page.keyboard.press("Enter")
        wait_for_items(page)
        page.locator("#items .item__play").first.click()

        wait_until(page, "document.querySelector('#audio').currentTime > 0.2")


def test_a_key_that_only_reads_opens_the_rest(page: Page, watch: Watch, tmp_path: Path) -> None:
    """The service's own sentence says that it may not administer."""
    with locked_service(tmp_path) as running:
        _, secret = KeyRing(running.settings.data_dir / "keys.json").create("a listener", ("read",))
        watch.expect("401 /v1/library", "403 /v1/admin/")
        page.goto(running.url)
        unlock(page, secret)

        expect(page.locator("#count")).to_have_text("9 tracks")
        expect(page.locator("#token-error")).to_contain_text("not admin")
        expect(page.locator("#administration")).to_be_hidden()


def test_the_browser_is_told_of_every_module_at_once(page: Page, service: Running) -> None:
    """Each module the page runs is named for loading ahead, and asked about again, not reloaded."""
    modules: dict[str, str] = {}
    page.on(
        "response",
        lambda answer: (
            modules.update({answer.url: answer.headers.get("cache-control", "")})
            if answer.url.endswith(".js")
            else None
        ),
    )
    open_page(page, service.url)

    ahead = page.locator("link[rel=modulepreload]").evaluate_all("nodes => nodes.map(n => n.href)")

    assert set(modules) - set(ahead) == {f"{service.url}/web/main.js"}
    assert set(ahead) <= set(modules)
    assert set(modules.values()) == {"no-cache"}


def test_unplayable_tracks_end_the_playing(page: Page, service: Running, watch: Watch) -> None:
    """The player tries three, says of each that it cannot be played, and stops."""
    page.route("**/audio", lambda route: route.fulfill(body="no music", content_type="audio/flac"))
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.locator("#items .item__play").first.click()

    expect(page.locator(".toast--wrong")).to_have_count(3)
    expect(page.locator("#player")).to_be_hidden()
    page.wait_for_timeout(300)
    expect(page.locator(".toast--wrong")).to_have_count(3)


def test_the_word_of_the_question_is_marked(page: Page, service: Running) -> None:
    """Also where the question came with the link, before the words did."""
    open_page(page, service.url, "mood=sad")
    wait_for_items(page)

    expect(page.get_by_role("button", name="sad", exact=True, pressed=True)).to_be_visible()
    expect(page.locator(".word[aria-pressed=true]")).to_have_count(1)
