"""Artists in the find field: they narrow a question, or their tracks are shown."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.page.browser import (
    PHONE,
    draw,
    open_page,
    titles,
    wait_for_answer,
    wait_for_items,
    wait_until,
    watched_page,
)
from tests.running import Running


def music_by(service: Running, name: str) -> list[str]:
    """Titles of an artist's tracks, as the API lists them."""
    listing = {"only": f"artist:{name}", "order": "path"}
    items = service.client.get("/v1/listing", params=listing).json()["items"]
    return [item["title"] for item in items]


def find(page: Page, words: str) -> None:
    """Type into the find field and wait until something is offered."""
    page.locator("#find").fill(words)
    page.get_by_role("option").filter(has_not_text="Looking").first.wait_for()


def test_without_a_question_an_artists_tracks_are_shown(page: Page, service: Running) -> None:
    """On the plane and in the list, in the catalogue's order; back leads to the beginning."""
    open_page(page, service.url)
    find(page, "ada")
    expect(page.get_by_role("option").first).to_have_text(re.compile("^Adaartist · 5 tracks"))
    page.locator("#find").press("Enter")

    expect(page.locator("#heading")).to_have_text("Music by Ada")
    assert wait_for_answer(page) == music_by(service, "Ada")
    assert page.evaluate("location.hash") == "#list=artist:Ada"
    expect(page.locator("#caption")).to_have_text("large dots: this playlist")
    expect(page.locator("#strip")).to_contain_text("its tracks, wherever they lie")
    expect(page.locator("#remark")).to_have_text("5 of 9 tracks · 15 s")
    assert page.locator("#items .fit").count() == 0
    for part in ("#refine", "#match", "#others"):
        expect(page.locator(part)).to_be_hidden()
    page.locator("#items .item__title").first.hover()
    expect(page.locator("#label .label__facts")).to_have_text("whole track, 0:03")

    page.go_back()
    expect(page.locator("#invitation")).to_be_visible()


def test_a_row_without_a_score_is_not_taken_apart(page: Page, service: Running) -> None:
    """A score that was opened before shows no parts where the same track was not ranked."""
    open_page(page, service.url, "mood=happy&only=artist:Ada")
    wait_for_answer(page)
    page.locator("button.fit").first.click()
    expect(page.locator(".item__more")).to_have_count(1)
    page.evaluate("location.hash = 'list=artist:Ada'")

    wait_for_answer(page)
    expect(page.locator("#heading")).to_have_text("Music by Ada")
    expect(page.locator(".item__more")).to_have_count(0)


def test_a_question_is_narrowed_to_an_artist(page: Page, service: Running) -> None:
    """By the API's filter; the heading and the link say so, and back leads to all of them."""
    open_page(page, service.url, "mood=happy")
    every = wait_for_answer(page)
    page.wait_for_timeout(1100)
    find(page, "be")
    page.locator("#found [data-kind=artist]").click()

    expect(page.locator("#heading")).to_have_text("Happy")
    expect(page.locator("#chips .term__words")).to_have_text("by Ben")
    body = {"emotion": {"mood": "happy"}, "filters": {"include": {"artist": ["Ben"]}}}
    items = service.client.post("/v1/playlists", json=body).json()["items"]
    assert wait_for_answer(page) == [item["track"]["title"] for item in items]
    assert page.evaluate("location.hash") == "#mood=happy&only=artist:Ben"
    expect(page.locator("#refine-count")).to_have_text("· 1")

    page.go_back()
    expect(page.locator("#heading")).to_have_text("Happy")
    assert wait_for_answer(page) == every


def test_a_line_leads_on_from_an_artist(page: Page, service: Running) -> None:
    """It is a question of its own, asked of the whole library; another artist narrows it."""
    open_page(page, service.url, "list=artist:Ada")
    assert wait_for_answer(page) == music_by(service, "Ada")
    find(page, "cleo")
    page.locator("#find").press("Enter")
    expect(page.locator("#heading")).to_have_text("Music by Cleo")
    assert wait_for_answer(page) == music_by(service, "Cleo")
    draw(page, (-0.6, -0.6), (0.1, 0.4), (0.7, 0.6))
    expect(page.locator("#items > li")).to_have_count(9)
    find(page, "cleo")
    page.locator("#find").press("Enter")

    expect(page.locator("#heading")).to_have_text(re.compile(r"^From \w+ to \w+$"))
    assert sorted(wait_for_answer(page)) == sorted(music_by(service, "Cleo"))


