"""Drawing, tapping, arranging, listening and saving, in a real browser on a real service."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.e2e.page.browser import (
    curve_in_link,
    draw,
    open_page,
    place_of,
    tap,
    titles,
    wait_for_answer,
    wait_for_items,
    wait_until,
)
from tests.running import Running

# The tracks last three seconds: at full speed one may end before a busy machine has looked at it.
SLOWLY = "document.querySelector('#audio').defaultPlaybackRate = 0.1"


def test_a_drawn_line_makes_a_playlist(page: Page, service: Running) -> None:
    """Begun at the sleepy, unpleasant end: the link holds the line from there to where it went."""
    open_page(page, service.url)

    draw(page, (-0.6, -0.6), (0.1, 0.4), (0.7, 0.6))

    assert wait_for_items(page).count() == 9
    curve = curve_in_link(page)
    assert curve[0][0] == 0
    assert curve[-1][0] == 3600
    assert abs(curve[0][1] + 0.6) < 0.06
    assert abs(curve[0][2] + 0.6) < 0.06
    assert abs(curve[-1][1] - 0.7) < 0.06
    assert abs(curve[-1][2] - 0.6) < 0.06


def test_the_playlist_appears_while_drawing(page: Page, service: Running) -> None:
    """The list is there before the button is let go."""
    open_page(page, service.url)
    page.mouse.move(300, 500)
    page.mouse.down()
    page.mouse.move(500, 300, steps=10)

    wait_for_items(page)

    page.mouse.up()


def test_a_tap_asks_for_the_music_at_that_point(page: Page, service: Running) -> None:
    """At the pleasant, aroused corner the fake model keeps its loud bright tone."""
    open_page(page, service.url)

    tap(page, 0.97, 0.97)

    wait_until(page, "location.hash !== ''")
    assert wait_for_answer(page)[0] == "Loud bright"


def test_a_word_is_a_question(page: Page, service: Running) -> None:
    """A tap on a word asks with the word itself, and the answer is the API's."""
    open_page(page, service.url)
    box = page.get_by_role("button", name="calm", exact=True).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    wait_for_items(page)
    expect(page.locator("#heading")).to_have_text("Calm")
    assert page.evaluate("location.hash") == "#mood=calm"
    answer = service.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}}).json()
    assert titles(page) == [item["track"]["title"] for item in answer["items"]]


def test_a_link_restores_the_query(page: Page, service: Running) -> None:
    """Curve, mode, limit and filters come back from the address alone."""
    link = "curve=0,-0.6,-0.5;60,0.5,0.7&mode=match&limit=3&artists=1&only=genre:Drone"
    open_page(page, service.url, link)

    assert wait_for_items(page).count() == 2
    expect(page.locator("#match")).to_be_checked()
    expect(page.locator("#duration")).to_have_attribute("placeholder", "3 tracks")
    expect(page.locator("#remark")).to_have_text("2 of 9 tracks · 6 s")
    assert page.evaluate("location.hash") == f"#{link}"
    page.locator("#refine summary").click()
    expect(page.locator("#chips .term__words")).to_have_text("Drone")
    expect(page.locator("[name=maxPerArtist]")).to_have_value("1")


def test_a_journey_follows_the_line(page: Page, service: Running) -> None:
    """A line is a journey unless one chooses: the first place is quiet and the last one loud."""
    open_page(page, service.url, "curve=0,-0.9,-0.95;120,0.9,0.95&limit=3&only=artist:Ada")

    wait_for_items(page)
    expect(page.locator("#journey")).to_be_checked()

    found = titles(page)
    assert found[0].startswith("Quiet")
    assert found[-1].startswith("Loud")


