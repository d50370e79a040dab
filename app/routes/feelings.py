"""`/v1/feelings`: how a phrase is read, before music is asked for with it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from app.http.documentation import problems
from app.playlists.phrases import read, understood_out
from app.routes.access import read_access
from app.wire.browsing import FeelingRead
from app.wire.schemas import Phrase
from model.errors import FeelingError
from model.feelings.lexicon import lexicon

MOST_COMPLETIONS = 4

router = APIRouter(
    prefix="/v1",
    tags=["emotions"],
    dependencies=[Depends(read_access)],
    responses=problems(401, 403),
)


@router.get("/feelings", summary="How a phrase is read", responses=problems(422, 429))
def read_feeling(
    text: Annotated[Phrase, Query(description="As `emotion.text` of a playlist.")],
) -> FeelingRead:
    """Also while it is being written: nothing is refused, and words that begin so are named."""
    head, _, last = text.rpartition(" ")
    begun = lexicon().beginning(last, MOST_COMPLETIONS)
    completions = [f"{head} {word}".strip() for word in begun]
    try:
        understanding = read(text)
    except FeelingError as exc:
        return FeelingRead(text=text, understood=None, near=list(exc.near), completions=completions)
    near = dict.fromkeys(word for each in understanding.unread for word in each.near)
    return FeelingRead(
        text=text,
        understood=understood_out(understanding),
        near=list(near),
        completions=completions,
    )
