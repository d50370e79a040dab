"""What a run takes over from before: rows of one recipe, analyses that tracks need."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, text

from indexer.catalog.catalog import Catalog, open_catalog
from indexer.catalog.database import make_engine, migrate
from indexer.catalog.records import TrackChange, TrackChanges, TrackQuery
from indexer.catalog.tables import tracks
from indexer.folders.files import Tags
from indexer.runs import embed
from indexer.runs.analyses import AnalysisStore
from model.analysis import FORMAT, Analysis, segment_spans
from tests.catalogue import file_result, write_tone
from tests.indexed_library import Library

# What `ROW_RECIPE` and the format of analyses stand for: the rows made of a made-up track.
KNOWN_ROWS = {(4, 2): "845c"}


def test_another_recipe_embeds_everything_anew_without_decoding(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade that makes rows otherwise shows after the next ordinary run."""
    first = library.index()
    library.model.analysed = library.model.embedded = 0
    monkeypatch.setattr(embed, "ROW_RECIPE", embed.ROW_RECIPE + 1)

    second = library.index()
    third = library.index()

    assert library.model.analysed == 0
    assert library.model.embedded == 5
    assert second.snapshot_id != first.snapshot_id
    assert not third.wrote_snapshot
    assert [row.recipe for row in library.catalog.list_snapshots()] == [
        embed.ROW_RECIPE,
        embed.ROW_RECIPE - 1,
    ]


def test_the_snapshots_of_an_older_build_are_made_anew(library: Library) -> None:
    """Their recipe is not known: migrated rows say 0."""
    library.index()
    with library.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE snapshots SET recipe = 0"))
    library.model.analysed = 0

    assert library.index().wrote_snapshot
    assert library.model.analysed == 0


def test_the_recipe_is_raised_with_every_change_of_the_row_maker() -> None:
    """If this fails, raise `indexer.runs.embed.ROW_RECIPE` and note the new digest here."""
    spans = segment_spans(100.0).astype(np.float32)
    features = np.arange(2 * len(spans), dtype=np.float32).reshape(-1, 2) ** 2
    windows = np.zeros((200, 2), np.float32)
    rows = embed.stretches(Analysis("fake-1", 100.0, spans, features, windows, -16.0))
    digest = hashlib.sha256(b"".join(part.astype("<f4").tobytes() for part in rows)).hexdigest()

    assert KNOWN_ROWS.get((embed.ROW_RECIPE, FORMAT)) == digest[:4], digest[:4]


# Filters in the database -------------------------------------------------------------------------


def publish(catalog: Catalog, *tags: Tags) -> None:
    """Tracks with these tags."""
    run = catalog.start_run(["/music"], "owner")
    new = [
        TrackChange(number, file_result(f"{number}.mp3", tags=one))
        for number, one in enumerate(tags, start=1)
    ]
    catalog.publish(run.id, "owner", TrackChanges(new=tuple(new)), None)


def found(catalog: Catalog, **query: tuple[str, ...]) -> list[int]:
    """Ids of the tracks that a listing shows."""
    return [track.id for track in catalog.list_tracks(TrackQuery(**query)).items]  # type: ignore[arg-type]


TAGGED = (
    Tags("a", artist="Ada; Ben", genre="Rock; Pop"),
    Tags("b", artist="AC/DC", genre="Folk/Rock"),
    Tags("c", artist="Björk", genre="Étude;Drone"),
)


def check_filters(catalog: Catalog) -> None:
    """Each value, each side of a slash of a genre, and the whole."""
    assert found(catalog, genre=("rock",)) == [1, 2]
    assert found(catalog, genre=("pop",)) == [1]
    assert found(catalog, genre=("folk/rock",)) == [2]
    assert found(catalog, genre=("rock; pop",)) == [1]
    assert found(catalog, genre=("drone",)) == [3]
    assert found(catalog, genre=("oc",)) == []
    assert found(catalog, artist=("ben",)) == [1]
    assert found(catalog, artist=("dc",)) == []
    assert found(catalog, artist=("bjork",)) == [3]


