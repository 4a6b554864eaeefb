"""Runs as the disk of a node keeps them, for a notebook that was away, or for another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.run import Run

STORED_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun(Run):
    """What is kept of one run.

    Attributes
    ----------
    session
        Whose cell it is.
    runner, process
        Where its runner listens, on its own machine; and its process, see `Owner`.
    is_attended
        Its notebook listens, while it goes on.
    loop_done, loop_total
        Iterations of the loop that it was in last; 0 of 0 while there is none.
    output_bytes, result_bytes
        How much is kept of what it showed, and of what it left.
    names
        The names whose values are kept.
    stays
        ``name → why`` of values that could not be kept.
    folder, files
        Where the copy of the notebook's folder is on its node, and ``(path, length, mode)`` of each
        file that it has written there; nothing where the notebook is on the same machine.
    notes
        What its notebook should have been told.
    is_brief
        It ended within a moment while its notebook listened: it is kept, and nothing waits for it.
    is_kept
        What it left has been written, as far as that can be.
    is_fetched
        A notebook has all of it.
    dropped
        Why some of it is there no more; empty when all is.
    """

    session: str
    runner: str = ""
    process: str = ""
    is_attended: bool = False
    loop_done: int = 0
    loop_total: int = 0
    output_bytes: int = 0
    result_bytes: int = 0
    names: tuple[str, ...] = ()
    stays: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    files: tuple[tuple[str, int, int], ...] = ()
    notes: tuple[str, ...] = ()
    is_brief: bool = False
    is_kept: bool = False
    is_fetched: bool = False
    dropped: str = ""
    version: int = STORED_VERSION

    @property
    def is_over(self) -> bool:
        """Whether it has ended, somehow."""
        return self.status not in {"queued", "running"}

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it changes any more but that it is fetched."""
        return self.is_over and self.is_kept

    @property
    def is_waiting(self) -> bool:
        """Whether somebody will want what it left, who has not got it."""
        return not (self.is_fetched or self.dropped or self.is_brief)

    def to_wire(self) -> dict[str, Any]:
        """Return it as JSON types."""
        lists = {name: list(getattr(self, name)) for name in ("names", "notes")}
        return {**asdict(self), **lists, "files": list(map(list, self.files))}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> StoredRun:
        """Rebuild what `to_wire` returned.

        Raises
        ------
        ProtocolError
            When it is something else, or of another version.
        """
        try:
            if wire["version"] != STORED_VERSION:
                msg = f"a run of version {wire['version']}, this side reads {STORED_VERSION}"
                raise ProtocolError(msg)
            lists = {name: tuple(wire[name]) for name in ("names", "notes")}
            files = tuple((path, size, mode) for path, size, mode in wire.get("files", ()))
            return cls(**{**wire, **lists, "files": files})
        except (KeyError, TypeError, ValueError) as error:
            msg = f"not a stored run: {error!r}"
            raise ProtocolError(msg) from error
