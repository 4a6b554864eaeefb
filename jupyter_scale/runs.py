"""Runs of other kernels, and those that nobody waited for, as users list and fetch them."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.archive.archive import Archive
from jupyter_scale.clusters.guest import Guest
from jupyter_scale.clusters.visiting import list_runs, visiting
from jupyter_scale.errors import ClusterError, RunnerError, ScaleError
from jupyter_scale.model.cluster import Ownership, Status
from jupyter_scale.model.run import format_bytes, format_seconds
from jupyter_scale.model.stored import StoredRun
from jupyter_scale.runner.pseudo import is_pseudo
from jupyter_scale.session.away import Taken, show_output, take_files, take_results

if TYPE_CHECKING:
    from jupyter_scale.clusters.cluster import Cluster
    from jupyter_scale.model.cluster import ClusterState, NodeState
    from jupyter_scale.session.showing import CellView

    Clusters = Sequence[Cluster | Guest]

_ID_CHARS = 8
_MOST_FILES = 5


def list_all(clusters: Clusters) -> list[StoredRun]:
    """Return the runs that clusters keep, cluster by cluster, the newest last."""
    return [run for _, _, run in _all_runs(clusters)]


def describe_runs(clusters: Clusters, prefix: str = "%scale") -> str:
    """Return a table of the runs that clusters keep, the newest last.

    Parameters
    ----------
    prefix
        What comes before ``fetch`` where it is said how to go on.
    """
    found = list(_all_runs(clusters))
    if not found:
        return "No run is kept: cells that a notebook has seen to their end need none."
    rows: list[tuple[str, ...]] = [("run", "state", "for", "left", "cell")]
    rows += [_row(run) for _, _, run in found]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if any(run.is_over and not run.is_fetched for _, _, run in found):
        lines.append(f"`{prefix} fetch RUN` brings output and names here.")
    return "\n".join(lines)


def waiting_note(cluster: Cluster | Guest) -> str:
    """Say how many runs of a cluster wait to be fetched; empty when none does."""
    return _waiting_text(list_all([cluster]))


def _waiting_text(runs: Sequence[StoredRun]) -> str:
    waiting = [run for run in runs if run.is_waiting]
    ended = sum(run.is_over for run in waiting)
    going = sum(not run.is_over and not run.is_attended for run in waiting)
    parts = []
    if ended:
        parts.append(f"{ended} cell{'s' * (ended != 1)} finished while you were away")
    if going:
        parts.append(f"{going} cell{'s run' if going != 1 else ' runs'} that nobody waits for")
    return " and ".join(parts) + (": see `%scale runs`" if parts else "")


def waiting_elsewhere(states: Iterable[ClusterState], timeout_s: float) -> list[str]:
    """Say of clusters that go on without kernels what waits there, within a moment.

    Nobody is asked for a passphrase; a cluster that does not answer in time is left out.

    Parameters
    ----------
    states
        As saved on this machine.
    timeout_s
        For how long all of them are waited for.
    """
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    threads = []
    for state in states:
        if state.status is Status.RUNNING and state.ownership is Ownership.SERVER:
            thread = threading.Thread(
                target=_say_waiting, args=(state, said), name="jupyter-scale runs", daemon=True
            )
            thread.start()
            threads.append(thread)
    deadline = time.monotonic() + timeout_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [said.get() for _ in range(said.qsize())]


def _say_waiting(state: ClusterState, said: queue.SimpleQueue[str]) -> None:
    with contextlib.suppress(ScaleError, OSError):  # it is not there now
        note = _note_of_saved(state)
        if note:
            said.put(note)


def _note_of_saved(state: ClusterState) -> str:
    if not state.is_elsewhere:
        archive = Archive(Path(state.directory))
        runs = [archive.look(run.id) for run in archive.runs()]
        return _waiting_text([run for run in runs if run is not None])
    guest = Guest(state)
    try:
        return waiting_note(guest)
    finally:
        guest.leave()


@dataclass(frozen=True, slots=True)
class Here:
    """Where a run goes that is fetched.

    Attributes
    ----------
    namespace
        The notebook's variables; None: its names stay where they are.
    view
        Where its output goes.
    folder
        Where the files go that it has written; None: it is said which there are.
    is_quiet
        Nothing of its output is shown.
    """

    namespace: dict[str, Any] | None
    view: CellView
    folder: Path | None
    is_quiet: bool = False


def attach(
    clusters: Clusters, wanted: str, names: Sequence[str], here: Here
) -> tuple[StoredRun, Taken]:
    """Show a run's output, wait for its end, and bind what it left.

    Parameters
    ----------
    wanted
        How its id begins; empty: the last one that was not fetched.
    names
        Only these, and no files; all when there are none.
    here
        Where it goes.

    Raises
    ------
    RunnerError
        There is no such run, or it has not got a name.
    ClusterError
        Its node cannot be reached.
    KeyboardInterrupt
        The user does not want to wait; the run goes on.
    """
    cluster, node, found = find_run(clusters, wanted)
    with visiting(cluster, node) as visitor:
        try:
            if here.is_quiet:
                run = list(visitor.states(found.id))[-1]
            else:
                run = show_output(visitor, found.id, here.view)
        except KeyboardInterrupt:
            here.view.note(f"the run {found.id[:_ID_CHARS]} goes on: `%scale cancel` stops it")
            raise
        taken = Taken()
        if here.namespace is not None:
            taken = take_results(visitor.result(run.id), run, here.namespace, names)
        if here.folder is not None and not names:
            taken.notes.extend(take_files(visitor, run, here.folder, here.view))
        elif run.files:
            taken.notes.append(_files_note(run))
        if not names and here.namespace is not None:
            visitor.note_fetched(run.id)
        return run, taken


def _files_note(run: StoredRun) -> str:
    paths = [path for path, _, _ in run.files]
    more = f" and {len(paths) - _MOST_FILES} more" if len(paths) > _MOST_FILES else ""
    return (
        f"it has written {', '.join(paths[:_MOST_FILES])}{more} in {run.folder} on its node:"
        f" `%scale fetch {run.id[:_ID_CHARS]}` without names brings what it has written"
    )


def cancel(clusters: Clusters, wanted: str) -> StoredRun:
    """Have a run stopped; asked for again: killed."""
    cluster, node, run = find_run(clusters, wanted)
    with visiting(cluster, node) as visitor:
        visitor.cancel(run.id)
    return run


def find_run(clusters: Clusters, wanted: str) -> tuple[Cluster | Guest, NodeState, StoredRun]:
    """Return the run whose id begins so, or the last one that was not fetched, and where it is.

    Raises
    ------
    RunnerError
        There is none, or more than one.
    ClusterError
        There is no cluster, or one cannot be asked.
    """
    if not clusters:
        raise ClusterError("No cluster runs that could keep a run: `%scale up` starts one.")
    found = [
        one
        for one in _all_runs(clusters)
        if (one[2].id.startswith(wanted) if wanted else not (one[2].is_fetched or one[2].dropped))
    ]
    if not found:
        what = f"no run whose id begins with {wanted!r}" if wanted else "no run to fetch"
        raise RunnerError(f"There is {what}: `%scale runs` shows those that are kept.")
    if wanted and len(found) > 1:
        raise RunnerError(f"More than one run's id begins with {wanted!r}: write more of it.")
    return found[-1]


def _all_runs(clusters: Clusters) -> Iterator[tuple[Cluster | Guest, NodeState, StoredRun]]:
    for cluster in clusters:
        for node, run in list_runs(cluster):
            yield cluster, node, run


def _row(run: StoredRun) -> tuple[str, ...]:
    seconds = (run.ended_at or time.time()) - run.started_at
    names = [name for name in run.names if not is_pseudo(name)]
    if run.is_fetched:
        left = "fetched"
    elif run.dropped:
        left = "dropped"
    else:
        left = ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")  # noqa: PLR2004
        left = f"{left} ({format_bytes(run.result_bytes)})" if names else "-"
    return run.id[:_ID_CHARS], run.status, format_seconds(seconds), left, run.first_line[:60]
