"""The OpenSubsonic server at `/rest`: any Subsonic player browses, streams and plays moods."""
