"""Emotion curves: keyframes, reading them into the model, estimating them from audio."""
