"""A language of feelings: words for moods and situations, and a small grammar over them.

`understand` reads a phrase in any of the ten languages of the lexicon and answers with regions of
the valence-arousal plane, one after the other, on the relative scale of a catalogue.
"""

from model.feelings.lexicon import Lexicon, LexiconEntry, lexicon
from model.feelings.reader import understand
from model.feelings.regions import Region, WeightedPoints
from model.feelings.understanding import Step, Term, Understanding, Unread

__all__ = [
    "Lexicon",
    "LexiconEntry",
    "Region",
    "Step",
    "Term",
    "Understanding",
    "Unread",
    "WeightedPoints",
    "lexicon",
    "understand",
]
