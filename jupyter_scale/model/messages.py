"""What session and runner say to each other. Versioned; msgpack on the wire.

A *request* goes to the runner and is idempotent by its id. An *event* comes back; events are
numbered without gaps and kept by the runner until acknowledged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from jupyter_scale.errors import ProtocolError

WIRE_VERSION = 2
#: Any text will do.
HASHED = "jupyter-scale"


class RequestKind(StrEnum):
    """What a session can ask of a runner."""

    CELL = "cell"  # run a cell: `CellRequest`
    HOME = "home"  # send the last cell's results again, without these tokens and chunks
    FETCH = "fetch"  # send a value that stayed here: `FetchRequest`
    FILE = "file"  # send a part of a file of the notebook's folder: `FileRequest`
    FREE = "free"  # let go of names: `FreeRequest`
    INTERRUPT = "interrupt"  # stop a cell, named by its request id
    KILL = "kill"  # kill the shell that does not react to an interrupt


class EventKind(StrEnum):
    """What a runner reports."""

    STREAM = "stream"  # name ("stdout", "stderr"), text
    DISPLAY = "display"  # data, metadata, transient, update
    CLEAR = "clear"  # wait
    RESULT = "result"  # data, metadata of the last expression
    ERROR = "error"  # ename, evalue, traceback, in_result; figures may follow
    PROGRESS = "progress"  # one loop's counts: `LoopProgress`
    NOTE = "note"  # text for the user
    ACCEPTED = "accepted"  # all that a detached cell needs has arrived: it runs from now on
    FINISHED = "finished"  # the last event of a request: `CellOutcome`


@dataclass(frozen=True, slots=True)
class Request:
    """One request; ids count up from 1 within a session."""

    id: int
    kind: RequestKind
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the request `request`; numbers count up from 1 within a runner's life."""

    seq: int
    request: int
    kind: EventKind
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attach:
    """A session (re)connects: it has seen all events up to `last_seq` of the life `runner`.

    Its connections count up: what an older one still brings counts no more. Both ends send a `Beat`
    every `beat_s` seconds, if that is not 0.
    """

    session: str
    runner: str | None
    last_seq: int
    connection: int
    beat_s: float = 0.0
    version: int = WIRE_VERSION


@dataclass(frozen=True, slots=True)
class Attached:
    """The runner's answer: which life of the runner this is."""

    runner: str
    version: int = WIRE_VERSION


@dataclass(frozen=True, slots=True)
class Ack:
    """The session has seen all events up to `seq`."""

    seq: int


