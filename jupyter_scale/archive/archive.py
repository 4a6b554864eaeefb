"""Runs on disk: what a cell showed and what it left, until a notebook has fetched it.

One directory for each run, below ``runs`` in the cluster's directory:

==============  =================================================================================
``run.json``    what is known of it, a `StoredRun`
``output``      what it showed: events, framed as on the wire, in order
``result``      what it left: a parcel that needs nothing which its notebook has; see `results`
==============  =================================================================================

Runs survive their runner's processes, and a machine that starts anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.cluster import Owner
from jupyter_scale.model.stored import StoredRun
from jupyter_scale.transport.framing import encode
from jupyter_scale.transport.lifeline import is_alive

#: All runs of a cluster's node may take so much; the oldest ones go first.
LIMIT_BYTES = 2 * 1000**3
#: So many runs that need no fetching are remembered.
_MOST_FETCHED = 50
_ID = re.compile(r"\w[\w.-]*", re.ASCII)


class Archive:
    """The runs that one node keeps of a cluster.

    Parameters
    ----------
    cluster_directory
        The cluster's on this machine.
    limit_bytes
        How much all runs together may take.
    """

    def __init__(self, cluster_directory: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._directory = cluster_directory / "runs"
        self._limit_bytes = limit_bytes

    def directory_of(self, run: str) -> Path:
        """Return where a run is kept.

        Raises
        ------
        ProtocolError
            When that is no run's id.
        """
        if not _ID.fullmatch(run):
            msg = f"{run!r} is no run's id"
            raise ProtocolError(msg)
        return self._directory / run

    def output_path(self, run: str) -> Path:
        """Return the file of what a run showed."""
        return self.directory_of(run) / "output"

    def result_path(self, run: str) -> Path:
        """Return the file of what a run left."""
        return self.directory_of(run) / "result"

    def runs(self) -> list[StoredRun]:
        """Return all runs, the oldest first; what cannot be read is left out."""
        found = []
        for path in self._directory.glob("*/run.json"):
            with contextlib.suppress(OSError, ValueError, ProtocolError):
                found.append(StoredRun.from_wire(json.loads(path.read_text())))
        return sorted(found, key=lambda run: run.started_at)

    def read(self, run: str) -> StoredRun | None:
        """Return one run, None when there is none of that id."""
        try:
            text = (self.directory_of(run) / "run.json").read_text()
            return StoredRun.from_wire(json.loads(text))
        except (OSError, ValueError, ProtocolError):
            return None

    def look(self, run: str) -> StoredRun | None:
        """Return one run; it is lost if its runner has ended without a word."""
        known = self.read(run)
        if known is None or known.is_settled or _is_alive(known.process):
            return known
        # It may have ended in good order a moment ago.
        known = self.read(run)
        if known is not None and not known.is_settled:
            if not known.is_over:
                why = "its runner has ended"
                known = replace(known, status="lost", error=why, ended_at=time.time())
            known = replace(known, is_kept=True)
            self.write(known)
        return known

    def write(self, run: StoredRun, *, sync: bool = False) -> None:
        """Write what is known of a run; it is never seen half written.

        Parameters
        ----------
        sync
            Return only when all of it would survive a power cut.
        """
        directory = self.directory_of(run.id)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sync:
            for path in (self.output_path(run.id), self.result_path(run.id)):
                with contextlib.suppress(FileNotFoundError):
                    _sync(path)
        draft = directory / "run.json.new"
        draft.write_text(json.dumps(run.to_wire()))
        draft.chmod(0o600)
        if sync:
            _sync(draft)
        draft.replace(directory / "run.json")
        if sync:
            _sync(directory)

    def remove(self, run: str) -> None:
        """Forget a run; gone already is fine."""
        shutil.rmtree(self.directory_of(run), ignore_errors=True)

    def note_fetched(self, run: str) -> None:
        """Take note that a kernel has all of a run: what it left is given back.

        What it showed stays for a while, if it is known under which cell: the kernel had it, and
        the page that shows the notebook may have been closed.
        """
        known = self.read(run)
        if known is not None:
            output_bytes = known.output_bytes if known.cell_id else 0
            fetched = replace(
                known, is_kept=True, is_fetched=True, output_bytes=output_bytes, result_bytes=0
            )
            self.write(fetched)
            self.result_path(run).unlink(missing_ok=True)
            if not known.cell_id:
                self.output_path(run).unlink(missing_ok=True)
        for old in [each for each in self.runs() if each.is_fetched][:-_MOST_FETCHED]:
            self.remove(old.id)

    def prune(self, keep_for_s: float) -> None:
        """Remove runs that ended longer ago than that, fetched or not."""
        for run in self.runs():
            if run.is_over and time.time() - (run.ended_at or run.started_at) > keep_for_s:
                self.remove(run.id)

    def make_room(self, spare: str) -> list[StoredRun]:
        """Drop what the oldest ended runs left, until the limit holds; return these runs.

        Parameters
        ----------
        spare
            A run that is not touched.
        """
        runs = self.runs()
        sizes = {run.id: self._size_of(run.id) for run in runs}
        dropped = []
        for run in sorted(runs, key=lambda run: not run.is_fetched):
            if sum(sizes.values()) <= self._limit_bytes:
                break
            if run.id == spare or not run.is_over or not sizes[run.id]:
                continue
            why = f"there was no room: runs may take {self._limit_bytes / 1e9:.1f} GB"
            left = replace(run, output_bytes=0, result_bytes=0, names=(), dropped=why)
            for path in (self.output_path(run.id), self.result_path(run.id)):
                path.unlink(missing_ok=True)
            self.write(left)
            sizes[run.id] = 0
            dropped.append(left)
        return dropped

    def _size_of(self, run: str) -> int:
        total = 0
        for path in (self.output_path(run), self.result_path(run)):
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_size
        return total


class OutputFile:
    """Where what a run shows is written, event by event."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")  # noqa: PTH123, SIM115 - 0600 from the start
        self.nbytes = self._file.tell()

    def write(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Add events; whoever reads the file sees them at once."""
        for event in events:
            self.nbytes += self._file.write(encode(event))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _is_alive(process: str) -> bool:
    try:
        return is_alive(Owner.parse(process))
    except ValueError:
        return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
