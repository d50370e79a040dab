"""Everything the model can refuse.

ModelError
├── AudioError                  the bytes are no usable audio
│   ├── AudioReadError          they cannot be read now; that says nothing of the audio
│   ├── UndecodableAudioError   no decoder makes sense of them
│   ├── EmptyAudioError         decoded, but no samples
│   ├── SilentAudioError        samples, but nothing to hear
│   ├── AudioTooShortError      fewer seconds than one analysis window needs
│   ├── AudioTooLongError       more seconds than the caller allows
│   └── NonFiniteAudioError     NaN or infinite samples
├── CurveError                  an emotion curve is not one
│   └── UnknownMoodError        a mood word the vocabulary lacks
├── FeelingError                no word of a phrase is a feeling
├── LexiconError                a row of the lexicon of feelings cannot be used
├── CheckpointError             a checkpoint is missing, damaged or of another format
│   └── CheckpointMismatchError made for another frontend, or not the one its hash names
├── DatasetError                a training table is missing or not what was asked for
├── TrainingError               a training run cannot go on, or its state is another run's
└── ShapeError                  array dimensions that do not fit together
"""


class ModelError(Exception):
    """Base of all errors of the model package."""


class AudioError(ModelError):
    """The bytes are no usable audio."""


class AudioReadError(AudioError):
    """The file cannot be read, or not to its end: the disk, not the audio, is at fault."""


class UndecodableAudioError(AudioError):
    """No decoder makes sense of the bytes."""


class EmptyAudioError(AudioError):
    """The file decodes to no samples at all."""


class SilentAudioError(AudioError):
    """No sample is loud enough to be heard."""


class AudioTooShortError(AudioError):
    """The clip is shorter than one analysis window needs."""


class AudioTooLongError(AudioError):
    """The clip is longer than the caller allows."""


class NonFiniteAudioError(AudioError):
    """The decoded samples hold NaN or infinity."""


class CurveError(ModelError):
    """The keyframes are no emotion curve."""


class UnknownMoodError(CurveError):
    """The mood word is not in the lexicon.

    Attributes:
        near: Words of the lexicon that look like it, best first.
    """

    def __init__(self, message: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.near = near


class FeelingError(ModelError):
    """No word of the phrase is one of the lexicon of feelings.

    Attributes:
        near: Words of the lexicon that look like those of the phrase.
    """

    def __init__(self, message: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.near = near


class LexiconError(ModelError):
    """A row of the lexicon of feelings or of its grammar cannot be used."""


class CheckpointError(ModelError):
    """The checkpoint is missing, damaged or of an unknown format."""


class CheckpointMismatchError(CheckpointError):
    """The checkpoint belongs to another frontend, or its content is not what its hash names."""


class DatasetError(ModelError):
    """A training table is missing, or holds something else than was asked for."""


class TrainingError(ModelError):
    """A training run cannot go on, or its state file belongs to another run."""


class ShapeError(ModelError):
    """Array dimensions do not fit together."""