def test_a_point_leads_nowhere(page: Page, service: Running) -> None:
    """One feeling is matched: the journey is not to be chosen, and comes back with a line."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)

    expect(page.locator("#match")).to_be_checked()
    expect(page.locator("#journey")).to_be_disabled()
    page.evaluate("location.hash = 'curve=0,-0.9,-0.9;60,0.9,0.9'")
    expect(page.locator("#journey")).to_be_checked()


def test_each_row_says_how_well_it_fits_and_why(page: Page, service: Running) -> None:
    """One mark with a sentence, as the service gave them; numbers only where they are opened."""
    asked = {"emotion": {"mood": "happy"}}
    items = service.client.post("/v1/playlists", json=asked).json()["items"]
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)

    notes = page.locator(".fit .unseen").all_text_contents()

    assert notes == [f"fits {round(100 * item['fit'])} %: {item['reason']}" for item in items]
    page.locator("button.fit").first.click()
    expect(page.locator(".item__reason")).to_have_text(f"{items[0]['reason'].capitalize()}.")
    expect(page.get_by_text("correlation")).to_be_hidden()
    page.locator(".item__numbers summary").click()
    expect(page.get_by_text("correlation")).to_be_visible()


def test_items_can_be_moved_and_removed(page: Page, service: Running) -> None:
    """By keyboard and by mouse; what is removed stays away and is in the link."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    before = titles(page)

    page.locator(f'[aria-label^="Move {before[0]}"]').focus()
    page.keyboard.press("ArrowDown")
    assert titles(page)[:2] == [before[1], before[0]]
    page.locator("#items > li").nth(2).hover()
    page.get_by_role("button", name=f"Remove {before[2]}").click()

    assert before[2] not in titles(page)
    assert "without=" in page.evaluate("location.hash")
    handle = page.locator(f'[aria-label^="Move {before[3]}"]')
    page.locator("#items > li").nth(2).hover()
    box = handle.bounding_box()
    first = page.locator("#items > li").first.bounding_box()
    assert box is not None
    assert first is not None
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(first["x"] + 40, first["y"] + 10, steps=6)
    page.mouse.up()
    assert titles(page)[0] == before[3]


def test_what_was_removed_stays_away_while_the_line_is_edited(page: Page, service: Running) -> None:
    """A longer line is the same question; a new word is another one."""
    open_page(page, service.url, "curve=0,-0.5,-0.5;60,0.5,0.2")
    wait_for_items(page)
    gone = titles(page)[0]
    page.locator("#items > li").first.hover()
    page.get_by_role("button", name=f"Remove {gone}").click()

    page.locator("#duration").fill("2:00")
    page.locator("#duration").press("Enter")
    wait_until(page, "location.hash.includes('120,')")
    expect(page.locator("#items > li")).to_have_count(8)
    assert gone not in titles(page)
    tap(page, 0.5, 0.5)

    expect(page.locator("#items > li")).to_have_count(9)


def test_every_format_keeps_the_order_on_screen(
    page: Page, service: Running, tmp_path: Path
) -> None:
    """M3U8, XSPF, JSPF and CSV are written from the list as it was arranged."""
    open_page(page, service.url, "mood=happy&limit=4")
    wait_for_items(page)
    page.locator(f'[aria-label^="Move {titles(page)[0]}"]').focus()
    page.keyboard.press("ArrowDown")
    shown = titles(page)
    saved = {}
    for name in ("m3u8", "xspf", "jspf", "csv"):
        page.get_by_text("Save", exact=True).click()
        with page.expect_download() as download:
            page.locator(f"#save-{name}").click()
        assert download.value.suggested_filename == f"happy.{name}"
        download.value.save_as(tmp_path / name)
        saved[name] = (tmp_path / name).read_text(encoding="utf-8")

    rows = list(csv.DictReader(saved["csv"].splitlines()))
    assert [row["title"] for row in rows] == shown
    assert re.findall(r"#EXTINF:\d+,\w+ - (.*)", saved["m3u8"]) == shown
    assert re.findall(r"<track>.*?<title>(.*?)</title>", saved["xspf"], re.DOTALL) == shown
    tracks = json.loads(saved["jspf"])["playlist"]["track"]
    assert [track["title"] for track in tracks] == shown


def test_the_copied_curl_asks_the_same(page: Page, service: Running) -> None:
    """Its address and body, sent as they stand, give the titles on the screen."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(page, service.url, "curve=0,-0.5,0.2;40,0.8,0.7&limit=4")
    wait_for_items(page)
    page.get_by_text("Share", exact=True).click()
    page.locator("#copy-curl").click()
    expect(page.locator(".toast")).to_contain_text("copied")

    words = shlex.split(page.evaluate("navigator.clipboard.readText()"))

    assert words[:2] == ["curl", "-s"]
    body = json.loads(words[words.index("-d") + 1])
    answer = httpx.post(words[2], json=body, trust_env=False).json()
    assert [item["track"]["title"] for item in answer["items"]] == titles(page)


def test_listening_starts_at_the_segment_and_goes_on(page: Page, service: Running) -> None:
    """The audio comes in ranges, the clock runs, and the next button plays the next row."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.evaluate(SLOWLY)
    with page.expect_response(lambda response: "/audio" in response.url) as answer:
        page.locator("#items .item__play").first.click()

    assert answer.value.status == 206
    wait_until(page, "document.querySelector('#audio').currentTime > 0.2")
    expect(page.locator("#playing-title")).to_have_text(titles(page)[0])
    expect(page.locator("#items > li").first).to_have_attribute("aria-current", "true")
    assert "linear-gradient" in page.locator("#seek").evaluate(
        "node => node.style.getPropertyValue('--track')"
    )
    page.get_by_role("button", name="Next track").click()
    expect(page.locator("#playing-title")).to_have_text(titles(page)[1])


