"""A small trained-looking checkpoint for tests: random networks, everything else fitted to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from model.audio.dynamics import Dynamics
from model.cca import fit_cca, fit_scoring
from model.checkpoint import Checkpoint
from model.curves.estimation import CurveSettings
from model.embedding import Embedding
from model.emer import EmerCl, EmerConfig
from model.encoders import EncoderConfig
from model.learning.novelty import fit_novelty
from model.regression import fit_mean_head

FEATURES = 5


def small_checkpoint(
    seed: int = 0,
    settings: CurveSettings | None = None,
    columns: int = FEATURES,
) -> Checkpoint:
    """Emotion is a simple function of the features, which the fitted parts find."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    features = torch.randn(300, columns, generator=generator)
    emotion = 0.3 * torch.tanh(features[:, :2])  # [N, 2]
    curves = emotion[:, None, :].expand(-1, 30, -1)
    config = EmerConfig(
        columns,
        EncoderConfig("mean_mlp", (32,), dropout=0.0),
        EncoderConfig("bigru", (32,), recurrent=8, dropout=0.0, resample_frames=20),
        d_z=4,
        d_kl=3,
    )
    networks = EmerCl(config).eval()
    networks.fit_inputs(features, emotion)
    with torch.no_grad():
        music, feeling = networks.music(features), networks.emotion(curves)
    cca = fit_cca(music.z, feeling.z, dimensions=4)
    phi_m, phi_e = cca.project_music(music.z), cca.project_emotion(feeling.z)
    rows = Embedding(phi_m.astype(np.float32), music.mu.numpy(), music.var.numpy())
    return Checkpoint(
        name="small",
        frontend_id="fake-1",
        columns=tuple(f"part_{i}" for i in range(columns)),
        config=config,
        weights=networks.state_dict(),
        cca=cca,
        scoring=fit_scoring(phi_m, phi_e, 0.9 * cca.rho),
        mean_head=fit_mean_head(rows, emotion.numpy(), ridge=0.1, gamma=0.3, centres=100),
        dynamics=Dynamics.none(4, 3),
        novelty=fit_novelty(features.numpy(), tuple(f"part_{i}" for i in range(columns))),
        curve=settings or replace(CurveSettings(), sd=(0.12, 0.14)),
        notes={"seed": seed, "dataset": "synthetic"},
    )
