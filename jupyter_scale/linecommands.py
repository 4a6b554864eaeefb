"""What ``%scale`` does: one command a line, which returns what there is to say."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jupyter_scale import data
from jupyter_scale.cellview import NotebookView
from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.clusters.costs import cost_now, quote_lines
from jupyter_scale.clusters.extending import describe_limits, extend
from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.errors import NoCluster, ScaleError
from jupyter_scale.lines import limits_in
from jupyter_scale.model.cluster import ClusterEvent
from jupyter_scale.model.cost import show_usd
from jupyter_scale.model.profile import Limits
from jupyter_scale.model.run import format_bytes
from jupyter_scale.runs import Here, attach, cancel, describe_runs, waiting_note
from jupyter_scale.status import show_status
from jupyter_scale.workspace.workspace import Workspace

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class LineCommands:
    """The commands of ``%scale``, for one kernel.

    Parameters
    ----------
    shell
        The notebook's.
    workspace
        Its cluster and sessions.
    """

    def __init__(self, shell: InteractiveShell, workspace: Workspace) -> None:
        self._shell, self._workspace = shell, workspace

    def carry_out(self, arguments: argparse.Namespace, view: NotebookView) -> str:
        """Carry out a line; return what there is to say.

        Parameters
        ----------
        arguments
            The line, parsed.
        view
            Where progress and outputs are shown.

        Raises
        ------
        ScaleError
            When something is wrong.
        """
        said = ""
        match arguments.command:
            case "up":
                said = self._up(arguments, view)
            case "use":
                cluster = self._workspace.attach(arguments.cluster)
                said = f"This notebook uses the cluster '{cluster.state.name}'."
            case "down":
                said = self._down()
            case "scale":
                said = self._scale(arguments.sizes)
            case "extend":
                said = self._extend(limits_in(arguments))
            case "runs" | "attach" | "fetch" | "cancel":
                said = self._of_runs(arguments, view)
            case "quiet":
                self._workspace.is_quiet = arguments.state == "on"
            case "keep-above":
                said = self._keep_above(arguments.size)
            case "data" | "free" | "get":
                said = self._of_data(arguments)
            case _:
                said = show_status(self._workspace)
        return said

    def _keep_above(self, size: int | Literal["off"] | None) -> str:
        if size is not None:
            self._workspace.keep_above = None if size == "off" else size
            return ""
        limit = self._workspace.keep_above
        if limit is None:
            return "All results come home."
        return f"Results above {format_bytes(limit)} stay on the cluster."

    def _of_data(self, arguments: argparse.Namespace) -> str:
        """Carry out a line about what the cluster holds."""
        match arguments.command:
            case "free":
                return data.free(self._workspace, arguments.names)
            case "get":
                data.fetch(self._workspace, self._shell.user_ns, arguments.names)
                return ""
        return data.table(self._workspace)

    def _up(self, arguments: argparse.Namespace, view: NotebookView) -> str:
        workspace, profile, workers = self._workspace, arguments.profile, arguments.workers
        if arguments.dry_run:
            return self._quote(profile)
        if workspace.cluster is not None and profile is None and workers is not None:
            return self._scale([("", workers)])

        def on_event(event: ClusterEvent) -> None:
            view.status(event.message)

        began = time.time()
        cluster = workspace.up(profile, workers, Path.cwd(), on_event, _ask_secret)
        view.finish_progress()
        notes = workspace.take_notes(view.status)
        # Others may have used it, or one before it; nobody is asked for a passphrase for that.
        is_own = isinstance(cluster, Cluster) or not cluster.state.is_elsewhere
        if workspace.follows_broken or (is_own and cluster.state.started_at < began):
            with contextlib.suppress(ScaleError):  # `%scale runs` says what is wrong
                notes += filter(None, [waiting_note(cluster)])
        for note in notes:
            view.note(note)
        count = cluster.workers
        return f"The cluster '{cluster.state.name}' is up: {count} worker{'s' * (count != 1)}."

    def _of_runs(self, arguments: argparse.Namespace, view: NotebookView) -> str:
        """Carry out a line about runs."""
        with self._workspace.visited() as clusters:
            match arguments.command:
                case "runs":
                    return describe_runs(clusters)
                case "cancel":
                    run = cancel(clusters, arguments.run)
                    return f"The run {run.id[:8]} was told to stop."
            names = getattr(arguments, "names", ())
            is_quiet = getattr(arguments, "quiet", False)
            here = Here(self._shell.user_ns, view, self._workspace.folder, is_quiet=is_quiet)
            run, taken = attach(clusters, arguments.run, names, here)
        for note in [*run.notes, *taken.notes]:
            view.note(note)
        if taken.has_value:
            view.value(taken.value)
        how = f"The run {run.id[:8]} is over: {run.status}"
        came = ", ".join(taken.names)
        return f"{how}; here now: {came}." if came else f"{how}."

    def _scale(self, sizes: Sequence[tuple[str, int]]) -> str:
        """Change the size of pools; say how many workers there are, and which nodes failed."""
        workers = 0
        for pool, wanted in sizes:
            workers = self._workspace.scale(wanted, pool)
        cluster = self._workspace.cluster
        nodes = () if cluster is None else cluster.state.nodes
        failed = [f"{node.name} failed: {node.error}" for node in nodes if node.error]
        return "\n".join([f"The cluster has {workers} workers.", *failed])

    @staticmethod
    def _quote(profile: str | None) -> str:
        return "\n".join(quote_lines(load_profile(profile or "local", Path.cwd())))

    def _down(self) -> str:
        cluster = self._workspace.cluster
        state = None if cluster is None else cluster.state
        if not self._workspace.down():
            return "There is no cluster."
        cost = None if state is None else cost_now(state)
        return "The cluster has ended." + (f" It cost {show_usd(cost.usd)}." if cost else "")

    def _extend(self, changes: Limits) -> str:
        cluster = self._workspace.cluster
        if cluster is None:
            raise NoCluster("There is no cluster: `%scale up` starts one.")
        state = extend(cluster.state, changes, _ask_secret)
        if isinstance(cluster, Cluster):
            cluster.look()  # what starts later has these limits, too
        return f"The limits of '{state.name}': {describe_limits(state)}."


def _ask_secret(prompt: str) -> str:
    """Ask for a passphrase; where nobody can be asked, the answer is none."""
    try:
        return getpass.getpass(prompt)
    except (EOFError, NotImplementedError):  # IPython's "frontend does not support stdin"
        return ""
