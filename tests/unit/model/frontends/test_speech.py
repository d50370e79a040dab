"""The speech detector computes what the package's own network computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.errors import CheckpointError
from model.frontends.speech import FRAME, SpeechDetector, speech_detector, weights_path


def reference() -> tuple[torch.jit.ScriptModule, SpeechDetector]:
    """The package's scripted network, and the detector with the weights of that one."""
    path = weights_path()
    assert path is not None
    scripted = torch.jit.load(path.with_name("silero_vad.jit"))
    given = dict(scripted.named_parameters()) | dict(scripted.named_buffers())
    weights = {"stft_conv.weight": given["_model.stft.forward_basis_buffer"]}
    for number in range(4):
        for part in ("weight", "bias"):
            name = f"_model.encoder.{number}.reparam_conv.{part}"
            weights[f"conv{number + 1}.{part}"] = given[name].detach()
    for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        weights[f"lstm_cell.{part}"] = given[f"_model.decoder.rnn.{part}"].detach()
    for part in ("weight", "bias"):
        weights[f"final_conv.{part}"] = given[f"_model.decoder.decoder.2.{part}"].detach()
    return scripted, SpeechDetector(weights)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_all_frames_at_once_are_the_package_s_frames_one_by_one() -> None:
    """With the same weights, to rounding."""
    scripted, detector = reference()
    t_s = torch.arange(40 * FRAME) / 16_000
    voice = torch.sin(2 * torch.pi * 140 * t_s * (1 + 0.05 * torch.sin(9 * t_s)))
    samples = 0.3 * voice * (torch.sin(25 * t_s) > 0) + 0.01 * torch.randn(len(t_s))
    frames = samples.split(FRAME)

    expected = [scripted(frame[None], 16_000).item() for frame in frames]

    assert detector(samples[None])[0].numpy() == pytest.approx(np.array(expected), abs=1e-4)


def test_noise_is_hardly_speech() -> None:
    """White noise of three seconds."""
    detector = speech_detector()
    assert detector is not None

    assert float(detector(0.1 * torch.randn(2, 3 * 16_000)).max()) < 0.5


def test_weights_of_another_network_are_refused() -> None:
    """A tensor that is missing is named as such, with what to do."""
    with pytest.raises(CheckpointError, match=r"constraints\.txt"):
        SpeechDetector({"stft_conv.weight": torch.zeros(258, 1, 256)})
