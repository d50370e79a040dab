"""Playlists: what is asked, which tracks answer, in which order, in which format."""
