"""What a file is made of, as far as it tells music from speech, noise and tones.

A few seconds of each segment are looked at: how much of them sounds like speech (`speech`), how far
the level falls in pauses, how much the spectrum moves, and whether it moves along one line only.
`model.judge` judges a file by these columns.

W windows, B stretches, F frames of 32 ms, G bins, K bands, H half seconds.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from model.arrays import Doubles, Floats
from model.frontends import LISTENING_LUFS, Frontend
from model.frontends.resampling import resample
from model.frontends.speech import FRAME, RATE_HZ, speech_detector

STRETCH_S = 3.0
"""Length of a stretch that is looked at."""

COLUMNS = ("speech", "pauses_db", "bass_db", "single", "steady_db", "rest_db", "jump", "heard")
BANDS = 32

_STRETCHES = 2  # of each window, in the part that the next segment does not repeat
_NEW_S = 15.0
_PLACES = (0.1, 0.7)  # of the stretches, as shares of the room they have
_FFT = 1024
_PER_HALF = 15  # frames of a half second
_FLOOR_DB = -40.0  # below the sum of the bands
_AUDIBLE = 1e-4  # of the loudest half second's power
_MOST_DB = 60.0


class Material:
    """Cue `material`; see `model.frontends.Frontend`. Columns: `COLUMNS`, then mean bands in dB.

    speech: Share of frames that are more likely speech than not, in [0, 1]; 0 without a detector.
    pauses_db: Level that 5 % of the frames exceed, less the level that 90 % exceed, 0..60.
    bass_db: Power below 70 Hz relative to all, at most 0.
    single: Share of the power in one partial that nine of ten frames reach, in [0, 1].
    steady_db: How much the bands move, in half seconds, by the middle two thirds of them.
    rest_db: How much they move besides their first principal component.
    jump: Step from one half second to the next over the spread; 1.4 for independent ones.
    heard: Share of half seconds within 40 dB of the loudest.
    """

    name = "material"
    version = 1
    feature_names = (*COLUMNS, *(f"band_{i}" for i in range(1, BANDS + 1)))
    context_s = 0.1
    grid_s = 0.01  # stretches are cut where they are wanted
    listens_at_lufs: float | None = LISTENING_LUFS
    cues: tuple[Frontend, ...] = ()

    @torch.inference_mode()
    def describe(self, samples: Tensor, sample_rate_hz: int, windows_s: Tensor) -> Tensor:
        """See `Frontend.describe`; [W, 40]."""
        if not len(windows_s):
            return torch.zeros(0, len(self.feature_names))
        stretches, lengths = _stretches(samples.cpu().float(), sample_rate_hz, windows_s)
        detector = speech_detector()
        frames = stretches.shape[1] // FRAME
        speech = torch.zeros(len(stretches), frames) if detector is None else detector(stretches)
        power = _power(stretches)  # [B, F, G]
        rows = []
        for window in range(len(windows_s)):
            mine = slice(window * _STRETCHES, (window + 1) * _STRETCHES)
            rows.append(_row(speech[mine].numpy(), power[mine].numpy(), lengths[mine]))
        return torch.from_numpy(np.stack(rows).astype(np.float32))

    def within_file(self, segments: Floats, windows: Floats) -> tuple[Floats, Floats]:
        """Rows as they are."""
        return segments, windows


def _stretches(samples: Tensor, rate_hz: int, windows_s: Tensor) -> tuple[Tensor, list[int]]:
    """The stretches of all windows at 16 kHz, [B, N], and how many samples of each are audio."""
    length = round(STRETCH_S * rate_hz)
    pieces, lengths = [], []
    for start_s, end_s in windows_s.tolist():
        room_s = max(0.0, min(end_s - start_s, _NEW_S) - STRETCH_S)
        for place in _PLACES:
            start = min(max(0, round((start_s + place * room_s) * rate_hz)), len(samples))
            end = min(start + length, max(start, round(end_s * rate_hz)))
            piece = samples[start:end]
            pieces.append(pad(piece, (0, length - len(piece))))
            lengths.append(math.floor(len(piece) / rate_hz * RATE_HZ))
    joined = resample(torch.cat(pieces), rate_hz, RATE_HZ)
    wanted = round(STRETCH_S * RATE_HZ)
    joined = pad(joined, (0, max(0, wanted * len(pieces) - len(joined))))
    return joined[: wanted * len(pieces)].reshape(len(pieces), wanted), lengths


def _power(stretches: Tensor) -> Tensor:
    """Power spectra, [B, F, G]."""
    window = torch.hann_window(_FFT)
    spectrum = torch.stft(
        stretches, _FFT, hop_length=FRAME, window=window, center=False, return_complex=True
    )
    return spectrum.abs().square().transpose(1, 2)


def _row(speech: Floats, power: Floats, lengths: list[int]) -> Doubles:
    """The columns of one window from its stretches: speech [B, P], power [B, F, G]."""
    whole = [power[i, : max(1, (n - _FFT) // FRAME + 1)] for i, n in enumerate(lengths)]
    likely = np.concatenate([speech[i, : max(1, n // FRAME)] for i, n in enumerate(lengths)])
    frames = np.concatenate(whole).astype(np.float64)  # [F, G]
    level_db = 10.0 * np.log10(frames.sum(axis=1) + 1e-12)
    high, low = np.percentile(level_db, [95, 10])
    bands, heard = _bands(whole)
    steady, rest, jump = _movement(bands)
    columns = (
        float((likely > 0.5).mean()),
        min(high - low, _MOST_DB),
        10.0 * math.log10(frames[:, 1:5].sum() / (frames.sum() + 1e-12) + 1e-6),
        _single(frames, level_db > high - _MOST_DB),
        *(steady, rest, jump, heard),
    )
    return np.concatenate([columns, bands.mean(axis=0)])


def _single(frames: Doubles, audible: NDArray[np.bool_]) -> float:
    """Share of the power within three bins of the peak that nine of ten audible frames reach."""
    chosen = frames[audible]
    peak = chosen.argmax(axis=1)
    sums = np.concatenate([np.zeros((len(chosen), 1)), chosen.cumsum(axis=1)], axis=1)
    row = np.arange(len(chosen))
    near = sums[row, np.minimum(peak + 4, chosen.shape[1])] - sums[row, np.maximum(peak - 3, 0)]
    return float(np.percentile(near / (sums[:, -1] + 1e-12), 10))


def _bands(whole: list[Floats]) -> tuple[Doubles, float]:
    """Audible half seconds as mel bands in dB below their sum, [H, K]; and their share of all."""
    halves = []
    for frames in whole:
        count = max(1, len(frames) // _PER_HALF)
        halves += [part.mean(axis=0) for part in np.array_split(frames, count)]
    mel = np.stack(halves).astype(np.float64) @ _mel()  # [H, K]
    total = mel.sum(axis=1)
    audible = total > total.max() * _AUDIBLE
    if not audible.any():
        return np.full((1, BANDS), _FLOOR_DB), 0.0
    share = mel[audible] / total[audible, None]
    return 10.0 * np.log10(share + 10.0 ** (_FLOOR_DB / 10.0)), float(audible.mean())


def _movement(bands: Doubles) -> tuple[float, float, float]:
    """How the bands of H half seconds move: `steady_db`, `rest_db` and `jump`."""
    if len(bands) < 3:
        return 0.0, 0.0, 0.0
    spread = robust_spread(bands)
    variance = np.maximum(np.linalg.eigvalsh(np.cov(bands.T)), 0.0)
    rest = math.sqrt(variance[:-1].sum() / BANDS)
    total = math.sqrt(variance.sum() / BANDS)
    step = math.sqrt(np.square(np.diff(bands, axis=0)).mean())
    return spread, rest, step / total if total > 1e-3 else 0.0


def robust_spread(bands: Doubles) -> float:
    """Half the range of the middle two thirds of the rows, as root mean square over the bands."""
    low, high = np.percentile(bands, [16, 84], axis=0)
    return float(np.sqrt(np.square((high - low) / 2.0).mean()))


@cache
def _mel() -> Doubles:
    """Slaney's mel filters from 50 to 7,800 Hz, [G, K]."""
    from torchaudio.functional import melscale_fbanks  # not while a service starts

    filters: Tensor = melscale_fbanks(
        _FFT // 2 + 1, 50.0, 7800.0, BANDS, RATE_HZ, norm="slaney", mel_scale="slaney"
    )
    return filters.double().numpy()


@cache
def material() -> Material:
    """The cue, one a process."""
    return Material()
