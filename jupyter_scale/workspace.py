"""What belongs to one kernel: its cluster, its session, what its last run did.

This is where clusters and sessions meet: all that passes between them is a runner's address and
credentials.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.errors import ClusterError, NoCluster, StartError
from jupyter_scale.model.cluster import ClusterEvent
from jupyter_scale.model.profile import embedded_profile
from jupyter_scale.model.run import RunReport
from jupyter_scale.runner.client import RunnerClient
from jupyter_scale.session.session import Session


class Workspace:
    """One kernel's cluster and session.

    Parameters
    ----------
    namespace, hidden
        The notebook's variables, and those that IPython put there itself.
    """

    def __init__(self, namespace: dict[str, Any], hidden: Mapping[str, Any]) -> None:
        self._namespace, self._hidden = namespace, hidden
        self._cluster: Cluster | None = None
        self._session: Session | None = None
        self.is_quiet = os.environ.get("JUPYTER_SCALE_QUIET", "") not in {"", "0"}
        self.last_run: RunReport | None = None
        self._start_error: StartError | None = None
        self._pid = os.getpid()
        atexit.register(self.close)

    @property
    def cluster(self) -> Cluster | None:
        """The cluster in use, if any."""
        return self._cluster

    @property
    def session_or_none(self) -> Session | None:
        """The session, if a cell has run."""
        return self._session

    def up(
        self,
        name: str | None,
        workers: int | None,
        directory: Path,
        on_event: Callable[[ClusterEvent], None],
    ) -> Cluster:
        """Bring up a cluster from a profile.

        Raises
        ------
        ClusterError
            When one is up already.
        ProfileError, StartError
            When the profile is wrong, or something does not come up.
        """
        if self._cluster is not None:
            running = self._cluster.state.name
            msg = (
                f"The cluster '{running}' is up already: use it, change its size with "
                "`%scale up --workers N`, or end it with `%scale down` first."
            )
            raise ClusterError(msg)
        profile = load_profile(name or "local", directory)
        if workers is not None:
            profile = profile.with_workers(workers)
        self._start(Cluster.create(profile, on_event=on_event), wait=True)
        assert self._cluster is not None  # noqa: S101 - _start has set it
        return self._cluster

    def scale(self, workers: int, timeout_s: float = 60.0) -> int:
        """Change the number of workers; return how many there are now.

        Raises
        ------
        NoCluster
            When none is up.
        """
        if self._cluster is None:
            msg = "There is no cluster: `%scale up` starts one."
            raise NoCluster(msg)
        self._cluster.wait_ready()
        self._cluster.scale(workers)
        self._cluster.wait_workers(workers, timeout_s)
        return self._cluster.workers

    def down(self) -> bool:
        """End the cluster; tell whether there was one."""
        session, self._session = self._session, None
        if session is not None:
            session.close()
        cluster, self._cluster = self._cluster, None
        if cluster is None:
            return False
        cluster.stop()
        return True

    def session(self, on_event: Callable[[str], None]) -> Session:
        """Return the session, starting cluster and runner as needed.

        Parameters
        ----------
        on_event
            Told in words what is being started.
        """
        if self._session is None:
            if self._cluster is None:
                on_event("starting a cluster on this machine …")
                # The runner is enough for the first cell; workers join meanwhile.
                self._start(Cluster.create(embedded_profile()), wait=False)
                self._session = self._open_session(on_event)
                threading.Thread(
                    target=self._await_workers,
                    args=(self._cluster,),
                    name="jupyter-scale start",
                    daemon=True,
                ).start()
            else:
                self._session = self._open_session(on_event)
        return self._session

    def _await_workers(self, cluster: Cluster) -> None:
        """Bring a cluster's start to its end while the first cell runs."""
        try:
            cluster.wait_ready()
        except StartError as error:
            if self._cluster is cluster:
                self._start_error = error

    def take_start_error(self) -> StartError | None:
        """Return, once, why the cluster that was starting meanwhile has failed."""
        error, self._start_error = self._start_error, None
        return error

    def forget_session(self) -> None:
        """Let go of a session whose runner is gone; the next cell gets a new one."""
        session, self._session = self._session, None
        if session is not None:
            session.close()
        cluster = self._cluster
        if cluster is not None and not cluster.is_alive:
            self._cluster = None
            cluster.stop()

    @property
    def workers(self) -> int:
        """How many task slots the cluster was asked for, or has."""
        if self._cluster is None:
            return 0
        return sum(node.workers for node in self._cluster.state.nodes)

    def close(self) -> None:
        """End everything, quietly; a forked child ends nothing."""
        if os.getpid() == self._pid:
            with contextlib.suppress(ClusterError):
                self.down()

    def _start(self, cluster: Cluster, *, wait: bool) -> None:
        self._cluster = cluster
        try:
            cluster.start(wait=wait)
        except BaseException:
            self._cluster = None
            raise

    def _open_session(self, on_event: Callable[[str], None]) -> Session:
        cluster = self._cluster
        assert cluster is not None  # noqa: S101 - the caller has started one
        session_id = f"s{int(time.time())}-{secrets.token_hex(4)}"
        child = cluster.start_runner(session_id)
        on_event("starting the notebook's other half …")
        address = child.wait_ready()["address"]
        client = RunnerClient(
            address, cluster.directory / "tls", session_id, lambda: child.exit_status() is None
        )
        shared = Path(cluster.state.shared_dir) if cluster.state.shared_dir else None
        return Session(client, self._namespace, self._hidden, shared)