def test_names_that_hold_the_words_stand_behind_the_tracks(page: Page, service: Running) -> None:
    """Those that begin with them stand before."""
    open_page(page, service.url)
    find(page, "e")
    options = page.get_by_role("option")
    kinds = options.evaluate_all("all => all.map(one => one.dataset.kind)")
    cleo = page.locator("#found [data-kind=artist]").filter(has_text="Cleo")
    expect(cleo).to_have_text(re.compile("^Cleoartist · 2 tracks"))
    assert kinds.index("artist") > kinds.index("track")
    for _ in range(kinds.index("artist") + 2):
        page.locator("#find").press("ArrowDown")

    expect(cleo).to_have_attribute("aria-selected", "true")
    page.locator("#find").press("Enter")
    expect(page.locator("#heading")).to_have_text("Music by Cleo")


def test_an_artist_nobody_is_is_said(page: Page, service: Running) -> None:
    """A link may come from another library."""
    open_page(page, service.url, "list=artist:No%20One%20%26%20Co")
    expect(page.locator("#heading")).to_have_text("Music by No One & Co")

    expect(page.locator("#remark")).to_have_text("No track of this library is by this artist.")


def test_an_artists_tracks_are_arranged_saved_and_copied(
    page: Page, service: Running, tmp_path: Path
) -> None:
    """In the order the visitor gave them, without scores; the curl lists the same."""
    open_page(page, service.url, "list=artist:Ada")
    wait_for_items(page)
    first, second, *others = titles(page)
    page.locator(f'[aria-label^="Move {first}"]').press("ArrowDown")
    page.locator("#foot summary").first.click()
    with page.expect_download() as download:
        page.locator("#save-csv").click()
    with download.value.path().open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["title"] for row in rows] == [second, first, *others]
    assert {row["score"] for row in rows} == {""}

    command = page.evaluate(
        "Promise.all([import('/web/api.js'), import('/web/link.js')]).then(([api, link]) =>"
        " api.curlOf({ kind: 'group', of: 'artist', name: 'Ada' }, link.defaultOptions()))"
    )
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True)

    items = json.loads(done.stdout)["items"]
    assert [item["title"] for item in items] == music_by(service, "Ada")


@pytest.mark.parametrize("name", ["Earth, Wind & Fire", "AC/DC", "x=y#z 100%"])
def test_a_name_survives_the_refinements(page: Page, service: Running, name: str) -> None:
    """Also one with a comma, when something else is refined."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.evaluate(
        "(name) => { location.hash = 'mood=happy&only=' + encodeURIComponent('artist:' + name); }",
        name,
    )
    expect(page.locator("#chips .term__words")).to_have_text(f"by {name}")
    page.locator("#refine summary").click()
    page.locator("[name=limit]").fill("7")
    page.locator("[name=limit]").press("Enter")

    wait_until(page, "location.hash.includes('limit=7')")
    asked = page.evaluate("new URLSearchParams(location.hash.slice(1)).getAll('only')")
    assert asked == [f"artist:{name}"]


def test_a_phone_shows_an_artist_and_music_like_a_track_of_theirs(
    browser: Browser, service: Running
) -> None:
    """The rows have the way on that opened rows have elsewhere; nothing hangs over the edge."""
    phone = {"viewport": PHONE, "is_mobile": True, "has_touch": True}
    with watched_page(browser, **phone) as (page, watch):
        open_page(page, service.url)
        page.locator("#find").tap()
        page.keyboard.type("ada")
        page.get_by_role("option").first.tap()
        expect(page.locator("#heading")).to_have_text("Music by Ada")
        first = wait_for_answer(page)[0]
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        page.get_by_role("button", name=f"More like {first}").tap()

        expect(page.locator("#heading")).to_have_text(f"Like “{first}”")
        assert over <= 0
        watch.check()
