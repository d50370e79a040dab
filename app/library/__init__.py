"""The indexed music as it is served: the live snapshot, artists, covers, audio."""