@dataclass(frozen=True, slots=True)
class Beat:
    """Whoever says this is there, and has received so many bytes over this connection."""

    received_bytes: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody, not only the session, wants a run stopped; said again: killed. No answer."""

    run: str
    version: int = WIRE_VERSION


Message = Request | Event | Attach | Attached | Ack | Beat | Cancel
_KINDS: dict[str, type[Any]] = {
    "request": Request,
    "event": Event,
    "attach": Attach,
    "attached": Attached,
    "ack": Ack,
    "beat": Beat,
    "cancel": Cancel,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def to_wire(message: Message) -> dict[str, Any]:
    """Return a message as a dictionary of plain values."""
    wire = {f.name: getattr(message, f.name) for f in fields(message)}
    if "kind" in wire:
        wire["kind"] = wire["kind"].value
    return {"op": _NAMES[type(message)], **wire}


def from_wire(wire: Mapping[str, Any]) -> Message:
    """Rebuild a message.

    Raises
    ------
    ProtocolError
        For an unknown message, a missing or unknown field, or another version.
    """
    values = dict(wire)
    try:
        kind = _KINDS[values.pop("op")]
        if values.get("version", WIRE_VERSION) != WIRE_VERSION:
            msg = f"the other side speaks version {values['version']}, this one {WIRE_VERSION}"
            raise ProtocolError(msg)
        if kind is Request:
            values["kind"] = RequestKind(values["kind"])
        elif kind is Event:
            values["kind"] = EventKind(values["kind"])
        message: Message = kind(**values)
    except (KeyError, TypeError, ValueError) as error:
        msg = f"not a message of this protocol: {error}"
        raise ProtocolError(msg) from error
    return message


class _Body:
    """A typed body that travels as a dictionary."""

    __slots__ = ()

    def to_body(self) -> dict[str, Any]:
        """Return the fields as a dictionary of plain values."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """Rebuild from a dictionary; unknown fields are refused."""
        try:
            return cls(**body)
        except TypeError as error:
            msg = f"not a {cls.__name__}: {error}"
            raise ProtocolError(msg) from error


@dataclass(frozen=True, slots=True)
class CellRequest(_Body):
    """Run a cell.

    Attributes
    ----------
    source
        The cell as typed, without its ``%%scale`` line.
    execution_count
        The notebook's ``In[n]``.
    code_name
        The file name under which the notebook's tracebacks know this source.
    sources
        ``file name → (source, execution count)`` of notebook functions sent along.
    parcel
        A packed `Parcel`, or None when nothing has to travel.
    reads
        Names whose content may have changed afterwards.
    home_ack
        ``(parcel number, kept indices)`` of the last parcel that came home.
    reset
        Forget all that was known of the notebook first.
    ambient
        ``part → change``, pickled: process-wide state that changed since the last request.
    stores
        What the cell may assign in modules, one `Store.text` each.
    spread, trusts_loops, seed_each
        Whether loops may spread over the workers; whether the user vouches for them; whether every
        iteration gets generators of its own.
    origin
        Where the cell is, for those who watch: ``run`` (an id of this run), ``kernel`` (id),
        ``notebook`` (path), ``cell`` (id); each may be missing.
    keep
        Names whose new values stay on the cluster.
    keep_above
        New values larger than so many bytes stay, too; None: no limit.
    holds
        Keys of the values on the cluster that the notebook still refers to; others may go.
    needs
        Those of them that this cell reads.
    life
        The shell process that the session believes to speak to, empty with `reset`.
    nodes
        Names of the nodes to which its loops spread, all of them when there are none.
    with_gpu
        Whether they spread over workers only that have a GPU.
    imports
        Packages that the cell imports, and that the notebook's kernel can import.
    folders
        When the notebook is on another machine, and files came from there since the last cell: the
        directories of its folder, relative with ``/``.
    is_detached
        Nobody waits for it: what it shows and leaves is kept until it is fetched.
    """

    source: str
    execution_count: int
    code_name: str
    sources: Mapping[str, Any]
    parcel: Mapping[str, Any] | None
    reads: list[str]
    home_ack: tuple[int, bytes] | None
    reset: bool
    ambient: Mapping[str, Any]
    spread: bool
    origin: Mapping[str, str] = field(default_factory=dict)
    stores: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    keep_above: int | None = None
    holds: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    life: str = ""
    trusts_loops: bool = False
    seed_each: bool = False
    nodes: list[str] = field(default_factory=list)
    with_gpu: bool = False
    imports: list[str] = field(default_factory=list)
    folders: list[str] | None = None
    is_detached: bool = False


@dataclass(frozen=True, slots=True)
class FetchRequest(_Body):
    """Send home a value that stayed on the cluster; the answer is a `CellOutcome`.

    Attributes
    ----------
    key
        Which one.
    home_ack
        As in `CellRequest`.
    tokens, chunks
        Objects, and digests of memory, that the notebook turned out not to have.
    """

    key: str
    home_ack: tuple[int, bytes] | None
    tokens: list[int] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FreeRequest(_Body):
    """Let go of names; the answer is a `CellOutcome`, "resend" from another process than meant.

    Attributes
    ----------
    names
        Which ones; those that are not there are no error.
    home_ack, holds, life
        As in `CellRequest`.
    """

    names: list[str]
    home_ack: tuple[int, bytes] | None
    holds: list[str]
    life: str


@dataclass(frozen=True, slots=True)
class FileRequest(_Body):
    """Send a part of a file in the copy of the notebook's folder; see `CellOutcome.content`.

    Attributes
    ----------
    path
        Relative to the folder, with ``/``.
    offset, length
        Which part, in bytes.
    """

    path: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class FolderChange(_Body):
    """What a cell did to the copy of the notebook's folder; paths are relative, with ``/``.

    Attributes
    ----------
    put
        ``[path, length, mode]`` of each file that is new or changed.
    removed
        Files.
    made, gone
        Directories.
    contents
        ``path → content`` of short files.
    """

    put: list[tuple[str, int, int]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    contents: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CellOutcome(_Body):
    """How a cell ended.

    Attributes
    ----------
    status
        ``"ok"``, ``"error"`` (the cell raised), ``"resend"`` (the parcel named objects or chunks
        that are unknown here, or this is another process than before; nothing ran),
        ``"unloadable"`` (a value cannot be rebuilt here; nothing ran), ``"lost"`` (a value that
        stayed here is gone; nothing ran), ``"died"`` (the shell process ended).
    kept
        Memo indices kept of the parcel that arrived.
    home
        The packed parcel with what changed.
    tokens, chunks
        For ``"resend"``: the unknown objects, and the digests of unknown chunks of memory.
    error
        ``ename``, ``evalue`` and ``traceback`` (lines) as IPython shows them.
    stays
        ``name → why`` of values that cannot come home; for ``"unloadable"``, of the one that
        cannot be rebuilt.
    remote
        `RemoteFacts` of all values that stay here.
    lost
        For ``"lost"``: the keys of values that are gone.
    life
        Which shell process this is.
    text_hash
        ``hash(HASHED)`` there: equal here if both processes hash text alike.
    seconds
        ``step → seconds``.
    loops
        One entry for each loop that was considered: `LoopReport`.
    had_effects
        The cell wrote, connected or started something outside.
    notes
        Sentences for the user.
    ambient
        ``part → change``, pickled: process-wide state that the cell changed.
    files
        The fields of a `FolderChange`, if the notebook is on another machine and there is any.
    content
        For a `FileRequest`; shorter than asked for at the file's end.
    """

    status: str
    kept: bytes = b""
    home: Mapping[str, Any] | None = None
    tokens: list[int] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    error: Mapping[str, Any] | None = None
    stays: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    loops: list[Mapping[str, Any]] = field(default_factory=list)
    had_effects: bool = False
    notes: list[str] = field(default_factory=list)
    ambient: Mapping[str, Any] = field(default_factory=dict)
    remote: list[Mapping[str, Any]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    life: str = ""
    text_hash: int = 0
    files: Mapping[str, Any] | None = None
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class LoopProgress(_Body):
    """Where one loop is: counts of iterations; those that are running are estimated.

    `loop` is its number in the runner's life, 0 for what cannot be stopped by itself.
    `total` is 0 while nobody knows; `speedup` is how many times longer one process would have
    taken so far, 0 if that is not known.
    """

    loop: int
    line: int
    total: int
    done: int
    workers: int
    running: int = 0
    failed: int = 0
    speedup: float = 0.0
