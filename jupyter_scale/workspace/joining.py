"""A notebook joins a node: a runner is started there, and a session with it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.clusters.guest import Guest
from jupyter_scale.environment.courier import Courier, mirror_key
from jupyter_scale.errors import HostError, HostLost
from jupyter_scale.model.cluster import NodeState, Status
from jupyter_scale.providers.provider import Route
from jupyter_scale.runner.client import RunnerClient
from jupyter_scale.session.abroad import Abroad
from jupyter_scale.session.session import Session
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.transport.segments import remove_directory, session_directory
from jupyter_scale.transport.speaker import Speaker
from jupyter_scale.transport.ssh.retrying import LINK_PATIENCE_S, retry

_PATIENCE_S = 7.0
#: On the way to another machine a link may be dead without a sign.
_BEAT_S = 5.0


@dataclass(frozen=True)
class Notebook:
    """What a notebook brings along.

    Attributes
    ----------
    namespace, hidden
        Its variables, and those that IPython put there itself.
    ambience
        The process-wide state of its kernel.
    folder
        Where its files are.
    """

    namespace: dict[str, Any]
    hidden: Mapping[str, Any]
    ambience: Ambience
    folder: Path


@dataclass(frozen=True)
class Joined:
    """A session, and what it holds besides."""

    session: Session
    shared: Path | None
    route: Route
    session_id: str

    def close(self) -> None:
        """End the session, and the way to its runner."""
        self.session.close()
        self.route.close()

    def remove_shared(self) -> None:
        """Remove what a runner that was killed could not."""
        if self.shared is not None:
            remove_directory(self.shared)


class Joiner:
    """Joins one notebook to nodes.

    Parameters
    ----------
    notebook
        The notebook.
    current
        Returns the cluster in use.
    """

    def __init__(self, notebook: Notebook, current: Callable[[], Cluster | Guest | None]) -> None:
        self._notebook, self._current = notebook, current
        #: ``cluster and node → who brings files there``.
        self._carriers: dict[tuple[str, str], Courier] = {}

    def join(
        self,
        cluster: Cluster | Guest,
        node: NodeState,
        on_event: Callable[[str], None],
        on_runner: Callable[[], None],
        *,
        is_detached: bool,
    ) -> Joined:
        """Start a runner on a node, and join it.

        Parameters
        ----------
        cluster, node
            Where.
        on_event
            Told in words what is being started.
        on_runner
            Called when the runner can be reached.
        is_detached
            Whether nobody waits for what it runs.
        """

        def on_pause(error: HostError) -> None:
            on_event(f"the link is broken, reconnecting ({error.why}) …")

        kept_for_s = cluster.state.profile.kept_for_s
        unbegun_s = min(LINK_PATIENCE_S, kept_for_s)
        session_id, child, address = retry(
            lambda: self._begin(cluster, node, on_event, is_detached=is_detached),
            on_pause,
            unbegun_s,
        )
        route = retry(lambda: cluster.reach(address, node), on_pause, unbegun_s, is_known=True)
        on_runner()
        # A laptop may sleep; what its cell leaves is kept for so long on the other machine.
        is_elsewhere = cluster.state.is_elsewhere
        patience_s = kept_for_s if is_elsewhere else _PATIENCE_S

        def is_alive() -> bool:
            try:
                return not route.is_refused() and child.exit_status() is None
            except HostLost:
                return True  # as far as is known

        client = RunnerClient(
            route.address,
            cluster.directory / "tls",
            session_id,
            is_alive,
            patience_s,
            _BEAT_S if is_elsewhere else 0.0,
        )
        shared_dir = cluster.state.shared_dir
        shared = session_directory(Path(shared_dir), session_id) if shared_dir else None
        notebook, abroad = self._notebook, None
        if node.machine is not None:
            abroad = Abroad(notebook.folder, partial(self._couriers, node.name), unbegun_s)
        session = Session(
            client,
            notebook.namespace,
            notebook.hidden,
            shared,
            notebook.ambience,
            abroad=abroad,
        )
        return Joined(session, shared, route, session_id)

    @staticmethod
    def _begin(
        cluster: Cluster | Guest,
        node: NodeState,
        on_event: Callable[[str], None],
        *,
        is_detached: bool,
    ) -> tuple[str, Speaker, str]:
        """Start a runner; return its session, who speaks for it, and where it listens."""
        session_id = f"s{int(time.time())}-{secrets.token_hex(4)}"
        child = cluster.start_runner(session_id, node, is_detached=is_detached)
        on_event("starting the notebook's other half …")
        try:
            return session_id, child, child.wait_ready()["address"]
        except HostLost:
            cluster.let_go(session_id)  # it ends by itself, as nobody joins it
            raise

    def _couriers(self, first: str) -> list[Courier]:
        """Return who brings files to the nodes that run, that of a session's runner first."""
        cluster = self._current()
        if cluster is None:
            return []
        state = cluster.state
        found = []
        for node in sorted(state.nodes, key=lambda node: node.name != first):
            if node.status is Status.FAILED and node.name != first:
                continue
            known = self._carriers.get((state.id, node.name))
            if known is None and (host := cluster.host_of(node)) is not None:
                known = Courier(host, mirror_key(self._notebook.folder))
                self._carriers[state.id, node.name] = known
            if known is not None:
                found.append(known)
        return found
