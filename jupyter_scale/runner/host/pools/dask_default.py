"""Dask collections find the cluster while a cell runs, unless the user has chosen a scheduler."""

from __future__ import annotations

import contextlib
from types import ModuleType
from typing import Any

from jupyter_scale.runner.host.engine import Engine


class DaskDefault:
    """Makes the cluster's client Dask's default one as soon as Dask looks for it.

    Parameters
    ----------
    base
        The module ``dask.base``.
    engine
        Has the client.
    """

    def __init__(self, base: ModuleType, engine: Engine) -> None:
        self._base: Any = base
        self._engine = engine
        self._plain = self._base.get_scheduler
        #: Whether Dask has looked for it since `install`.
        self.is_used = False

    def install(self) -> None:
        """Be asked; a client that is connected already is the default at once."""
        self.is_used = False
        if self._engine.is_connected:
            self._be_default()
        self._base.get_scheduler = self._get_scheduler

    def remove(self) -> None:
        """Be asked no more."""
        self._base.get_scheduler = self._plain
        if self._engine.is_connected:
            from distributed.client import _del_global_client

            _del_global_client(self._engine.client())

    def _be_default(self) -> None:
        from distributed.client import _get_global_client, _set_global_client

        if _get_global_client() is None:  # else the user has one
            with contextlib.suppress(OSError):  # then as without a cluster
                _set_global_client(self._engine.client())

    def _get_scheduler(
        self, get: Any = None, scheduler: Any = None, collections: Any = None, cls: Any = None
    ) -> Any:
        if not get and scheduler is None and not self._base.config.get("scheduler", None):
            self.is_used = True
            self._be_default()
        return self._plain(get, scheduler, collections, cls)
