"""Music like several tracks: added from the list or by name, in the link, left by going back."""

from __future__ import annotations

import json
import shlex

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.page.browser import (
    PHONE,
    open_page,
    titles,
    wait_for_items,
    wait_until,
    watched_page,
)
from tests.running import Running


def tracks_of(service: Running) -> dict[str, int]:
    """Ids of all tracks by title."""
    items = service.client.get("/v1/tracks").json()["items"]
    return {item["title"]: item["id"] for item in items}


def answer_to(service: Running, *ids: int) -> list[str]:
    """What the API answers to the tracks."""
    body = {"emotion": {"tracks": list(ids)}}
    items = service.client.post("/v1/playlists", json=body).json()["items"]
    return [item["track"]["title"] for item in items]


def test_a_second_track_is_added_from_the_list(page: Page, service: Running) -> None:
    """Both are named, the link holds both, neither is in the answer; back leads to the one."""
    ids = tracks_of(service)
    open_page(page, service.url, f"track={ids['Loud bright']}")
    wait_for_items(page)
    expect(page.locator("#heading")).to_have_text("Like “Loud bright”")
    page.wait_for_timeout(1100)
    page.locator("#items > li").filter(has_text="Quiet dull").hover()
    page.get_by_role("button", name="Like Quiet dull too").click()

    expect(page.locator("#heading")).to_have_text("Like “Loud bright” and “Quiet dull”")
    both = (ids["Loud bright"], ids["Quiet dull"])
    expect(page.locator("#items .item__title")).to_have_text(answer_to(service, *both))
    wait_until(page, f"location.hash === '#track={both[0]}.{both[1]}'")
    expect(page.locator("#strip")).to_contain_text("what these tracks share, held")
    assert page.title() == "Like “Loud bright” and “Quiet dull” · Circumplex"

    page.go_back()
    expect(page.locator("#heading")).to_have_text("Like “Loud bright”")
    expect(page.locator("#items .item__title")).to_have_text(answer_to(service, both[0]))
    page.go_forward()
    expect(page.locator("#heading")).to_have_text("Like “Loud bright” and “Quiet dull”")


def test_only_a_question_of_tracks_takes_another(page: Page, service: Running) -> None:
    """A word does not, and twenty tracks are enough."""
    ids = tracks_of(service)
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.locator("button.fit").first.click()
    expect(page.get_by_role("button", name="More like this")).to_be_visible()
    assert page.locator('[data-part="too"], [data-part="Like this too"]').count() == 0

    open_page(page, service.url, f"track={ids['Loud bright']}")
    wait_for_items(page)
    assert page.locator('[data-part="too"]').count() == 8
    full = page.evaluate(
        "Promise.all([import('/web/seeds.js'), import('/web/link.js')]).then(([likes, link]) =>"
        " [19, 20].map((n) => likes.takesAnother({ clip: null, query: link.fromHash("
        "'track=' + Array.from({ length: n }, (_, i) => i + 1).join('.')).query })))"
    )
    assert full == [True, False]


def test_a_link_names_its_tracks(page: Page, service: Running) -> None:
    """Two by their titles, more by the first two and a number, as the catalogue calls them."""
    ids = tracks_of(service)
    first = list(ids)[:5]
    open_page(page, service.url, "track=" + ".".join(str(ids[title]) for title in first[:3]))
    heading = page.locator("#heading")
    expect(heading).to_have_text(f"Like “{first[0]}”, “{first[1]}” and “{first[2]}”")

    page.evaluate(f"location.hash = 'track={'.'.join(str(ids[title]) for title in first)}'")

    expect(heading).to_have_text(f"Like “{first[0]}”, “{first[1]}” and 3 more")
    expect(page.locator("#items > li")).to_have_count(4)


def test_a_found_track_is_added_to_the_question(page: Page, service: Running) -> None:
    """By Alt and Enter or its plus, where the question is one of tracks; else it becomes it."""
    ids = tracks_of(service)
    open_page(page, service.url)
    field, track = page.locator("#find"), page.locator("#found [data-kind=track]")

    def look_at(title: str) -> None:
        field.fill(title)
        expect(track.locator(".item__title")).to_have_text(title)
        kinds = page.get_by_role("option").evaluate_all("all => all.map(one => one.dataset.kind)")
        for _ in range(kinds.index("track") + 1):
            field.press("ArrowDown")

    look_at("Loud bright")
    assert track.locator(".found__too").count() == 0
    field.press("Alt+Enter")
    expect(page.locator("#heading")).to_have_text("Like “Loud bright”")
    look_at("Quiet dull")
    field.press("Alt+Enter")
    expect(page.locator("#heading")).to_have_text("Like “Loud bright” and “Quiet dull”")
    look_at("Middling plain")
    track.locator(".found__too").click()

    chosen = [ids["Loud bright"], ids["Quiet dull"], ids["Middling plain"]]
    expect(page.locator("#items .item__title")).to_have_text(answer_to(service, *chosen))
    wait_until(page, f"location.hash === '#track={'.'.join(map(str, chosen))}'")
    expect(page.locator("#found")).to_be_hidden()


def test_what_is_copied_and_saved_asks_the_same(page: Page, service: Running) -> None:
    """The curl names the tracks; the file is called after them and lists the answer."""
    ids = tracks_of(service)
    both = (ids["Loud bright"], ids["Quiet dull"])
    open_page(page, service.url, f"track={both[0]}.{both[1]}")
    expect(page.locator("#heading")).to_have_text("Like “Loud bright” and “Quiet dull”")
    wait_for_items(page)
    query, options = ({"kind": "track", "ids": list(both)}, "link.defaultOptions()")
    command = page.evaluate(
        "(query) => Promise.all([import('/web/api.js'), import('/web/link.js')])"
        f".then(([api, link]) => api.curlOf(query, {options}))",
        query,
    )
    body = json.loads(shlex.split(command)[-1])
    assert body["emotion"] == {"tracks": list(both)}

    page.locator("#foot summary").first.click()
    with page.expect_download() as download:
        page.locator("#save-m3u8").click()

    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert lines[1] == "#PLAYLIST:Like “Loud bright” and “Quiet dull”"
    assert len(lines) == 2 + 2 * 7


@pytest.mark.parametrize("known", [True, False])
def test_a_phone_adds_a_track_from_its_opened_row(
    browser: Browser, service: Running, known: bool
) -> None:
    """The opened row has both ways; the plane marks where the tracks lie."""
    ids = tracks_of(service)
    phone = {"viewport": PHONE, "is_mobile": True, "has_touch": True}
    with watched_page(browser, **phone) as (page, watch):
        open_page(page, service.url, f"track={ids['Loud bright']}" if known else "mood=happy")
        wait_for_items(page)
        if not known:
            page.locator("button.fit").first.tap()
            page.get_by_role("button", name="More like this").tap()
            wait_until(page, "location.hash.startsWith('#track=')")
            expect(page.locator("#items > li")).to_have_count(8)
        before = titles(page)
        page.locator("button.fit").first.tap()
        page.get_by_role("button", name="Like this too").tap()

        expect(page.locator("#items > li")).to_have_count(7)
        expect(page.locator("#heading")).to_contain_text(f"and “{before[0]}”")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        watch.check()
