"""What anybody may read of an error: without the folders and addresses of this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from indexer.folders.roots import MusicRoot, StoreRoot


class PublicWords:
    """Shortens the paths of an error's message to what lies below known folders.

    An error whose message names more than anybody may know, such as a database's address, has a
    shorter one in its attribute `public`.
    """

    def __init__(self, folders: Iterable[MusicRoot] = ()) -> None:
        """Take the folders and roots, such as the data folder and the music roots."""
        known: set[str] = set()
        for folder in folders:
            if isinstance(folder, StoreRoot):
                known.add(str(folder))
                continue
            absolute = folder.expanduser().absolute()
            known |= {str(absolute), str(absolute.resolve())}
        self._folders = sorted(known - {"/"}, key=len, reverse=True)

    def of(self, error: BaseException) -> str:
        """The message of an error for anybody."""
        text = str(getattr(error, "public", "") or error)
        for folder in self._folders:
            text = text.replace(f"{folder}/", "").replace(folder, Path(folder).name)
        return text
