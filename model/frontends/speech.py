"""How likely each moment is speech: Silero's voice activity detector, read from its package.

The package `silero-vad` (MIT) carries the weights; none of its code runs: importing it would set
the number of torch's threads. Its network is a short Fourier transform, four convolutions, an LSTM
and a logistic output, for frames of 32 ms at 16 kHz; here all frames of a stretch go through the
convolutions at once.

B stretches, N samples, P frames.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad, relu

from model.errors import CheckpointError

RATE_HZ = 16_000
FRAME = 512
"""Samples of a frame."""

_CONTEXT = 64  # samples of the frame before that a frame begins with
_FFT, _HOP, _BINS = 256, 128, 129
_STRIDES = (1, 2, 2, 1)
_WIDTH = 128
_FILE = Path("data") / "silero_vad_16k.safetensors"


class SpeechDetector(nn.Module):
    """The network with its weights; construct with `load`."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        """Take the tensors of the package's file, by their names there.

        Raises:
            CheckpointError: One is missing or has another shape.
        """
        super().__init__()
        try:
            self._basis = weights["stft_conv.weight"]  # [2 * bins, 1, 256]
            self._convolutions = [
                (weights[f"conv{n}.weight"], weights[f"conv{n}.bias"], stride)
                for n, stride in enumerate(_STRIDES, start=1)
            ]
            self._lstm = nn.LSTM(_WIDTH, _WIDTH, batch_first=True)
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            state = {f"{name}_l0": weights[f"lstm_cell.{name}"] for name in names}
            self._lstm.load_state_dict(state)
            self._last = weights["final_conv.weight"], weights["final_conv.bias"]
        except (KeyError, RuntimeError) as exc:
            raise CheckpointError(
                f"the weights of silero-vad are not those of version 6 ({exc}): "
                "install what constraints.txt names"
            ) from exc

    @classmethod
    def load(cls) -> SpeechDetector | None:
        """The detector; None where the package is not installed.

        Raises:
            CheckpointError: Its weights are damaged or of another version.
        """
        path = weights_path()
        if path is None:
            return None
        try:
            return cls(load_file(path))
        except (OSError, SafetensorError) as exc:
            raise CheckpointError(f"{path} is damaged ({exc}): install silero-vad again") from exc

    @torch.inference_mode()
    def forward(self, samples: Tensor) -> Tensor:
        """How likely each frame is speech.

        Args:
            samples: Stretches at `RATE_HZ`, [B, N] float32, full scale about 1.

        Returns:
            [B, P], P = N // FRAME, in [0, 1].
        """
        stretches, frames = len(samples), samples.shape[1] // FRAME
        if not frames:
            return samples.new_zeros(stretches, 0)
        led = pad(samples[:, : frames * FRAME], (_CONTEXT, 0))
        framed = led.unfold(1, _CONTEXT + FRAME, FRAME).reshape(stretches * frames, 1, -1)
        spectrum = conv1d(pad(framed, (0, _CONTEXT), mode="reflect"), self._basis, stride=_HOP)
        hidden = (spectrum[:, :_BINS].square() + spectrum[:, _BINS:].square()).sqrt()
        for weight, bias, stride in self._convolutions:
            hidden = relu(conv1d(hidden, weight, bias, stride=stride, padding=1))
        states, _ = self._lstm(hidden.reshape(stretches, frames, _WIDTH))  # [B, P, width]
        return conv1d(relu(states).transpose(1, 2), *self._last).sigmoid()[:, 0]


def weights_path() -> Path | None:
    """Where the installed package keeps its weights; None where it is not installed."""
    package = find_spec("silero_vad")
    for folder in (package.submodule_search_locations or []) if package else []:
        if (Path(folder) / _FILE).is_file():
            return Path(folder) / _FILE
    return None


@cache
def speech_detector() -> SpeechDetector | None:
    """The detector, loaded once a process; see `SpeechDetector.load`."""
    return SpeechDetector.load()
