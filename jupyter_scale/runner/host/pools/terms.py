"""What a pool asks for, what it is given, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jupyter_scale.model.run import Inputs
from jupyter_scale.runner.host.engine import Engine
from jupyter_scale.runner.host.streams import Outbox
from jupyter_scale.shipping.ambient.ambience import Ambience

#: Function, arguments, keywords.
Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
Initializer = tuple[Callable[..., Any], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one call.

    Attributes
    ----------
    value
        What it returned.
    error
        What it raised, or why it has no result.
    lost
        How the result looks that cannot be pickled.
    """

    value: Any = None
    error: BaseException | None = None
    lost: str = ""

    def get(self) -> Any:
        """Return the value or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all crews of a shell have in common."""

    engine: Engine
    outbox: Outbox
    ambience: Ambience
    namespace: dict[str, Any]
    shared: Path | None
    note: Callable[[str], object]
    note_failed: Callable[[BaseException, Inputs], object]


class Here(Protocol):
    """Where calls run that cannot travel."""

    def run(self, call: Call) -> Any:
        """Return what the call returns, or raise what it raises."""

    def close(self) -> None:
        """Take no more calls."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a pool asks for.

    Attributes
    ----------
    what
        How notes call it.
    size
        How many calls it runs at a time.
    here
        Runs calls that cannot travel.
    initializer
        Function and arguments.
    is_strict
        Whether functions that are found under no name are refused, as plain pickle does.
    """

    what: str
    size: int
    here: Here
    initializer: Initializer | None = None
    is_strict: bool = True


@dataclass(slots=True)
class Tally:
    """What became of one pool's calls so far.

    Attributes
    ----------
    line
        Where in the cell it is used.
    size
        How many calls it runs at a time.
    calls, spread
        How many there are, and how many of them ran on workers.
    had_effect
        Whether one changed something outside.
    why_here
        Why some ran in processes of this machine.
    started, seconds
        When it began, and how long it has been at work.
    """

    line: int
    size: int
    calls: int = 0
    spread: int = 0
    had_effect: bool = False
    why_here: str = ""
    started: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0
