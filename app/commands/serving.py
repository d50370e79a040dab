"""`circumplex serve`, and running the server for `circumplex demo`."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from types import FrameType
from typing import Annotated

import typer

from app.commands.common import (
    Checkpoint,
    DataDir,
    Device,
    make_settings,
    notes,
    plain,
    require_data_folder,
)
from app.errors import ServerStartError
from app.settings import Settings
from indexer.starting import collector_paused
from indexer.storage import keep_private, may_write

KEEP_ALIVE_S = 30
STOPPING = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Beside SIGTERM and SIGINT: they would end the process in the midst of its work."""
SWITCH_S = 0.001  # the event loop waits so long for a search's Python, not 5 ms (ADR 0044)


def serve(
    host: Annotated[str | None, typer.Option(help="Address. \\[default: 127.0.0.1]")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 0 takes a free one. \\[default: 8000]")
    ] = None,
    data_dir: DataDir = None,
    checkpoint: Checkpoint = None,
    device: Device = None,
) -> None:
    """Serve the page, the API and its documentation."""
    settings = make_settings(
        host=host, port=port, data_dir=data_dir, checkpoint=checkpoint, device=device
    )
    run_server(settings)


def require_free_port(settings: Settings) -> None:
    """Find out before longer work whether the service can listen.

    Raises:
        ServerStartError: It cannot; says why and what to do.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as exc:
        raise ServerStartError(
            f"the service cannot listen on {settings.host}:{settings.port} "
            f"({exc.strerror or exc}): name another with --port (`make demo PORT=…`)"
        ) from exc


class Server:
    """A uvicorn server that says when it is up, and ends event streams when it is asked to stop."""

    def __init__(self, settings: Settings) -> None:
        with collector_paused():
            import uvicorn

            from app.http.connections import bounded_protocol, possible_limits
            from app.main import create_app

        self.stopping = threading.Event()
        stopping = self.stopping

        limits = possible_limits(settings.max_connections, settings.max_connections_per_client)

        class _Uvicorn(uvicorn.Server):
            def handle_exit(self, sig: int, frame: FrameType | None) -> None:
                stopping.set()
                super().handle_exit(sig, frame)
                self._captured_signals.clear()  # not raised again: a clean stop exits with 0

        self._app = create_app(settings, stopping=stopping)
        config = uvicorn.Config(
            self._app,
            http=bounded_protocol(limits),
            ws="none",
            host=settings.host,
            port=settings.port,
            root_path=settings.root_path,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=int(settings.shutdown_s),
        )
        self._server = _Uvicorn(config)
        self._settings = settings

    @property
    def started(self) -> bool:
        """Whether requests are answered."""
        return bool(self._server.started)

    @property
    def url(self) -> str:
        """Where the service is reached from this machine."""
        port = self._settings.port
        for server in getattr(self._server, "servers", []):
            for listening in server.sockets:
                port = listening.getsockname()[1]
        host = self._settings.host
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
        return f"http://{host}:{port}"

    def run(self) -> None:
        """Serve until asked to stop.

        Raises:
            ServerStartError: The port is taken, or the start failed; the log says why.
        """
        sys.setswitchinterval(SWITCH_S)
        try:
            self._server.run()
        except SystemExit as exc:
            raise self._not_started() from exc
        if not self._server.started:
            raise self._not_started()

    def _not_started(self) -> ServerStartError:
        place = f"{self._settings.host}:{self._settings.port}"
        why = getattr(self._app.state, "not_started", None)
        if why is None:
            return ServerStartError(f"the service did not start on {place}; the log above says why")
        return ServerStartError(f"the service did not start on {place}: {why}")

    def stop(self) -> None:
        """Ask it to stop."""
        self.stopping.set()
        self._server.should_exit = True


def run_server(settings: Settings) -> None:
    """Serve in the foreground, with logs on standard error."""
    from app import logs

    keep_private()
    require_free_port(settings)
    if may_write(settings.data_dir) or not settings.data_dir.is_dir():
        require_data_folder(settings)
    else:
        notes.print(
            f"[yellow]warning:[/] {plain(settings.data_dir)} cannot be written: questions are "
            "answered from the index that it holds, but nothing can be indexed or kept",
            soft_wrap=True,
        )
    logs.configure()
    server = Server(settings)
    for number in STOPPING:
        if signal.getsignal(number) == signal.SIG_DFL:  # `nohup` has SIGHUP ignored
            signal.signal(number, lambda *_: server.stop())
    announce = threading.Thread(target=_announce, args=(server,), daemon=True)
    announce.start()
    server.run()


def _announce(server: Server) -> None:
    while not server.stopping.wait(0.05):
        if server.started:
            notes.print(f"Circumplex is at [bold]{server.url}[/] (API: {server.url}/docs)")
            return
