"""What the loops of a shell share, and what is known of the effects of one of them."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_scale.analysis.forloops import ForDetails
from jupyter_scale.runner.host.engine import Engine
from jupyter_scale.runner.host.loops.captures import Capturer
from jupyter_scale.runner.host.loops.standing import Standing
from jupyter_scale.runner.host.recorded import Output, replay
from jupyter_scale.runner.host.streams import Outbox

#: A loop's code, and that of what it calls.
Key = tuple[types.CodeType, ...]


@dataclass(slots=True)
class Workbench:
    """What all loops of a shell share.

    Attributes
    ----------
    namespace
        The notebook's variables.
    engine, capturer, outbox, shared, standing
        The workers, what packs captured values, where progress goes, the directory of shared
        memory, and which loops go on.
    verdicts
        Why a loop, by its code and that of what it calls, ran in order.
    seconds_each
        How long its iterations took.
    notes
        What the user should know of the cell's loops.
    warned
        Which warnings were shown before iterations went to workers.
    is_trusted, is_serial
        The user vouches that iterations are independent; wants all in order.
    entries
        How many loops were handed over so far, inner ones included.
    """

    namespace: dict[str, Any]
    engine: Engine
    capturer: Capturer
    outbox: Outbox
    shared: Path | None
    standing: Standing
    verdicts: dict[Key, str] = field(default_factory=dict)
    seconds_each: dict[Key, float] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    warned: dict[str, set[Any]] = field(default_factory=dict)
    is_trusted: bool = False
    is_serial: bool = False
    entries: int = 0

    def replay(self, output: Iterable[Output]) -> None:
        """Show what iterations wrote."""
        replay(output, self.namespace, self.warned)


@dataclass(slots=True)
class Effects:
    """The other half of a ``for`` loop: what its iterations want done.

    Attributes
    ----------
    details
        What the analysis found.
    apply, bind, roots
        Carry out an effect, bind what iterations leave, return what effects change.
    """

    details: ForDetails
    apply: Callable[[int, tuple[Any, ...]], None]
    bind: Callable[[dict[str, Any]], None]
    roots: Callable[[], tuple[Any, ...]]
