"""Which of the wires are offered, and what keeps another server in step, by the settings."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter

from app.compat import audiomuse, spotify
from app.compat.links import LinkStore, learn
from app.library.live import Live
from app.library.live_index import LiveIndex
from app.settings import Settings
from app.sharing.companion import Companion
from app.sharing.pushing import push
from app.sharing.subsonic_server import SubsonicServer
from indexer.catalog.catalog import Catalog
from model.emotion_model import EmotionModel


def routers(settings: Settings) -> Iterator[APIRouter]:
    """The routes of the wires that are switched on."""
    if "audiomuse" in settings.compat:
        yield audiomuse.make_router(LinkStore(settings.data_dir))
    if "spotify" in settings.compat:
        yield spotify.make_router()


def companion(
    settings: Settings, catalog: Catalog, model: EmotionModel, live: LiveIndex
) -> Companion | None:
    """What keeps the other server in step; None where none is named."""
    url = settings.server_url
    if url is None:
        return None
    store = LinkStore(settings.data_dir)

    def work(current: Live) -> None:
        password = settings.server_password.get_secret_value()
        with SubsonicServer(url, settings.server_user, password) as server:
            learn(server, catalog, store)
            if settings.server_push:
                push(
                    catalog.list_stations(), server, catalog, live.model_of(current, model), current
                )

    return Companion(live, work)
