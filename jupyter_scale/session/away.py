"""A run of another kernel, or one that nobody waited for: its output and its names come here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_scale.errors import RunnerError
from jupyter_scale.model.messages import Event, EventKind, FileRequest, FolderChange
from jupyter_scale.model.stored import StoredRun
from jupyter_scale.runner import cargo
from jupyter_scale.runner.pseudo import EXCEPTION, VALUE, is_pseudo
from jupyter_scale.runner.results import from_frames
from jupyter_scale.runner.visitor import Visitor
from jupyter_scale.session.homecoming import HOME_LIMIT_BYTES, Receiver
from jupyter_scale.session.interrupts import uninterrupted
from jupyter_scale.session.showing import CellView, show
from jupyter_scale.shipping.replica import Replica


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run left, after it came here.

    Attributes
    ----------
    names
        Those that the notebook has now.
    has_value, value
        Of the last expression.
    exception
        What the cell raised, if that could travel.
    notes
        Sentences for the user.
    """

    names: tuple[str, ...] = ()
    has_value: bool = False
    value: Any = None
    exception: BaseException | None = None
    notes: list[str] = field(default_factory=list)


def show_output(
    visitor: Visitor, run: str, view: CellView, *, is_followed: bool = True
) -> StoredRun:
    """Show what a run has shown, and what it shows until it is over; return how it ended.

    Parameters
    ----------
    is_followed
        Go on until it is over, and not only with what there is.

    Raises
    ------
    RunnerError
        It is not kept any more.
    OSError
        The connection is broken.
    """
    known: StoredRun | None = None
    for events, known in visitor.follow(run, is_followed=is_followed):  # noqa: B007 - the last one is returned
        for event in events:
            show(Event(0, 0, EventKind(event["kind"]), event["body"]), view)
    assert known is not None  # noqa: S101 - it has yielded, or raised
    return known


def take_results(
    frames: Iterator[Mapping[str, Any]],
    run: StoredRun,
    namespace: dict[str, Any],
    wanted: Collection[str] = (),
) -> Taken:
    """Bind what a run left in this notebook.

    Parameters
    ----------
    frames
        As from `Visitor.result`.
    namespace
        The notebook's variables; of its own values those of the same names are replaced.
    wanted
        Only these names; all when there are none.

    Raises
    ------
    RunnerError
        A wanted name is not among what the run left, or it was dropped meanwhile.
    CannotLoad
        A value cannot be rebuilt here; nothing was bound.
    """
    _check(run, wanted)
    notes = [f"'{name}' did not come: {why}" for name, why in run.stays.items()]
    if not run.names:
        return Taken(notes=notes)
    try:
        body = from_frames(iter(frames))
    except EOFError as error:
        raise RunnerError(f"What the run {run.id[:8]} left is not there: {error}.") from error
    replica = Replica(namespace, is_notebook=True)
    before = dict(namespace)
    with uninterrupted():
        parcel = cargo.from_body(body, None, replica.recall)
        replica.unpack(parcel)
        has_value = VALUE in namespace
        value, exception = namespace.pop(VALUE, None), namespace.pop(EXCEPTION, None)
        names = [name for name in parcel.names if not is_pseudo(name)]
        for name in [name for name in names if wanted and name not in wanted]:
            names.remove(name)
            if name in before:
                namespace[name] = before[name]
            else:
                del namespace[name]
    return Taken(tuple(names), has_value, value, exception, [*notes, *sorted(replica.notes)])


def take_files(visitor: Visitor, run: StoredRun, folder: Path, view: CellView) -> list[str]:
    """Put the files that a run has written into a folder; return sentences for the user.

    What is there already, and is other than what the run has written, is not overwritten.

    Raises
    ------
    OSError
        The connection is broken.
    """
    if not run.files:
        return []
    receiver = Receiver(
        folder, {}, partial(_AskedFile, visitor, run.id), HOME_LIMIT_BYTES, view.status
    )
    home = receiver.take(FolderChange(put=list(run.files)))
    view.finish_progress()
    here = f"here now: {', '.join(home.written)}"
    return [*([here] if home.written else []), *home.notes]


@dataclass(frozen=True, slots=True)
class _AskedFile:
    """A part of a file that a run has written; see `Asked`."""

    visitor: Visitor
    run: str
    part: FileRequest

    def wait(self) -> bytes:
        part = self.part
        try:
            return self.visitor.read_file(self.run, part.path, part.offset, part.length)
        except RunnerError as error:
            raise FileNotFoundError(str(error)) from error

    def forget(self) -> None:
        """Nothing is on its way: it is asked for when it is wanted."""


def _check(run: StoredRun, wanted: Collection[str]) -> None:
    if run.dropped:
        raise RunnerError(f"What the run {run.id[:8]} left was dropped: {run.dropped}.")
    unknown = sorted(set(wanted) - set(run.names))
    if unknown:
        known = ", ".join(name for name in run.names if not is_pseudo(name)) or "none"
        name = unknown[0]
        bound = f"its cell has bound or changed {known}, and what it only read is not kept"
        why = run.stays.get(name, bound)
        raise RunnerError(f"The run {run.id[:8]} has no {name!r} to fetch: {why}.")
