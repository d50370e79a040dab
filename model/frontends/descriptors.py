"""The default frontend: 31 descriptors of timbre and loudness that need no trained weights.

13 MFCC means and 7 spectral-contrast means (librosa's definitions) and GeMAPS's eleven loudness
functionals (openSMILE's definition).
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.frontends import loudness
from model.frontends.resampling import resample
from model.frontends.spectral import N_CONTRAST, N_MFCC, RATE_HZ, SpectralFrames

_CHUNK_WINDOWS = 64


class Descriptors:
    """Frontend `descriptors`; see `model.frontends.Frontend`.

    Frames are computed once for the whole waveform; windows only summarise them. A window's
    features do not depend on what lies further than `context_s` outside it, and little on the
    waveform's sample rate.
    """

    name = "descriptors"
    version = 1
    feature_names: tuple[str, ...] = (
        *(f"mfcc_{i}" for i in range(1, N_MFCC + 1)),
        *(f"spectral_contrast_{i}" for i in range(1, N_CONTRAST + 1)),
        *loudness.NAMES,
    )
    context_s = 0.2
    grid_s = 10.24  # 441 spectral frames, 1024 loudness frames

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)

    @torch.inference_mode()
    def describe(self, samples: Tensor, sample_rate_hz: int, windows_s: Tensor) -> Tensor:
        """See `Frontend.describe`; [W, 31]."""
        windows = windows_s.to(self.device, torch.float64)
        if len(windows) == 0:
            return windows.new_zeros(0, len(self.feature_names), dtype=torch.float32)
        at_rate = resample(samples.to(self.device, torch.float32), sample_rate_hz, RATE_HZ)
        timbre = SpectralFrames(at_rate)
        contour = loudness.loudness_contour(at_rate)
        features = at_rate.new_zeros(len(windows), len(self.feature_names))
        # Windows of like length go together, so that little is padded.
        for rows in torch.split((windows[:, 1] - windows[:, 0]).argsort(), _CHUNK_WINDOWS):
            alike = windows[rows]
            features[rows] = torch.cat(
                [timbre.describe(alike), loudness.describe(contour, alike)], dim=1
            )
        return features
