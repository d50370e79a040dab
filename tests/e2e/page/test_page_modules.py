"""The page's own arithmetic, module by module, run where it belongs: in the browser."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.page.browser import watched_page
from tests.running import Running

STROKE = """(seed) => {
    let state = seed;
    const random = () => ((state = (state * 1664525 + 1013904223) >>> 0) / 4294967296);
    let [valence, arousal, ms] = [random() * 2 - 1, random() * 2 - 1, 0];
    return Array.from({ length: 2 + Math.floor(random() * 300) }, () => {
        valence = Math.max(-1, Math.min(1, valence + 0.2 * (random() - 0.5)));
        arousal = Math.max(-1, Math.min(1, arousal + 0.2 * (random() - 0.5)));
        ms += random() < 0.2 ? 0 : 20 * random();
        return { valence, arousal, ms };
    });
}"""


@pytest.fixture(scope="module")
def bench(browser: Browser, service: Running) -> Iterator[Page]:
    """Any page of the service: modules are imported into it."""
    with watched_page(browser) as (page, _):
        page.goto(service.url + "/")
        yield page


def call(page: Page, module: str, body: str, argument: Any = None) -> Any:
    """Run `body` with the module's exports as `m` and the argument as `x`."""
    script = f"async (x) => {{ const m = await import('/web/{module}.js'); {body} }}"
    return page.evaluate(script, argument)


@pytest.mark.parametrize("seed", range(12))
def test_a_stroke_becomes_a_valid_curve(bench: Page, seed: int) -> None:
    """At most twelve keyframes, from 0 to the length asked for, in range, strictly increasing."""
    frames = call(bench, "geometry", f"return m.keyframesFromStroke(({STROKE})(x), 180);", seed)

    times = [frame["t"] for frame in frames]
    assert 2 <= len(frames) <= 12
    assert times[0] == 0
    assert times[-1] == pytest.approx(180, abs=6)
    assert all(after > before for before, after in itertools.pairwise(times))
    assert all(abs(frame[axis]) <= 1 for frame in frames for axis in ("valence", "arousal"))


@pytest.mark.parametrize("seed", range(6))
def test_keyframes_stay_near_the_stroke(bench: Page, seed: int) -> None:
    """With room for as many as they need, no point of the stroke is further off than 0.05."""
    stroke, frames = call(
        bench,
        "geometry",
        f"const s = ({STROKE})(x); return [s, m.keyframesFromStroke(s, 180, 1000)];",
        seed,
    )

    def distance(point: dict[str, float], a: dict[str, float], b: dict[str, float]) -> float:
        along = (b["valence"] - a["valence"], b["arousal"] - a["arousal"])
        offset = (point["valence"] - a["valence"], point["arousal"] - a["arousal"])
        length = along[0] ** 2 + along[1] ** 2
        u = (along[0] * offset[0] + along[1] * offset[1]) / length if length else 0.0
        u = min(1.0, max(0.0, u))
        return math.hypot(offset[0] - u * along[0], offset[1] - u * along[1])

    segments = list(itertools.pairwise(frames))
    furthest = max(min(distance(point, *segment) for segment in segments) for point in stroke)
    assert furthest < 0.05


def test_lingering_takes_time(bench: Page) -> None:
    """A pointer that waits half the time at one place has half the curve there."""
    stroke = [{"valence": -0.5, "arousal": 0.0, "ms": 20 * i} for i in range(50)]
    stroke += [{"valence": -0.5 + i / 50, "arousal": 0.0, "ms": 1000 + 20 * i} for i in range(51)]

    frames = call(bench, "geometry", "return m.keyframesFromStroke(x, 100);", stroke)

    still = [frame["t"] for frame in frames if frame["valence"] < -0.45]
    assert max(still) == pytest.approx(50, abs=4)


def test_a_curve_is_straight_between_keyframes(bench: Page) -> None:
    """As the service reads it: linear inside, still outside."""
    frames = [
        {"t": 0, "valence": -1, "arousal": 0},
        {"t": 10, "valence": 1, "arousal": 0.5},
        {"t": 30, "valence": 0, "arousal": 0.5},
    ]

    at = call(bench, "geometry", "return [-5, 5, 10, 20, 99].map((t) => m.affectAt(x, t));", frames)

    assert [point["valence"] for point in at] == [-1, 0, 1, 0.5, 0]
    assert [point["arousal"] for point in at] == [0, 0.25, 0.5, 0.5, 0.5]


def test_a_link_holds_everything(bench: Page) -> None:
    """Writing a query into an address and reading it gives the same query."""
    query = {
        "kind": "curve",
        "keyframes": [
            {"t": 0, "valence": -0.123, "arousal": 0.5},
            {"t": 12.5, "valence": 1, "arousal": -1},
        ],
    }
    options = {
        "mode": "match",
        "scale": "absolute",
        "level": "segment",
        "everything": True,
        "limit": 7,
        "minutes": 45,
        "maxPerArtist": 2,
        "variety": 0.3,
        "seed": 7,
        "terms": [
            {"not": False, "what": "genre", "value": "a & b, c"},
            {"not": True, "what": "artist", "value": "x=y#z: 1"},
            {"not": True, "what": "length", "value": "120-"},
        ],
        "yearMin": 1990,
        "yearMax": None,
        "durationMin": None,
        "durationMax": 300,
        "excluded": [3, 14],
    }

    back = call(bench, "link", "return m.fromHash(m.toHash(...x));", [query, options])

    assert back == {"query": query, "options": options}


@pytest.mark.parametrize(
    "hash_",
    [
        "",
        "curve=",
        "curve=0,0",
        "curve=0,2,0",
        "curve=5,0,0;5,0,0",
        "track=-1",
        "nonsense&&=",
        "%%",
    ],
)
def test_a_broken_link_asks_nothing(bench: Page, hash_: str) -> None:
    """Whatever stands in the address, the page opens with nothing asked."""
    assert call(bench, "link", "return m.fromHash(x).query;", hash_) == {"kind": "none"}


def test_colours_are_oklch(bench: Page) -> None:
    """White, black and the sRGB red of Ottosson's tables; each within half a step of 255."""
    white, black, red = call(
        bench,
        "colour",
        "return [[1, 0, 0], [0, 0, 0], [.62796, .25768, 29.23]].map((c) => m.oklch(...c));",
    )

    assert white == pytest.approx([255, 255, 255], abs=0.5)
    assert black == pytest.approx([0, 0, 0], abs=0.5)
    assert red == pytest.approx([255, 0, 0], abs=1.0)


def test_the_nearest_dot_is_found(bench: Page) -> None:
    """The grid gives the same as looking at all dots, also at the edges."""
    wrong = call(
        bench,
        "dots",
        """let state = 5;
        const random = () => ((state = (state * 1664525 + 1013904223) >>> 0) / 2147483648 - 1);
        const many = () => Array.from({ length: 3000 }, random);
        const map = { snapshot_id: "s", scale: "relative",
                      ids: Array.from({ length: 3000 }, (_, i) => i + 1),
                      valence: many(), arousal: many() };
        const grid = new m.DotGrid(map);
        let wrong = 0;
        for (let k = 0; k < 500; k += 1) {
            const [v, a] = [1.02 * random(), 1.02 * random()];
            const d = map.ids.map((_, i) => Math.hypot(map.valence[i] - v, map.arousal[i] - a));
            const least = Math.min(...d);
            const expected = least < 0.03 ? map.ids[d.indexOf(least)] : null;
            if (grid.nearest(v, a, 0.03) !== expected) wrong += 1;
        }
        return wrong;""",
    )

    assert wrong == 0
