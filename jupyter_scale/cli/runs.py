"""``runs``, ``fetch``, ``cancel``: what cells have left whose notebooks are gone."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from jupyter_scale.cli.saved import matching, saved_states
from jupyter_scale.cli.terminal import asking, complain, say
from jupyter_scale.clusters.guest import Guest
from jupyter_scale.errors import CannotTravel, RunnerError
from jupyter_scale.model.cluster import Ownership, Status
from jupyter_scale.runs import Here, attach, cancel, describe_runs, list_all

if TYPE_CHECKING:
    from jupyter_scale.model.messages import LoopProgress


def runs(wanted: str | None, *, as_json: bool) -> None:
    """Show the runs that clusters keep.

    Raises
    ------
    NoCluster
        When the cluster that is named is not there.
    ClusterError
        When a node cannot be asked.
    """
    with _clusters(wanted) as clusters:
        if as_json:
            say(json.dumps([run.to_wire() for run in list_all(clusters)], indent=2))
        else:
            say(describe_runs(clusters, "jupyter scale"))


def fetch(wanted: str, names: Sequence[str], save: Path | None, files: Path | None) -> bool:
    """Show what a run has shown, wait for its end, and save what it left; tell whether it was well.

    Parameters
    ----------
    wanted : str
        How its id begins.
    names : sequence of str
        Only these; all when there are none.
    save : Path or None
        Where the values go, a pickled dictionary; without one they stay on the cluster.
    files : Path or None
        The folder where the files go that it has written; without one they stay there.

    Raises
    ------
    RunnerError
        When there is no such run, or a value cannot be saved.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    here = Here(None if save is None else namespace, TerminalView(), files)
    with _clusters(None) as clusters:
        run, taken = attach(clusters, wanted, names, here)
    for note in [*run.notes, *taken.notes]:
        complain(note)
    if save is not None:
        values = {name: namespace[name] for name in taken.names}
        try:
            save.write_bytes(cloudpickle.dumps(values))
        except (CannotTravel, TypeError, AttributeError) as error:
            raise RunnerError(f"What the run left cannot be saved: {error}.") from error
        say(f"Saved {', '.join(taken.names) or 'nothing'} in {save}: `pickle.load` reads it.")
    return run.status == "done"


def stop(wanted: str) -> None:
    """Have a run stopped; asked for again: killed.

    Raises
    ------
    RunnerError
        When there is no such run.
    """
    with _clusters(None) as clusters:
        run = cancel(clusters, wanted)
    say(f"The run {run.id[:8]} was told to stop.")


class TerminalView:
    """Shows a run's output as text; see `jupyter_scale.session.showing.CellView`."""

    def stream(self, name: str, text: str) -> None:
        """Write text to standard output or error, at once."""
        file = sys.stderr if name == "stderr" else sys.stdout
        file.write(text)
        file.flush()

    def display(self, body: Mapping[str, Any]) -> None:
        """Show the text of a display."""
        self.result(body["data"], {})

    def clear(self, *, wait: bool) -> None:
        """Show what was cleared, too: it is a log here."""

    def result(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Show the text of the last expression."""
        say(str(data.get("text/plain", "")))

    def error(self, name: str, text: str, traceback: Sequence[str], *, in_result: bool) -> None:
        """Show an error with IPython's lines for it."""
        say("\n".join(traceback) or f"{name}: {text}")

    def progress(self, progress: LoopProgress) -> None:
        """Show nothing: progress is not kept."""

    def travels(self, sent_bytes: int, reused_bytes: int) -> None:
        """Show nothing: nothing is sent."""

    def status(self, text: str) -> None:
        """Show what is going on."""
        say(text)

    def finish_progress(self) -> None:
        """Nothing is shown that would have to go."""

    def note(self, text: str) -> None:
        """Tell the user something that matters."""
        complain(text)


@contextlib.contextmanager
def _clusters(wanted: str | None) -> Iterator[list[Guest]]:
    """Give the clusters that go on without kernels, or the one of that name."""
    states = matching(wanted) if wanted else saved_states()
    with asking() as ask:
        guests = [
            Guest(state, ask)
            for state in states
            if state.status is Status.RUNNING and state.ownership is Ownership.SERVER
        ]
        try:
            yield guests
        finally:
            for guest in guests:
                guest.leave()
