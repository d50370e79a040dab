"""A clip of the visitor's own: its curve, what is like it, asking with it; and what is no clip."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Page, expect

from tests.e2e.page.browser import (
    Watch,
    curve_in_link,
    open_page,
    titles,
    wait_for_items,
    wait_until,
)
from tests.running import LEVELS, RATE_HZ, TONES_HZ, Running, tone


def clip_bytes() -> bytes:
    """A WAV file that grows from quiet and dull to loud and bright, 24 s."""
    quiet = tone(LEVELS["quiet"], TONES_HZ["dull"], 12.0)
    loud = tone(LEVELS["loud"], TONES_HZ["bright"], 12.0)
    file = io.BytesIO()
    soundfile.write(file, np.concatenate([quiet, loud]), RATE_HZ, format="WAV")
    return file.getvalue()


def choose(page: Page, name: str, content: bytes) -> None:
    """Give the page a file, as the file dialogue does."""
    page.locator("#clip-file").set_input_files(
        {"name": name, "mimeType": "audio/wav", "buffer": content}
    )


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file onto the list, far from any field that takes files."""
    page.evaluate(
        """([name, text]) => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], name, { type: "audio/wav" }));
            const list = document.querySelector("#list");
            for (const kind of ["dragenter", "dragover", "drop"]) {
                list.dispatchEvent(
                    new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
            }
        }""",
        [name, base64.b64encode(content).decode()],
    )


def test_a_dropped_clip_shows_its_curve(page: Page, service: Running) -> None:
    """Lines and bands over time, numbers for those who cannot see them, and what is like it."""
    open_page(page, service.url)
    drop(page, "growing.wav", clip_bytes())

    expect(page.locator("#heading")).to_have_text("growing.wav")
    assert page.locator(".chart__line").count() == 2
    assert page.locator(".chart__band polygon").count() == 4
    rows = page.get_by_role("table", name="Emotion curve of growing.wav").locator("tbody tr")
    first, last = rows.first.inner_text().split(), rows.last.inner_text().split()
    assert float(first[2]) < float(last[2])
    assert wait_for_items(page).count() == 9


def test_the_likelihood_is_shown_on_the_plane(page: Page, service: Running) -> None:
    """The layer of the emotion map is empty before a clip and has a peak with one."""
    strongest = """(() => {
        const canvas = document.querySelector("#glow");
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return data.reduce((most, value, i) => (i % 4 === 3 ? Math.max(most, value) : most), 0);
    })()"""
    open_page(page, service.url)
    assert page.evaluate(strongest) == 0

    choose(page, "growing.wav", clip_bytes())
    wait_for_items(page)

    assert page.evaluate(strongest) > 100


def test_a_time_that_is_pointed_at_is_shown_on_the_plane(page: Page, service: Running) -> None:
    """Its values stand beside the chart and its place is marked; away from it both are gone."""
    picture = "document.querySelector('#ink').toDataURL()"
    open_page(page, service.url)
    choose(page, "growing.wav", clip_bytes())
    facts = page.locator("#strip-side .quiet")
    expect(facts).to_contain_text("bands hold")
    page.wait_for_timeout(200)
    before = page.evaluate(picture)
    box = page.locator("#chart").bounding_box()
    assert box is not None
    readings = []
    for part in (0.2, 0.7):
        page.mouse.move(box["x"] + part * box["width"], box["y"] + 40)
        expect(facts).to_have_text(re.compile(r"0:\d\d · valence .* · arousal"))
        readings.append(float(facts.inner_text().split()[-1].replace("\N{MINUS SIGN}", "-")))
    wait_until(page, f"{picture} !== {before!r}")
    assert readings[0] < readings[1]

    page.mouse.move(10, 300)

    expect(facts).to_contain_text("bands hold")
    wait_until(page, f"{picture} === {before!r}")


