"""Stops of single loops, between those who ask for them and the shell. No user code runs here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jupyter_scale.model.stops import StopAnswer, StopLoop, StopStatus


class Stops:
    """Knows which stops the shell has not answered, and sees to it that all are answered.

    Parameters
    ----------
    answer
        Takes each answer.
    """

    def __init__(self, answer: Callable[[StopAnswer], None]) -> None:
        self._tell = answer
        self._asked: dict[str, int] = {}

    def take(self, stop: StopLoop, ask_shell: Callable[[dict[str, Any]], None] | None) -> None:
        """Take what somebody asks.

        Parameters
        ----------
        ask_shell
            Passes it on to the shell; None where the loop is known to have ended.
        """
        if ask_shell is None:
            self._answer(stop.id, "late")
            return
        self._asked[stop.id] = stop.loop
        ask_shell({"id": stop.id, "loop": stop.loop})

    def answered(self, body: Mapping[str, Any]) -> None:
        """Take the shell's answer; one that is there already counts."""
        if self._asked.pop(body["id"], None) is not None:
            self._answer(body["id"], "stopped" if body["is_stopped"] else "late")

    def over(self, loop: int) -> None:
        """Take note that a loop has ended: what the shell has not looked at comes too late."""
        self._end([stop for stop, asked in self._asked.items() if asked == loop])

    def ended(self) -> None:
        """Take note that the run has ended."""
        self._end(list(self._asked))

    def _end(self, stops: list[str]) -> None:
        for stop in stops:
            del self._asked[stop]
            self._answer(stop, "late")

    def _answer(self, stop: str, status: StopStatus) -> None:
        self._tell(StopAnswer(id=stop, status=status))
