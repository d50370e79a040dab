# %% [markdown]
# # First steps with the client
#
# A service runs at `CIRCUMPLEX_URL` (`circumplex serve`), with music indexed. Run this file as it is, or
# cell by cell in an editor that knows `# %%`.

# %%
import os
from pathlib import Path

from circumplex.client import Client, RefusedError

client = Client(
    os.environ.get("CIRCUMPLEX_URL", "http://localhost:8000"), os.environ.get("CIRCUMPLEX_KEY")
)
library = client.library()
print(f"{library.tracks} tracks, {library.duration_s / 3600:.1f} hours, model {library.model_id}")

# %% [markdown]
# ## Music that feels like a word, a phrase, a curve

# %%
for question in (
    {"emotion": {"mood": "calm"}, "limit": 5},
    {"emotion": {"text": "sad but hopeful"}, "limit": 5},
    {
        "emotion": {
            "curve": [
                {"t": 0, "valence": 0.2, "arousal": -0.8},
                {"t": 600, "valence": 0.8, "arousal": 0.9},
            ]
        },
        "mode": "journey",
        "limit": 5,
    },
):
    playlist = client.playlist(question)
    print(playlist.mode, [item.track.title for item in playlist.items])

# %% [markdown]
# ## The same for a player

# %%
Path("calm.m3u8").write_bytes(client.playlist_file({"emotion": {"mood": "calm"}, "limit": 5}))

# %% [markdown]
# ## The emotion of a track over time, as columns

# %%
track = next(client.tracks(limit=10))
emotion = client.track_emotion(track.id)
seconds = [point.t for point in emotion.curve]
valence = [point.valence for point in emotion.curve]
print(f"{track.title}: {len(seconds)} points, mean valence {emotion.mean.valence:+.2f}")

# %% [markdown]
# ## What a service refuses says why

# %%
try:
    client.playlist({"emotion": {"mood": "clam"}})
except RefusedError as error:
    print(error.kind, "-", error, error.problem.get("suggestions"))

client.close()
