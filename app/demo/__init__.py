"""The demo catalogue: short pieces that the project composes itself, with known emotions."""