def test_a_listing_filters_like_a_search(catalog: Catalog) -> None:
    """By each value of a tag."""
    publish(catalog, *TAGGED)

    check_filters(catalog)


def test_the_migration_rewrites_the_keys_of_tracks(database_url: str) -> None:
    """Down, the keys are those of before; up again, each value is found, on both databases."""
    catalog = open_catalog(database_url)
    publish(catalog, *TAGGED)
    many = [Tags(str(number), genre=f"g{number}; h{number}") for number in range(2500)]
    run = catalog.start_run(["/more"], "owner")
    new = [
        TrackChange(10 + number, file_result(f"m{number}.mp3", tags=one))
        for number, one in enumerate(many)
    ]
    catalog.publish(run.id, "owner", TrackChanges(new=tuple(new)), None)
    catalog.close()

    engine = make_engine(database_url)
    migrate(engine, "0001")
    with engine.connect() as connection:
        before = connection.execute(select(tracks.c.genre_key).where(tracks.c.id == 3)).scalar()
    engine.dispose()
    again = open_catalog(database_url)

    assert before == "\netude;drone\n"
    check_filters(again)
    assert found(again, genre=("h2499",)) == [2509]
    again.close()


# Kept analyses -----------------------------------------------------------------------------------


def kept(data_dir: Path) -> int:
    """How many analyses are kept."""
    return sum(path.is_file() for path in data_dir.glob("analyses/*/??/*"))


def test_an_analysis_outlives_its_track_for_a_while(library: Library) -> None:
    """A file that is gone, and one that was replaced: theirs stay, noted with the day."""
    library.index()
    (library.music / "a.wav").unlink()
    write_tone(library.music / "b.wav", hz=77)
    library.index()
    noted = json.loads((library.data_dir / "analyses/fake-1/unneeded.json").read_text())

    assert kept(library.data_dir) == 4
    assert len(noted) == 2


def test_pruning_removes_what_no_track_needs(library: Library) -> None:
    """At once where it is asked for, and nothing else: no file is decoded again."""
    library.index()
    (library.music / "a.wav").unlink()
    library.index()
    library.indexer(keep_analyses_days=0).run([library.music])
    library.model.analysed = 0
    library.model.model_id = "another-model"
    library.index()

    assert kept(library.data_dir) == 2
    assert library.model.analysed == 0
    assert not (library.data_dir / "analyses/fake-1/unneeded.json").exists()


def test_an_analysis_goes_when_its_time_is_over(library: Library) -> None:
    """Counted from the first run that missed its track; a track that comes back ends the count."""
    library.index()
    store = AnalysisStore(library.data_dir, "fake-1")
    contents = sorted(library.catalog.contents())
    needed, day = set(contents[1:]), timedelta(days=1)

    assert store.prune(needed, after=day) == 0
    noted = library.data_dir / "analyses/fake-1/unneeded.json"
    ages_ago = {contents[0]: "2020-01-01T00:00:00+00:00"}
    noted.write_text(json.dumps(ages_ago))
    assert store.prune(set(contents), after=day) == 0
    assert not noted.exists()
    noted.write_text(json.dumps(ages_ago))
    assert store.prune(needed, after=day) == 1
    assert kept(library.data_dir) == 2
    assert not store.has(contents[0])


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', '{"a": "soon"}'])
def test_a_damaged_note_is_begun_anew(library: Library, content: str) -> None:
    """Nothing is removed for it."""
    library.index()
    (library.data_dir / "analyses/fake-1/unneeded.json").write_text(content)
    (library.music / "a.wav").unlink()
    library.index()

    assert kept(library.data_dir) == 3


def test_a_run_that_fails_removes_nothing(library: Library) -> None:
    """An unmounted disk costs no analysis, whatever is configured."""
    library.index()
    for path in library.music.rglob("*.wav"):
        path.unlink()
    with pytest.raises(Exception, match="mounted"):
        library.indexer(keep_analyses_days=0).run([library.music])

    assert kept(library.data_dir) == 3
