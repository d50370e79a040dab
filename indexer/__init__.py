"""The catalogue: walks folders, embeds tracks, keeps tables and snapshots, searches them."""
