"""Audio files: decoding, frames, pictures and loudness."""
