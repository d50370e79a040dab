"""Uploaded clips: received, analysed in worker processes, answered."""
