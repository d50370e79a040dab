"""Text of tags that is written in another character set than the file says."""

from __future__ import annotations

import pytest

from indexer.folders.character_sets import reread


@pytest.mark.parametrize(
    ("written", "declared"),
    [
        ("utf-8", "latin-1"),
        ("utf-8", "cp1252"),
        ("cp1251", "latin-1"),
    ],
)
@pytest.mark.parametrize("text", ["Группа крови (Live)", "Чёрный ворон", "ЛЕТО"])
def test_cyrillic_is_read_as_it_was_written(text: str, written: str, declared: str) -> None:
    """Whatever single-byte set the file declares."""
    raw = text.encode(written)
    # Windows-1252 lacks five bytes, which readers take for those of Latin-1.
    shown = "".join(bytes([each]).decode(declared, "ignore") or chr(each) for each in raw)

    assert reread(shown) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Łódź".encode(), "Łódź"),
        ("Ménage à trois".encode("latin-1"), "Ménage à trois"),
        (b"Don\x92t \x96 Caf\xe9", "Don\N{RIGHT SINGLE QUOTATION MARK}t \N{EN DASH} Café"),
        ("夜に駆ける".encode("cp932"), "夜に駆ける"),
        ("椎名林檎".encode("cp932"), "椎名林檎"),
    ],
)
def test_bytes_of_no_declared_set_are_read(raw: bytes, text: str) -> None:
    """As Latin-1 declares them, and where they stand as surrogates."""
    assert reread(raw.decode("latin-1")) == text
    assert reread(raw.decode("utf-8", "surrogateescape")) == text


@pytest.mark.parametrize(
    "text",
    [
        *("Plain", "Björk", "Été", "Þú ert jörðin", "Æøå", "ÄÖÜ äöüß", "naïve café", "¿Qué?"),
        *("\N{LEFT DOUBLE QUOTATION MARK}Ça ira\N{RIGHT DOUBLE QUOTATION MARK}", "20 €", "…"),
        *("Группа", "夜に駆ける", "Σ", "é", "MANHÃ", "Ýý", "…\N{RIGHT SINGLE QUOTATION MARK}"),
    ],
)
def test_text_that_makes_sense_stays(text: str) -> None:
    """Accents and typographic signs alone say nothing against a text."""
    assert reread(text) == text
