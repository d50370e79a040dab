"""Everything the indexer can refuse.

IndexerError
├── StorageError                the data folder cannot be written: full, read-only
│   └── WorkerStartError        no process can be started
├── ClusterError                the Ray cluster is not to be reached, or failed
├── WorkerLimitError            a worker process took too long or too much, or was lost
├── LibraryError                a music root cannot be used
│   ├── RootNotFoundError       no such folder or bucket, or no right to read it
│   ├── EmptyRootError          no audio in it, though the catalogue knows some there
│   └── ShrunkRootError         many of its tracks are not there any more
├── CatalogError                the database
│   ├── CatalogUnavailableError unreachable, locked or full
│   ├── CatalogVersionError     written by a newer build
│   ├── CursorError             a page cursor that this listing did not hand out
│   └── TrackNotFoundError      no track has this id
├── RunError                    index runs
│   ├── RunNotFoundError        no index run has this id
│   ├── RunActiveError          another run holds the catalogue
│   ├── RunCancelledError       cancelled while it ran
│   ├── StoreAwayError          an object store does not answer
│   ├── RunInterruptedError     its process was asked to stop; the run is queued again
│   └── LeaseLostError          another process took the run over
├── BackupError                 backups
│   ├── BackupDamagedError      the archive is none, or not what its manifest says
│   └── TargetInUseError        something is there already, or a service runs on it
├── StationNotFoundError        no station has this id
├── PlaylistNotFoundError       no saved playlist has this id
├── TooManyError                as many stations or playlists are kept as there may be
└── SnapshotError               snapshots
    ├── SnapshotNotFoundError   no snapshot has this id, or its folder is gone
    ├── SnapshotFormatError     a format this build does not read
    └── SnapshotDamagedError    its content is not what its manifest says
"""


class IndexerError(Exception):
    """Base of all errors of the indexer package."""


class StorageError(IndexerError):
    """The data folder cannot be written."""


class WorkerStartError(StorageError):
    """No worker process can be started."""


class ClusterError(IndexerError):
    """The Ray cluster is not to be reached, or failed."""


class WorkerLimitError(IndexerError):
    """A worker process took too long or too much memory over a file, or was lost over it."""


class LibraryError(IndexerError):
    """A music root cannot be used."""


class RootNotFoundError(LibraryError):
    """The music root is no folder and no bucket, or may not be read."""


class EmptyRootError(LibraryError):
    """The music root holds no audio, though the catalogue knows tracks there."""


class ShrunkRootError(LibraryError):
    """More than a fifth of the music root's tracks are not there any more."""


class CatalogError(IndexerError):
    """The catalogue's database refused."""


class CatalogUnavailableError(CatalogError):
    """The database is unreachable, locked or full.

    Attributes:
        public: The message without the database's address.
    """

    def __init__(self, message: str, public: str = "") -> None:
        super().__init__(message)
        self.public = public or message


class CatalogVersionError(CatalogError):
    """A newer build wrote the database's schema."""


class CursorError(CatalogError):
    """The page cursor is none that the listing hands out."""


class TrackNotFoundError(CatalogError):
    """No track of the catalogue has this id."""


class RunError(IndexerError):
    """An index run cannot go on."""


class RunNotFoundError(RunError):
    """No index run has this id."""


class RunActiveError(RunError):
    """Another index run holds the catalogue."""


class RunCancelledError(RunError):
    """The index run was cancelled while it ran."""


class RunInterruptedError(RunError):
    """The process was asked to stop; the run is queued again and resumes."""


class StoreAwayError(RunError):
    """An object store failed again and again; what was finished is kept for the next run."""


class LeaseLostError(RunError):
    """Another process took the index run over."""


class BackupError(IndexerError):
    """A backup cannot be made or restored."""


class BackupDamagedError(BackupError):
    """The archive is no backup, or its content is not what its manifest says."""


class TargetInUseError(BackupError):
    """Something is there already that would be overwritten, or a service runs on it."""


class StationNotFoundError(IndexerError):
    """No station has this id."""


class PlaylistNotFoundError(IndexerError):
    """No saved playlist has this id."""


class TooManyError(IndexerError):
    """As many stations or playlists are kept as there may be."""


class SnapshotError(IndexerError):
    """A snapshot cannot be used."""


class SnapshotNotFoundError(SnapshotError):
    """No snapshot has this id, or its folder is gone."""


class SnapshotFormatError(SnapshotError):
    """The snapshot's format is none that this build reads."""


class SnapshotDamagedError(SnapshotError):
    """The snapshot's content is not what its manifest says."""
