"""Requests that show nothing: their end is all that is waited for."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_scale.errors import RunnerLost
from jupyter_scale.model.messages import CellOutcome, Event, EventKind
from jupyter_scale.runner.client import RunnerClient


def outcome_of(client: RunnerClient, number: int) -> CellOutcome:
    """Wait for the end of a request.

    Raises
    ------
    RunnerLost
        There is none any more.
    """
    for event in client.events(number):
        if isinstance(event, Event) and event.kind is EventKind.FINISHED:
            return CellOutcome.from_body(event.body)
    msg = "The runner closed the conversation."
    raise RunnerLost(msg)


@dataclass(frozen=True, slots=True)
class AskedPart:
    """A part of a file that was asked for; see `Asked`."""

    client: RunnerClient
    number: int

    def wait(self) -> bytes:
        """Return it; raise OSError if the runner cannot read it."""
        outcome = outcome_of(self.client, self.number)
        if outcome.status != "ok":
            raise OSError((outcome.error or {}).get("evalue", "the runner cannot read it"))
        return outcome.content

    def forget(self) -> None:
        """Take note of its end no more."""
        self.client.forget(self.number)
