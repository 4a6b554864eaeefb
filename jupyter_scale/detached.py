"""Runs for which nobody waits: ``%%scale --detach`` gives one of these."""

from __future__ import annotations

import asyncio
import html
import os
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.clusters.visiting import visiting
from jupyter_scale.errors import ClusterError, RunnerError, ScaleError
from jupyter_scale.model.run import format_seconds
from jupyter_scale.session.away import Taken, show_output, take_files, take_results
from jupyter_scale.session.cell import stand_in

if TYPE_CHECKING:
    from jupyter_scale.clusters.cluster import Cluster
    from jupyter_scale.clusters.guest import Guest
    from jupyter_scale.model.cluster import NodeState
    from jupyter_scale.model.stored import StoredRun
    from jupyter_scale.session.showing import CellView

_AGAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a detached run is: its cluster and node; and where the files go that it writes."""

    cluster: Cluster | Guest
    node: NodeState
    folder: Path


class Run:
    """A cell that runs on the cluster while the notebook goes on.

    Parameters
    ----------
    run
        Its id.
    first_line
        Of its cell.
    place
        Where it runs.
    changes
        Names of the notebook that it may bind or change.
    namespace
        The notebook's variables.
    make_view
        Returns where output goes.
    command
        Runs here when it has ended, with its id and state in the environment; empty: nothing does.

    Attributes
    ----------
    id : str
        Its id; ``%scale fetch ID`` finds it from any notebook.
    changes : frozenset of str
        See above.
    """

    def __init__(
        self,
        run: str,
        first_line: str,
        place: Place,
        changes: frozenset[str],
        namespace: dict[str, Any],
        make_view: Callable[[], CellView],
        command: str = "",
    ) -> None:
        self.id, self.changes = run, changes
        self._first_line, self._place, self._command = first_line, place, command
        self._namespace, self._make_view = namespace, make_view
        self._started_at = time.time()
        self._known: StoredRun | None = None
        self._trouble = ""
        #: What the user was told of it, see `changes`.
        self.noted: set[str] = set()
        self._over = threading.Event()
        self._taken: Taken | None = None
        thread = threading.Thread(target=self._watch, name=f"jupyter-scale run {run}", daemon=True)
        thread.start()

    # -- for the notebook --------------------------------------------------------------------

    @property
    def state(self) -> str:
        """``"running"``, ``"done"``, ``"failed"``, ``"interrupted"`` or ``"lost"``."""
        return "running" if self._known is None else self._known.status

    @property
    def progress(self) -> float | None:
        """How much of the loop that it is in is done, from 0 to 1; None: nobody knows."""
        known = self._known
        if known is None or not known.loop_total:
            return None
        return known.loop_done / known.loop_total

    @property
    def seconds(self) -> float:
        """How long it has taken so far, or took."""
        known = self._known
        end = known.ended_at if known is not None and known.ended_at is not None else time.time()
        return end - (self._started_at if known is None else known.started_at)

    def done(self) -> bool:
        """Tell whether it is over."""
        return self._over.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for its end, for so many seconds at most; tell whether it is over."""
        return self._over.wait(timeout)

    def output(self) -> None:
        """Show here what it has shown so far."""
        with visiting(self._place.cluster, self._place.node) as visitor:
            show_output(visitor, self.id, self._make_view(), is_followed=False)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for its end, show what it has shown, bind the names that it left.

        Returns
        -------
        object
            The value of its last expression.

        Raises
        ------
        TimeoutError
            It is not over after `timeout` seconds; it goes on.
        RunnerError
            It is lost, or what it left is.
        Exception
            What the cell raised.
        """
        if not self.wait(timeout):
            msg = f"The run {self.id[:8]} is not over after {timeout} s; it goes on."
            raise TimeoutError(msg)
        if self._taken is None:
            self._taken = self._take()
        if self._known is not None and self._known.status != "done":
            raise self._taken.exception or self._failure(self._known)
        return self._taken.value

    def cancel(self) -> None:
        """Have it stopped; said once more, its process is killed."""
        if not self.done():
            with visiting(self._place.cluster, self._place.node) as visitor:
                visitor.cancel(self.id)

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.get_running_loop().run_in_executor(None, self.wait).__await__()
        return self.result()

    def __repr__(self) -> str:
        progress = "" if self.progress is None else f", {self.progress:.0%}"
        trouble = f", {self._trouble}" if self._trouble else ""
        line = self._first_line[:40]
        return f"<Run {self.id[:8]} {self.state}{progress}, {self._age()}{trouble}: {line}>"

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(repr(self))}</code>"

    def _age(self) -> str:
        return format_seconds(self.seconds)

    # -- behind it ---------------------------------------------------------------------------

    def _watch(self) -> None:
        """Learn how it goes on, for as long as its cluster is there."""
        while not self._over.is_set():
            try:
                with visiting(self._place.cluster, self._place.node) as visitor:
                    for known in visitor.states(self.id):
                        self._known, self._trouble = known, ""
                self._end()
            except RunnerError as error:
                self._trouble = str(error)
                self._end()
            except (ScaleError, OSError) as error:
                self._trouble = f"it cannot be asked now ({error})"
                if not self._is_cluster_there():
                    self._end()
                self._over.wait(_AGAIN_S)

    def _is_cluster_there(self) -> bool:
        try:
            return self._place.cluster.is_alive
        except ClusterError:
            return True  # as far as is known

    def _end(self) -> None:
        self._over.set()
        if self._command:
            self._run_command()

    def _run_command(self) -> None:
        told = {"JUPYTER_SCALE_RUN": self.id, "JUPYTER_SCALE_RUN_STATE": self.state}
        try:
            subprocess.run(  # noqa: S602 - the user's own
                self._command, shell=True, check=True, env={**os.environ, **told}
            )
        except (OSError, subprocess.CalledProcessError) as error:
            why = f"exit status {error.returncode}" if hasattr(error, "returncode") else str(error)
            self._trouble = f"its command failed ({why})"

    def _take(self) -> Taken:
        known = self._known
        if known is None or known.status == "lost":
            raise self._failure(known)
        view = self._make_view()
        with visiting(self._place.cluster, self._place.node) as visitor:
            show_output(visitor, self.id, view)
            taken = take_results(visitor.result(self.id), known, self._namespace)
            taken.notes.extend(take_files(visitor, known, self._place.folder, view))
            visitor.note_fetched(self.id)
        for note in [*known.notes, *taken.notes]:
            view.note(note)
        return taken

    def _failure(self, known: StoredRun | None) -> BaseException:
        if known is None or known.status == "lost":
            why = self._trouble or ("" if known is None else known.error) or "its cluster has ended"
            return RunnerError(f"The run {self.id[:8]} is lost: {why}.")
        name, _, text = known.error.partition(": ")
        return stand_in({"ename": name or "RuntimeError", "evalue": text})
