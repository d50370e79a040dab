"""How well music is heard: mean emotion and playlists against what listeners of two studies say."""
