"""The loops of a cell that others are told of, and how one of them alone is stopped.

Laws
----
1. What is asked waits in the link, and a signal only says that there is something: it is read where
   the loops are, in the main thread. So a stop reaches the loop that is meant, or none.
2. Each is answered, at the latest when the cell has ended.
3. A loop is stopped once: while it cleans up, another stop comes too late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_scale.runner.host.interrupts import InterruptGate
from jupyter_scale.runner.host.link import ShellLink


class Standing:
    """Which loops go on at the moment.

    Parameters
    ----------
    link
        To the supervisor.
    gate
        Where the signal comes.
    """

    def __init__(self, link: ShellLink, gate: InterruptGate) -> None:
        self._link, self._gate = link, gate
        self._count = 0
        self._going_on: set[int] = set()
        self._told: set[int] = set()
        gate.is_meant = self._look

    def begin(self) -> int:
        """Return the number of a loop that begins; others may be told of it from now on."""
        self._count += 1
        self._going_on.add(self._count)
        self._told.add(self._count)
        self._gate.listen()
        return self._count

    def leave(self, number: int) -> None:
        """Take note that a loop begins to clean up: it is not stopped any more."""
        self._going_on.discard(number)

    def end(self, number: int, *, is_whole: bool) -> None:
        """Tell that a loop has ended; again, or of one that has no number: nothing.

        Parameters
        ----------
        is_whole
            All its iterations are done.
        """
        if number in self._told:
            self._told.discard(number)
            self._going_on.discard(number)
            self._gate.listen_no_more()
            with self._gate.shield:
                body = {"loop": number, "is_whole": is_whole}
                self._link.send({"request": 0, "kind": "loop over", "body": body})

    def refuse(self, asked: Mapping[str, Any]) -> None:
        """Answer what was read between two cells: nothing goes on."""
        self._answer(asked, is_stopped=False)

    def _look(self) -> bool:
        """Read what is asked, and answer it; return whether a loop that goes on is meant."""
        is_meant = False
        for message in self._link.receive_waiting():
            asked = message["body"]
            is_stopped = asked["loop"] in self._going_on
            self._going_on.discard(asked["loop"])
            self._answer(asked, is_stopped=is_stopped)
            is_meant |= is_stopped
        return is_meant

    def _answer(self, asked: Mapping[str, Any], *, is_stopped: bool) -> None:
        body = {"id": asked["id"], "is_stopped": is_stopped}
        self._link.send({"request": 0, "kind": "stopped", "body": body})
