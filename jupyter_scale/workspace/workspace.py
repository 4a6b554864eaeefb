"""What belongs to one kernel: its cluster, its sessions, what its last run did.

This is where clusters and sessions meet: all that passes between them is a runner's address and
credentials.
"""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_scale.analysis.cell import CellFacts
from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.clusters.guest import Guest
from jupyter_scale.clusters.placing import NOTHING, Chosen, Need, choose
from jupyter_scale.clusters.supplies import supply_of
from jupyter_scale.errors import ClusterError, StartError
from jupyter_scale.model.cluster import ClusterEvent, NodeState, Status
from jupyter_scale.model.explanation import Explanation
from jupyter_scale.model.run import RunReport
from jupyter_scale.session.cell import Cell, CellResult
from jupyter_scale.session.explain import explain_first
from jupyter_scale.session.plan import CellOptions
from jupyter_scale.session.session import Session
from jupyter_scale.session.showing import CellView
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.workspace.joining import Joined, Joiner, Notebook
from jupyter_scale.workspace.reminders import Reminders
from jupyter_scale.workspace.tenancy import Tenancy


class Workspace:
    """One kernel's cluster and sessions.

    Parameters
    ----------
    namespace, hidden
        The notebook's variables, and those that IPython put there itself.
    ambience
        The process-wide state of this kernel.

    Attributes
    ----------
    folder
        The notebook's: the kernel's working directory when this was made.
    """

    def __init__(
        self, namespace: dict[str, Any], hidden: Mapping[str, Any], ambience: Ambience
    ) -> None:
        self.folder = Path.cwd()
        self._notebook = Notebook(namespace, hidden, ambience, self.folder)
        self._tenancy = Tenancy()
        self._joiner = Joiner(self._notebook, lambda: self.cluster)
        #: ``node → its session``, and the node of the last cell.
        self._joined: dict[str, Joined] = {}
        self._place = ""
        self._reminders = Reminders()
        self.is_quiet = os.environ.get("JUPYTER_SCALE_QUIET", "") not in {"", "0"}
        self.last_run: RunReport | None = None
        self.last_explanation: Explanation | None = None
        #: Results larger than so many bytes stay on the cluster, unless the cell says otherwise.
        self.keep_above: int | None = None
        self._pid = os.getpid()
        atexit.register(self.close)

    # -- the cluster -------------------------------------------------------------------------

    @property
    def cluster(self) -> Cluster | Guest | None:
        """The cluster in use, if any."""
        return self._tenancy.cluster

    @property
    def follows_broken(self) -> bool:
        """Whether that was started in place of one which broke down."""
        return self._tenancy.follows_broken

    @property
    def workers(self) -> int:
        """How many task slots the cluster was asked for, or has."""
        nodes = () if self.cluster is None else self.cluster.state.nodes
        return sum(node.workers for node in nodes)

    @property
    def nodes(self) -> int:
        """How many nodes of the cluster have not failed."""
        nodes = () if self.cluster is None else self.cluster.state.nodes
        return sum(node.status is not Status.FAILED for node in nodes)

    def up(
        self,
        name: str | None,
        workers: int | None,
        directory: Path,
        on_event: Callable[[ClusterEvent], None],
        ask: Callable[[str], str] | None = None,
    ) -> Cluster | Guest:
        """Bring up a cluster from a profile: under Jupyter the server's, else this kernel's own.

        A cluster of that profile that runs already is used, also one whose kernel has ended; hosts
        of it that have failed are tried again.

        Parameters
        ----------
        name, workers, directory
            The profile, the number of workers if it shall be another, and where profiles are.
        on_event
            Told what happens.
        ask
            Asks the user for a passphrase, given a prompt.

        Raises
        ------
        ClusterError
            When one is up already.
        ProfileError, StartError
            When the profile is wrong, or something does not come up.
        """
        return self._tenancy.up(name, workers, directory, on_event, ask)

    def attach(self, wanted: str) -> Cluster | Guest:
        """Use another cluster of this kernel's Jupyter server; the one so far is left.

        One of this kernel's own ends then, unless it outlives kernels.

        Parameters
        ----------
        wanted
            The name of a cluster that runs, or its id.

        Raises
        ------
        NoCluster
            When there is none.
        ClusterError
            When values stay on the one so far, which would be lost to the notebook.
        """
        link, view = self._tenancy.find(wanted)
        if self.cluster is not None and self.cluster.state.id == view["id"]:
            return self.cluster
        there = [value for one in self._joined.values() for value in one.session.remote_values]
        kept = {id(value) for value in there}
        names = [name for name, value in self._notebook.namespace.items() if id(value) in kept]
        if names:
            name = min(names)
            msg = (
                f"{name!r} stays on the cluster so far: fetch it first, `{name} = {name}.get()`, or"
                f" let go of it, `del {name}`."
            )
            raise ClusterError(msg)
        self._end_sessions()
        return self._tenancy.move(link, view)

    def scale(self, workers: int, pool: str = "", timeout_s: float | None = None) -> int:
        """Change the number of workers, and of rented nodes; return how many workers there are.

        Parameters
        ----------
        workers
            How many there shall be.
        pool
            In this pool only; in all when empty.
        timeout_s
            How long to wait for them; as long as they may take when None.

        Raises
        ------
        NoCluster
            When none is up.
        ClusterError
            When there is no such pool, or another kernel owns the cluster.
        """
        return self._tenancy.scale(workers, pool, timeout_s)

    def down(self) -> bool:
        """End the cluster, also a server's; tell whether there was one."""
        self._end_sessions()
        return self._tenancy.down()

    def visited(self) -> AbstractContextManager[list[Cluster | Guest]]:
        """Give the clusters whose runs can be fetched: the one in use, else all that go on."""
        return self._tenancy.visited()

    def take_start_error(self) -> StartError | None:
        """Return, once, why the cluster that was starting meanwhile has failed."""
        return self._tenancy.take_start_error()

    # -- its sessions ------------------------------------------------------------------------

    @property
    def session_or_none(self) -> Session | None:
        """The session, if a cell has run."""
        joined = self._joined.get(self._place)
        return None if joined is None else joined.session

    @property
    def sessions(self) -> dict[str, Session]:
        """``node → session`` of all that are joined and alive."""
        joined = {node: one.session for node, one in self._joined.items()}
        return {node: session for node, session in joined.items() if session.is_alive()}

    @property
    def session_ids(self) -> frozenset[str]:
        """What its sessions are called on the cluster."""
        return frozenset(joined.session_id for joined in self._joined.values())

    def session(
        self, on_event: Callable[[str], None], need: Need = NOTHING
    ) -> tuple[Session, Chosen]:
        """Return the session for a cell, and where that is, starting what has to be.

        Parameters
        ----------
        on_event
            Told in words what is being started.
        need
            What the cell asks for.

        Raises
        ------
        UsageError
            When no node has it.
        """
        chosen = self.choose(on_event, need)
        if chosen.node.name not in self._joined:
            joined = self._join(chosen.node, on_event, is_detached=False)
            self._joined[chosen.node.name] = joined
        session = self._joined[chosen.node.name].session
        if chosen.node.name != self._place:
            session.take_turn()
            self._place = chosen.node.name
        return session, chosen

    def choose(self, on_event: Callable[[str], None], need: Need = NOTHING) -> Chosen:
        """Return where a cell runs; without a cluster one is started on this machine.

        Raises
        ------
        UsageError
            When no node has what the cell needs.
        """
        return choose(self._tenancy.obtain(on_event).state, need, supply_of)

    def detach(
        self, cell: Cell, options: CellOptions, chosen: Chosen, view: CellView
    ) -> CellResult:
        """Let a cell run for which nobody waits, in a namespace of its own.

        Raises
        ------
        As from `Session.run`.
        """
        joined = self._join(chosen.node, view.status, is_detached=True)
        try:
            return joined.session.run(cell, replace(options, is_detached=True), view)
        finally:
            joined.close()
            # What the kernel's own state was compared with is another session's now.
            if (session := self.session_or_none) is not None:
                session.take_turn()

    def forget_session(self) -> None:
        """Let go of a session whose runner is gone; the next cell gets a new one."""
        cluster, joined = self.cluster, self._joined.pop(self._place, None)
        if joined is not None:
            if joined.session.is_left_alone and cluster is not None:
                cluster.let_go(joined.session_id)
            joined.close()
            joined.remove_shared()
        if cluster is not None and not cluster.is_alive:
            self._end_sessions()
            self._tenancy.bury()

    def close(self) -> None:
        """End all that is this kernel's own, quietly; a forked child ends nothing."""
        if os.getpid() == self._pid:
            with contextlib.suppress(ClusterError):
                self._end_sessions()
                self._tenancy.let_go()

    def _join(
        self, node: NodeState, on_event: Callable[[str], None], *, is_detached: bool
    ) -> Joined:
        cluster = self.cluster
        assert cluster is not None  # noqa: S101 - the caller has chosen one of its nodes
        start_more = self._tenancy.go_on_starting
        return self._joiner.join(cluster, node, on_event, start_more, is_detached=is_detached)

    def _end_sessions(self) -> None:
        """End all sessions, before their cluster is left."""
        joined, self._joined = self._joined, {}
        for one in joined.values():
            one.close()
        self._reminders = Reminders()

    # -- what can be said --------------------------------------------------------------------

    def take_notes(self, on_event: Callable[[str], None]) -> list[str]:
        """Return, once, what the user should know of the cluster before a cell runs.

        Packages that were installed here since the last cell are brought to its nodes.
        """
        return [] if self.cluster is None else self._reminders.take(self.cluster, on_event)

    def explain(self, source: str, facts: CellFacts, options: CellOptions) -> Explanation:
        """Tell what a cell would do; nothing runs and nothing is started."""
        session, where = self.session_or_none, self._tenancy.outlook()
        if session is None or not session.is_alive():
            notebook = self._notebook
            return explain_first(notebook.namespace, notebook.hidden, facts, options, where)
        return session.explain(source, facts, options, where)
