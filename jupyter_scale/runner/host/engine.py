"""The runner's link to the cluster's scheduler: a Dask client, made when it is first needed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.errors import StateError
from jupyter_scale.model.cluster import ClusterState
from jupyter_scale.model.facts import shell_name
from jupyter_scale.runner.host.loops.worker import Preparation
from jupyter_scale.transport.random_state import isolate
from jupyter_scale.transport.tls import security

if TYPE_CHECKING:
    from distributed import Client, Future, Nanny

_SCHEDULER_TIMEOUT_S = 60.0
_LONG_S = 1.0
_WAIT_S = 10.0
_ANSWER_S = 1.0


class Engine:
    """The workers of one cluster.

    Parameters
    ----------
    cluster_directory
        Where ``scheduler.json``, ``state.json`` and ``tls/`` are.
    session
        Whose tasks they are given: the connection is named after it.
    """

    def __init__(self, cluster_directory: Path, session: str) -> None:
        self._directory, self._session = cluster_directory, session
        self._client: Client | None = None
        self._connecting = threading.Lock()
        self._is_complete = False
        self._nodes: frozenset[str] = frozenset()
        self._with_gpu = False

    def warm(self) -> None:
        """Connect while nothing runs, so that the first loop need not wait."""
        if self._client is None:
            threading.Thread(
                target=self._try_client, name="jupyter-scale warm", daemon=True
            ).start()

    def _try_client(self) -> None:
        with contextlib.suppress(OSError):
            self.client()

    def client(self) -> Client:
        """Return the client, waiting until the scheduler listens and has a worker.

        Raises
        ------
        OSError
            When that takes more than a minute.
        """
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client

    @property
    def is_connected(self) -> bool:
        """Whether `client` returns at once."""
        return self._client is not None

    def count_workers(self, seconds: float) -> int:
        """Return how many workers there are.

        Parameters
        ----------
        seconds
            How much work there is: for enough of it, workers that are just starting are waited for.
        """
        client = self.client()
        if seconds > _LONG_S and not self._is_complete:
            with contextlib.suppress(TimeoutError):
                client.wait_for_workers(self.wanted_workers(), timeout=min(seconds, _WAIT_S))
            self._is_complete = True
        return len(self._allowed(client))

    def confine(self, nodes: Collection[str], *, with_gpu: bool) -> None:
        """Give tasks of this cell to some nodes only, or to workers only that have a GPU.

        Parameters
        ----------
        nodes
            Names; all nodes when there are none.
        with_gpu
            Whether a worker has to have a GPU.
        """
        self._nodes, self._with_gpu = frozenset(nodes), with_gpu

    def placement(self) -> dict[str, Any]:
        """Return the keywords of ``Client.submit`` that keep a task where it may run."""
        if not self._nodes and not self._with_gpu:
            return {}
        return {"workers": self._allowed(self.client()), "allow_other_workers": False}

    def _allowed(self, client: Client) -> list[str]:
        """Return the addresses of the workers that this cell may use."""
        workers = client.scheduler_info(n_workers=-1)["workers"].items()
        return [
            address
            for address, known in workers
            if (not self._nodes or str(known["name"]).rpartition("/")[0] in self._nodes)
            and (not self._with_gpu or known["resources"].get("GPU"))
        ]

    def tell_workers(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a function in every worker's process; nobody waits for that."""

        def tell() -> None:
            with contextlib.suppress(OSError):  # the cluster ends
                self.client().run(function, *args, wait=False, on_error="ignore")

        threading.Thread(target=tell, name="jupyter-scale tell", daemon=True).start()

    def end_tasks(
        self, futures: Iterable[Future[Any]], ask_to_end: Callable[..., Any], *args: Any
    ) -> None:
        """Cancel tasks in the background; end the process of a worker that goes on all the same.

        Parameters
        ----------
        ask_to_end
            A coroutine function that runs in every worker's loop, and returns whether all ended.
        """
        threading.Thread(
            target=self._end_tasks,
            args=(list(futures), ask_to_end, *args),
            name="jupyter-scale end",
            daemon=True,
        ).start()

    def _end_tasks(
        self, futures: list[Future[Any]], ask_to_end: Callable[..., Any], *args: Any
    ) -> None:
        client = self.client()

        async def ask(address: str) -> bool:
            question = client._run(ask_to_end, *args, workers=[address], on_error="ignore")  # noqa: SLF001 - ``run`` has no timeout
            try:
                return bool((await asyncio.wait_for(question, _ANSWER_S)).get(address, True))
            except (TimeoutError, OSError):
                return False

        async def ask_all() -> list[bool]:
            return await asyncio.gather(*map(ask, addresses))

        with contextlib.suppress(OSError):  # the cluster ends
            client.cancel(futures, force=True)
            addresses = list(client.scheduler_info(n_workers=-1)["workers"])
            ended = client.sync(ask_all)
            stuck = [each for each, is_done in zip(addresses, ended, strict=True) if not is_done]
            if stuck:
                replace_workers(client, stuck)

    def wanted_workers(self) -> int:
        """Return how many workers the cluster is to have."""
        try:
            state = ClusterState.from_json((self._directory / "state.json").read_text())
        except (OSError, StateError):
            return 1
        return max(1, sum(node.workers for node in state.nodes))

    def _connect(self) -> Client:
        from distributed import Client

        isolate()
        path = self._directory / "scheduler.json"
        deadline = time.monotonic() + _SCHEDULER_TIMEOUT_S
        while not path.exists():
            if time.monotonic() > deadline:
                msg = f"{path} did not appear within {_SCHEDULER_TIMEOUT_S:.0f} s"
                raise TimeoutError(msg)
            time.sleep(0.05)
        client = Client(
            json.loads(path.read_text())["address"],
            security=security(self._directory / "tls", "client"),
            set_as_default=False,  # it is while a cell may use it
            direct_to_workers=False,
            name=shell_name(self._session),
        )
        client.wait_for_workers(1, timeout=_SCHEDULER_TIMEOUT_S)
        client.register_plugin(Preparation())
        loop: Any = client.loop
        loop.asyncio_loop.set_exception_handler(_on_loop_error)
        return client


def _on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say what went wrong in the client's loop, but for what is left of an interrupted wait."""
    if type(context.get("exception")).__name__ != "AllExit":
        loop.default_exception_handler(context)


def replace_workers(client: Client, addresses: list[str]) -> None:
    """End the processes of workers; their nannies, which are others, start them again."""
    client.run(_kill, workers=addresses, nanny=True, on_error="ignore")


def _kill(dask_worker: Nanny) -> None:
    """End the process that a nanny takes care of."""
    if dask_worker.pid:
        os.kill(dask_worker.pid, signal.SIGKILL)