def test_a_clip_can_be_heard(page: Page, service: Running) -> None:
    """From the visitor's own file, and the mark on the chart moves with it."""
    open_page(page, service.url)
    choose(page, "growing.wav", clip_bytes())
    page.get_by_role("button", name="Listen").click()

    wait_until(page, "document.querySelector('#audio').currentTime > 0.2")
    assert page.evaluate("document.querySelector('#audio').src").startswith("blob:")
    wait_until(page, "Number(document.querySelector('.chart__now').getAttribute('x1')) > 0")


def test_what_is_like_a_clip_plays_through(page: Page, service: Running) -> None:
    """From the first on."""
    open_page(page, service.url)
    choose(page, "loud.wav", clip_bytes())
    wait_for_items(page)
    page.get_by_role("button", name="Play through").click()

    expect(page.locator("#playing-title")).to_have_text(titles(page)[0])
    expect(page.locator("#items > li").first).to_have_attribute("aria-current", "true")


def test_what_is_like_a_clip_is_saved_shared_and_kept(page: Page, service: Running) -> None:
    """The file holds what is shown; the link and the station ask for music that moves like it."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(page, service.url, "mood=sad")
    choose(page, "growing.wav", clip_bytes())
    expect(page.locator("#heading")).to_have_text("growing.wav")
    expect(page.locator(".word[aria-pressed=true]")).to_have_count(0)
    shown = titles(page)
    page.get_by_text("Save", exact=True).click()
    with page.expect_download() as download:
        page.locator("#save-csv").click()
    saved = download.value.path().read_text(encoding="utf-8")
    assert all(title in saved for title in shown)

    page.get_by_text("Share", exact=True).click()
    page.locator("#copy-link").click()
    expect(page.locator(".toast")).to_contain_text("copied")
    assert "#curve=0," in page.evaluate("navigator.clipboard.readText()")
    page.get_by_text("Share", exact=True).click()
    page.locator("#keep").click()
    expect(page.locator("#station-name")).to_have_value("growing.wav")
    page.get_by_role("button", name="Keep this station").click()
    expect(page.locator(".station")).to_have_count(1)
    (station,) = service.client.get("/v1/stations").json()["items"]
    assert len(station["question"]["emotion"]["curve"]) >= 2
    service.client.delete(f"/v1/stations/{station['id']}")


def test_a_clip_becomes_the_query(page: Page, service: Running) -> None:
    """Its curve is asked with as keyframes, which can be edited like any other."""
    open_page(page, service.url)
    choose(page, "growing.wav", clip_bytes())
    page.get_by_role("button", name="Use this curve as query").click()

    expect(page.locator("#tools")).to_be_visible()
    curve = curve_in_link(page)
    assert curve[0][0] == 0
    assert curve[-1][0] == 3600
    assert curve[-1][2] > curve[0][2]
    assert wait_for_items(page).count() == 9
    assert page.locator(".keyframe").count() == len(curve)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("notes.mp3", b"this is text, not music\n" * 50, "notes.mp3: "),
        ("empty.wav", b"", "empty.wav: "),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(
    page: Page, service: Running, watch: Watch, name: str, content: bytes, reason: str
) -> None:
    """The reason is the service's own; the query stays, and the next clip works."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    before = titles(page)
    choose(page, name, content)

    message = page.locator(".toast--wrong p")
    expect(message).to_be_visible()
    refusal = service.client.post("/v1/emotions", files={"file": (name, content)})
    watch.expect(f"{refusal.status_code} /v1/emotions")
    problem = refusal.json()
    assert message.inner_text().startswith(reason)
    assert problem["detail"].split(":")[-1].strip()[:20] in message.inner_text()
    assert titles(page) == before
    choose(page, "growing.wav", clip_bytes())
    expect(page.locator("#heading")).to_have_text("growing.wav")


def test_escape_leads_back_to_the_query(page: Page, service: Running) -> None:
    """A clip covers the playlist; closing it brings the same one back."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    before = titles(page)
    choose(page, "growing.wav", clip_bytes())
    expect(page.locator("#heading")).to_have_text("growing.wav")

    page.keyboard.press("Escape")

    expect(page.locator("#heading")).to_have_text("Happy")
    assert titles(page) == before