def test_a_click_on_a_hit_plays_it(page: Page, service: Running) -> None:
    """The large dots are the playlist; hovering names one, clicking plays it."""
    open_page(page, service.url, "mood=happy&limit=1")
    wait_for_items(page)
    valence, arousal = page.evaluate(
        "fetch('v1/playlists', {method: 'POST', headers: {'content-type': 'application/json'},"
        " body: JSON.stringify({emotion: {mood: 'happy'}, limit: 1})})"
        ".then(r => r.json()).then(a => [a.items[0].valence, a.items[0].arousal])"
    )
    x, y = place_of(page, valence, arousal)
    page.mouse.move(x, y)
    expect(page.locator("#label")).to_contain_text(titles(page)[0])
    expect(page.locator("#label")).to_contain_text("asked")
    page.mouse.click(x, y)

    expect(page.locator("#playing-title")).to_have_text(titles(page)[0])


def test_time_along_the_path_is_edited(page: Page, service: Running) -> None:
    """A new length stretches all keyframes; a dragged one moves alone."""
    open_page(page, service.url, "curve=0,-0.5,-0.5;30,0,0.5;60,0.5,0.2")
    wait_for_items(page)

    page.locator("#duration").fill("2:00")
    page.locator("#duration").press("Enter")
    wait_until(page, "location.hash.includes('120,')")
    assert [row[0] for row in curve_in_link(page)] == [0, 60, 120]
    expect(page.locator(".keyframe").nth(1)).to_have_attribute("aria-valuenow", "60")
    wait_for_answer(page)
    middle = page.locator(".keyframe__dot--arousal").nth(1).bounding_box()
    assert middle is not None
    x, y = middle["x"] + 5, middle["y"] + 5
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 80, y + 20, steps=5)
    page.mouse.up()

    wait_until(page, "!location.hash.includes(';60,')")
    first, moved, last = curve_in_link(page)
    assert moved[0] > 65
    assert moved[2] < 0.45
    assert (first, last) == ((0, -0.5, -0.5), (120, 0.5, 0.2))


def test_a_keyframe_moves_by_keyboard(page: Page, service: Running) -> None:
    """It is a slider: arrows move it in time, Delete takes it away."""
    open_page(page, service.url, "curve=0,-0.5,-0.5;30,0,0.5;60,0.5,0.2")
    wait_for_items(page)
    point = page.get_by_role("slider", name="Point 2 of 3")

    point.focus()
    page.keyboard.press("ArrowRight")
    wait_until(page, "location.hash.includes(';35,')")
    expect(point).to_be_focused()
    page.keyboard.press("Delete")

    wait_until(page, "!location.hash.includes(';35,')")
    assert len(curve_in_link(page)) == 2


def test_the_plane_works_without_a_pointer(page: Page, service: Running) -> None:
    """Arrows, Enter and Shift+Enter draw a path; Escape clears it."""
    open_page(page, service.url)
    page.locator("#pad").focus()

    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    wait_for_items(page)
    assert curve_in_link(page)[0][1:] == (0.05, 0.1)
    for key in ("Shift+ArrowRight", "Shift+Enter"):
        page.keyboard.press(key)
    wait_until(page, "location.hash.includes('0.25,')")
    assert curve_in_link(page) == [(0, 0.05, 0.1), (600, 0.25, 0.1)]
    expect(page.locator("#spoken")).to_contain_text("valence +0.25")
    page.keyboard.press("Escape")

    expect(page.get_by_role("heading", name="Draw a feeling.")).to_be_visible()
    assert page.evaluate("location.hash") == ""


def test_more_like_this_asks_with_the_track(page: Page, service: Running) -> None:
    """A track of the list becomes the question, and is not its own answer."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    first = titles(page)[0]
    page.locator("#items > li").first.hover()
    page.get_by_role("button", name=f"More like {first}").click()

    expect(page.locator("#heading")).to_have_text(f"Like “{first}”")
    wait_until(page, "location.hash.startsWith('#track=')")
    expect(page.locator("#items > li")).to_have_count(8)
    assert first not in titles(page)
