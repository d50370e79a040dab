"""The music-emotion model: audio in, embeddings and emotion curves out."""
