"""Asks a node for what runs have left there: the other end of the librarian."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_scale.errors import RunnerError
from jupyter_scale.model.stored import StoredRun
from jupyter_scale.transport.framing import Unframer
from jupyter_scale.transport.random_state import isolate
from jupyter_scale.transport.secure import SecureConnection
from jupyter_scale.transport.tls import context

_CONNECT_S = 10.0
_WAIT_S = 10.0


class Visitor:
    """A connection to a node's librarian; one question at a time.

    Parameters
    ----------
    address
        Where it listens.
    tls_dir
        The cluster's certificates.

    Raises
    ------
    OSError
        Nobody is there.
    """

    def __init__(self, address: str, tls_dir: Path) -> None:
        isolate()
        place = urlsplit(address)
        tls = context(tls_dir, "client", is_server=False)
        self._connection = SecureConnection.open(
            str(place.hostname), int(place.port or 0), tls, _CONNECT_S
        )
        self._numbers = itertools.count(1)
        self._asking = threading.Lock()

    def runs(self) -> list[StoredRun]:
        """Return all runs that are kept there, the oldest first."""
        return [StoredRun.from_wire(wire) for wire in self._ask("runs")["runs"]]

    def follow(
        self, run: str, *, is_followed: bool = True
    ) -> Iterator[tuple[list[dict[str, Any]], StoredRun]]:
        """Yield what a run showed, in order and until it is over: events, and what is known of it.

        Parameters
        ----------
        is_followed
            Go on until it is over, and not only with what there is.

        Raises
        ------
        RunnerError
            There is no such run, or it was removed.
        OSError
            The connection is broken.
        """
        offset, frames, wait_s = 0, Unframer(), _WAIT_S if is_followed else 0.0
        while True:
            answer = self._ask("output", run=run, offset=offset, wait_s=wait_s)
            if answer["run"] is None:
                msg = f"The run {run} is not kept any more."
                raise RunnerError(msg)
            known = StoredRun.from_wire(answer["run"])
            offset += len(answer["data"])
            yield frames.feed(answer["data"]) if answer["data"] else [], known
            if not answer["data"] and (known.is_settled or not is_followed):
                return

    def states(self, run: str) -> Iterator[StoredRun]:
        """Yield what is known of a run whenever that has changed, until it is over and kept.

        Raises
        ------
        RunnerError
            There is no such run, or it was removed.
        """
        seen: Any = None
        while True:
            seen = self._ask("state", run=run, seen=seen, wait_s=_WAIT_S)["run"]
            if seen is None:
                msg = f"The run {run[:8]} is not kept any more."
                raise RunnerError(msg)
            known = StoredRun.from_wire(seen)
            yield known
            if known.is_settled:
                return

    def result(self, run: str) -> Iterator[dict[str, Any]]:
        """Yield the frames of what a run left; see `jupyter_scale.runner.results`."""
        offset, frames = 0, Unframer()
        while data := self._ask("result", run=run, offset=offset)["data"]:
            offset += len(data)
            yield from frames.feed(data)

    def read_file(self, run: str, path: str, offset: int, length: int) -> bytes:
        """Return a part of a file that a run has written, as it is now.

        Raises
        ------
        RunnerError
            It cannot be read there.
        """
        data: bytes = self._ask("file", run=run, path=path, offset=offset, length=length)["data"]
        return data

    def note_fetched(self, run: str) -> None:
        """Give back what a run takes there: a notebook has all of it."""
        self._ask("fetched", run=run)

    def cancel(self, run: str) -> None:
        """Have a run stopped; asked for again: killed."""
        self._ask("cancel", run=run)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, ask: str, **arguments: Any) -> Mapping[str, Any]:
        with self._asking:
            number = next(self._numbers)
            self._connection.send([{"id": number, "ask": ask, **arguments}])
            while answers := self._connection.receive():
                for answer in answers:
                    if answer["id"] == number:
                        if "error" in answer:
                            raise RunnerError(f"The cluster's node says: {answer['error']}.")
                        return answer
        msg = "the node has hung up"
        raise ConnectionError(msg)
