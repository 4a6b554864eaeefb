"""How the extension joins a Jupyter server, and leaves it."""

from __future__ import annotations

import asyncio
import atexit
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVarTuple

from jupyter_server.utils import url_path_join

from jupyter_scale.server import away, describing, handlers
from jupyter_scale.server.feed import Feed, Shown
from jupyter_scale.server.registry import Registry
from jupyter_scale.serverlink import CERT_VARIABLE, KEY_VARIABLE, URL_VARIABLE
from jupyter_scale.transport.local import HASH_SEED

_Told = TypeVarTuple("_Told")


def load(serverapp: Any) -> None:
    """Add the endpoints; nothing is started yet."""
    settings = serverapp.web_app.settings
    settings["jupyter_scale_key"] = secrets.token_urlsafe(32)
    registry: Registry | None = None

    def attend(shown: Shown | None) -> None:
        if registry is not None:
            registry.attend(shown)

    def follow(clusters: frozenset[str]) -> None:
        if registry is not None:
            registry.follow_tasks(clusters)

    feed = Feed(attend, follow)
    loop = asyncio.get_event_loop()

    def in_loop(take: Callable[[*_Told], None]) -> Callable[[*_Told], None]:
        """Return what other threads call for a function of the event loop's."""

        def tell(*told: *_Told) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(take, *told)

        return tell

    takers = in_loop(feed.publish), in_loop(feed.take_sample), in_loop(feed.take_tasks)
    registry = Registry(Path(serverapp.root_dir), *takers)
    settings["jupyter_scale_feed"], settings["jupyter_scale_registry"] = feed, registry
    base = settings["base_url"]
    atexit.register(registry.close)
    endpoints = [(url_path_join(base, pattern), handler) for pattern, handler in routes()]
    serverapp.web_app.add_handlers(".*$", endpoints)


def routes() -> list[tuple[str, Any]]:
    """Return ``pattern → handler`` of every endpoint, without the server's base address."""
    return [*handlers.routes(), *describing.routes(), *away.routes()]


def start(serverapp: Any) -> None:
    """Let kernels find this server: by now its port is certain.

    A server on a Unix socket sets no address: its kernels own their clusters. Kernels get the
    clusters' hash seed, unless the user has chosen one: then sets of text iterate alike in both.
    """
    os.environ.setdefault("PYTHONHASHSEED", HASH_SEED)
    if serverapp.sock:
        return
    os.environ[URL_VARIABLE] = serverapp.connection_url
    os.environ[KEY_VARIABLE] = serverapp.web_app.settings["jupyter_scale_key"]
    if serverapp.certfile:
        os.environ[CERT_VARIABLE] = str(Path(serverapp.certfile).resolve())
    else:
        os.environ.pop(CERT_VARIABLE, None)


def stop(serverapp: Any) -> None:
    """Let go; clusters stay."""
    registry = serverapp.web_app.settings.get("jupyter_scale_registry")
    if registry is not None:
        atexit.unregister(registry.close)
        registry.close()
    if os.environ.get(KEY_VARIABLE) == serverapp.web_app.settings.get("jupyter_scale_key"):
        for variable in (URL_VARIABLE, KEY_VARIABLE, CERT_VARIABLE):
            os.environ.pop(variable, None)
