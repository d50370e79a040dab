"""Every setting of the service and the command line, from the environment (`CIRCUMPLEX_*`)."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.environment import PREFIX, SecretFiles
from app.http.origins import LOCAL_HOSTS
from indexer.folders.roots import MusicRoot, music_root
from indexer.runs.options import RunOptions
from indexer.shards import MOST_SHARDS

MIB = 1024 * 1024

_TOKEN = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[^\s/:?#@\[\]]+")
_ORIGIN = re.compile(r"[A-Za-z][\w+.-]*://[^\s/?#@]+")
_BETWEEN_ROOTS = re.compile(rf"{re.escape(os.pathsep)}(?!(?<=s3:)//)")  # not within `s3://`


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/circumplex`, or `~/.local/share/circumplex`."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "circumplex"


class Settings(BaseSettings):
    """Built once, by `create_app` or by the command line, and passed down.

    Lists of folders are separated as in `PATH` (a colon, on Windows a semicolon); other lists by
    commas.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        validate_default=True,
        allow_inf_nan=False,
    )

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of the database, the snapshots and the kept analyses.",
    )
    database_url: str | None = Field(
        None, description="SQLAlchemy URL; by default SQLite in the data folder."
    )
    database_password: SecretStr | None = Field(
        None, description="Password of the database, where its URL holds none."
    )
    music_roots: Annotated[tuple[MusicRoot, ...], NoDecode] = Field(
        (),
        description="Folders that may be indexed and whose audio may be served; "
        "`s3://bucket/prefix` is music in an object store.",
    )
    checkpoint: Path | None = Field(
        None,
        description="Model file, `fast` or `full`; by default `full` where musicnn is installed "
        "and `fast` elsewhere.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where the model runs.")
    torch_threads: int = Field(
        0,
        ge=0,
        le=256,
        description="Threads of one torch operation; 0: one while serving, where requests take "
        "turns on the cores, and torch's default elsewhere.",
    )

    host: str = Field("127.0.0.1", description="Address the service listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port; 0 takes a free one.")
    root_path: str = Field("", description="Path prefix a reverse proxy strips, such as /music.")
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Host names requests may be addressed to; * accepts any. By default only local "
        "names where the service listens on loopback alone, and any elsewhere.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses or networks of reverse proxies whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed; none by default.",
    )
    max_connections: int = Field(
        512, ge=16, le=65_536, description="Connections open at the same time, from all clients."
    )
    max_connections_per_client: int = Field(
        256, ge=1, le=65_536, description="Connections open at the same time from one address."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins whose pages may call the API; none by default."
    )

    admin: bool = Field(True, description="Offer the admin endpoints.")
    admin_token: SecretStr | None = Field(
        None,
        description="Bearer token of the admin endpoints; without one only an API key with "
        "the scope `admin` opens them.",
    )
    require_key: bool = Field(
        False, description="Ask for an API key on every /v1 endpoint, not only on the admin ones."
    )
    profiles: Literal["key", "machine"] = Field(
        "key",
        description="Whose own plane answers a request: that of its API key (without one the "
        "machine's), or always the machine's.",
    )
    subsonic: bool = Field(True, description="Offer the OpenSubsonic server at /rest.")
    compat: Annotated[tuple[Literal["audiomuse", "spotify"], ...], NoDecode] = Field(
        (), description="Wires of other services to offer too: audiomuse, spotify."
    )
    server_url: str | None = Field(
        None, description="Another Subsonic server whose song ids are learned while serving."
    )
    server_user: str = Field("", description="User name there.")
    server_password: SecretStr = Field(SecretStr(""), description="Password there.")
    server_push: bool = Field(
        False, description="Push all stations to that server with each snapshot and day."
    )
    signed_address_s: float = Field(
        3 * 86_400.0,
        ge=60,
        le=366 * 86_400,
        description="How long the audio addresses in a playlist file work without a key, seconds.",
    )
    requests_per_minute: int = Field(
        0, ge=0, le=1_000_000, description="Requests a minute each client may make; 0: no limit."
    )

    max_body_bytes: int = Field(
        2 * MIB, ge=1024, le=64 * MIB, description="Largest JSON request body, bytes."
    )
    max_upload_bytes: int = Field(
        64 * MIB, ge=1024, le=4096 * MIB, description="Largest uploaded file, bytes."
    )
    max_upload_duration_s: float = Field(
        3600.0, gt=0, le=86_400, description="Longest uploaded clip, seconds of audio."
    )
    upload_timeout_s: float = Field(
        60.0, gt=0, le=3600, description="Longest time an upload may take to arrive, seconds."
    )
    analysis_timeout_s: float = Field(
        120.0, gt=0, le=3600, description="Longest time analysing one upload may take, seconds."
    )
    analysis_memory_bytes: int = Field(
        2048 * MIB,
        ge=256 * MIB,
        le=65_536 * MIB,
        description="Memory one upload may need while it is analysed, bytes.",
    )
    max_track_duration_s: float = Field(
        6 * 3600.0, gt=0, le=86_400, description="Longest file of the library, seconds of audio."
    )
    track_timeout_s: float = Field(
        1800.0,
        gt=0,
        le=86_400,
        description="Longest time reading one file of the library may take, seconds.",
    )
    track_memory_bytes: int = Field(
        2048 * MIB,
        ge=256 * MIB,
        le=65_536 * MIB,
        description="Memory one file of the library may need while it is read, bytes.",
    )
    isolate_uploads: bool = Field(
        True, description="Decode uploads in a worker process with limits of its own."
    )
    isolate_index_runs: bool = Field(
        True, description="Carry out index runs in a process of their own, behind requests."
    )
    upload_workers: int = Field(1, ge=1, le=64, description="Uploads analysed at the same time.")
    upload_queue: int = Field(
        8, ge=0, le=1024, description="Uploads that may wait for a worker; more get a 429."
    )

    snapshot_poll_s: float = Field(
        2.0, gt=0, le=3600, description="How often a newly activated snapshot is looked for, s."
    )
    verify_s: float = Field(
        3600.0,
        ge=1,
        le=30 * 86_400,
        description="Time between comparisons of every byte of the snapshot that answers, seconds.",
    )
    rescan_s: float | None = Field(
        None, ge=10, description="Time between automatic index runs of the music roots, seconds."
    )
    watch_s: float | None = Field(
        None,
        ge=1,
        le=86_400,
        description="Time between looks for changed files in the music roots, seconds; "
        "a change is indexed once the files rest. By default nothing is watched.",
    )
    least_track_s: float = Field(
        20.0,
        ge=0,
        le=3600,
        description="Shortest file that is taken for a piece of music, seconds; up to half as long "
        "again beside much longer music (ADR 104).",
    )
    keep_snapshots: int = Field(
        RunOptions.keep_snapshots,
        ge=1,
        le=1000,
        description="Snapshots kept on disk; older inactive ones are removed.",
    )
    keep_analyses_days: float = Field(
        RunOptions.keep_analyses_days,
        ge=0,
        le=36_500,
        description="Days that the analysis of content stays which no track has any more.",
    )
    shards: int = Field(
        RunOptions.shards,
        ge=1,
        le=MOST_SHARDS,
        description="Parts in which the snapshots of index runs are searched.",
    )
    search: Literal["local", "ray"] = Field(
        "local", description="Where snapshots are searched: in this process, or on Ray."
    )
    ray_address: str | None = Field(
        None, description="Address of the Ray cluster; by default one is started on this machine."
    )
    ray_replicas: int = Field(
        2, ge=1, le=64, description="Processes on Ray that can each answer for one shard."
    )
    shutdown_s: float = Field(
        10.0, ge=0, le=600, description="Time running requests get when the service stops, s."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the files that it names."""
        return init_settings, env_settings, SecretFiles(settings_cls)

    @field_validator("music_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = filter(None, _BETWEEN_ROOTS.split(value))
        return tuple(music_root(root) if isinstance(root, str) else root for root in value)

    @field_validator("trusted_hosts", "trusted_proxies", "cors_origins", "compat", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("data_dir", mode="after")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        try:
            str(value).encode()
            return value.expanduser()
        except UnicodeEncodeError as exc:  # what writes snapshots takes no other names
            raise ValueError("the data folder's name is no UTF-8: name another folder") from exc
        except RuntimeError as exc:
            raise ValueError(f"{value}: there is no such user on this machine") from exc

    @field_validator("admin_token", mode="after")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("a token has letters, digits and signs of ASCII, as a header does")
        return value

    @field_validator("root_path", mode="after")
    @classmethod
    def _is_a_prefix(cls, value: str) -> str:
        if value and not re.fullmatch(r"(/[^/?#\s]+)+", value):
            raise ValueError(f"{value!r} is no path prefix: write it as in /music")
        return value

    @field_validator("trusted_hosts", mode="after")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if host != "*" and not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is no host name: write it without scheme, port, path")
        return value

    @field_validator("cors_origins", mode="after")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if origin not in {"*", "null"} and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin: write it as in https://music.example")
        return value

    @field_validator("trusted_proxies", mode="after")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            if network != "*":
                try:
                    ipaddress.ip_network(network, strict=False)
                except ValueError as exc:
                    raise ValueError(f"{network!r} is neither an address nor a network") from exc
        return value

    @model_validator(mode="after")
    def _no_open_admin(self) -> Self:
        if self.admin and self.admin_token is None and not is_loopback(self.host):
            raise ValueError(
                f"listening on {self.host} with the admin endpoints enabled needs a token: "
                "set CIRCUMPLEX_ADMIN_TOKEN, or CIRCUMPLEX_ADMIN=false to do without them"
            )
        return self

    @model_validator(mode="after")
    def _password_has_a_user(self) -> Self:
        if self.database_password is not None:
            _, user, _ = _parted(self.database_url or "")
            if not user or ":" in user:
                raise ValueError(
                    "CIRCUMPLEX_DATABASE_PASSWORD needs CIRCUMPLEX_DATABASE_URL to name a user and "
                    "no password, as in postgresql://user@host/name"
                )
        return self

    @property
    def resolved_trusted_hosts(self) -> tuple[str, ...]:
        """The hosts that were set, or those that suit the address."""
        if self.trusted_hosts:
            return self.trusted_hosts
        return LOCAL_HOSTS if is_loopback(self.host) else ("*",)

    @property
    def resolved_database_url(self) -> str:
        """The database to use: the one that was set, or SQLite in the data folder."""
        if self.database_url is not None:
            if self.database_password is None:
                return self.database_url
            scheme, user, rest = _parted(self.database_url)
            return f"{scheme}{user}:{quote(self.database_password.get_secret_value(), '')}{rest}"
        path = str(self.data_dir.absolute() / "circumplex.db")
        return f"sqlite:///{path.replace('%', '%25').replace('?', '%3F')}"

    def with_changes(self, **changes: Any) -> Settings:
        """A validated copy in which `changes` (those that are not None) replace the values."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        values.update({name: value for name, value in changes.items() if value is not None})
        return Settings(**values)


def _parted(database_url: str) -> tuple[str, str, str]:
    """Scheme, user and password, and the rest from its `@` on; no user where none is named."""
    scheme, separator, rest = database_url.partition("://")
    place, slash, name = rest.partition("/")
    user, at, host = place.rpartition("@")
    return scheme + separator, user, at + host + slash + name


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a service that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
