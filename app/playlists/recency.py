"""Not again so soon: what was heard a short while ago steps back.

What was heard is left out by the search's own filter, so that the answer stays exact for what is
left. Where too few tracks are left for the length that was asked for, what was heard longest ago
comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.wire.responses import NotAgainOut, PlaylistResponse
from app.wire.schemas import Filters, PlaylistRequest

Make = Callable[[PlaylistRequest], PlaylistResponse]
NEARLY = 0.95  # of a length that was asked for: as near as lists that are filled come


def stepping_back(
    request: PlaylistRequest, heard: Sequence[int], make: Make
) -> tuple[PlaylistResponse, PlaylistRequest]:
    """The answer without what was heard, and the question that it answers.

    Args:
        request: What is asked.
        heard: Ids of the tracks heard lately, the last one first; without any, nothing is said of
            it.
        make: Answers a question.
    """
    if not heard:
        return make(request), request
    aside, best = list(heard), None
    while aside:
        question = without(request, aside)
        answer = make(question)
        if not _fills(answer, request):
            best = make(request) if best is None else best
        if best is None or _length(answer, request) >= NEARLY * _length(best, request):
            told = NotAgainOut(heard=len(heard), left_out=len(aside))
            return answer.model_copy(update={"not_again": told}), question
        aside = aside[: len(aside) // 2]
    answer = make(request) if best is None else best
    told = NotAgainOut(heard=len(heard), left_out=0)
    return answer.model_copy(update={"not_again": told}), request


def without(request: PlaylistRequest, track_ids: Sequence[int]) -> PlaylistRequest:
    """The same question, these tracks left out."""
    filters = request.filters or Filters.model_validate({})
    changed = filters.model_copy(update={"exclude_ids": [*filters.exclude_ids, *track_ids]})
    return request.model_copy(update={"filters": changed})


def _fills(answer: PlaylistResponse, request: PlaylistRequest) -> bool:
    """Whether the answer is as long as was asked for; then no other one is longer."""
    wanted = request.limit if request.duration_s is None else NEARLY * request.duration_s
    return _length(answer, request) >= wanted


def _length(answer: PlaylistResponse, request: PlaylistRequest) -> float:
    """In items or, where seconds are asked for, in seconds."""
    if request.duration_s is None:
        return len(answer.items)
    return sum(item.track.duration_s or 0.0 for item in answer.items)
