"""What a worker is given of a loop, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_scale.runner.host.loops.iterations import Protocol
from jupyter_scale.runner.host.loops.pieces import Piece
from jupyter_scale.runner.host.recorded import Output

#: The parcel name of the function that runs a batch.
FUNCTION = "<loop>"


@dataclass(frozen=True, slots=True)
class Terms:
    """How the iterations of a loop run.

    Attributes
    ----------
    protocol
        How a ``for`` loop's effects are logged; None for what gives values.
    names, conditional
        Names that iterations bind, and those of them that they need not bind.
    seed
        From which each iteration's generators are derived; None: they are the notebook's.
    is_trusted
        The user vouches that iterations are independent.
    is_combined
        Values are asked for one by one, and combined; whoever does so may stop before the last.
    """

    protocol: Protocol | None = None
    names: frozenset[str] = frozenset()
    conditional: frozenset[str] = frozenset()
    seed: int | None = None
    is_trusted: bool = False
    is_combined: bool = False


@dataclass(frozen=True, slots=True)
class Captured:
    """The values that a loop reads, packed once for all workers.

    Attributes
    ----------
    fingerprint
        Of all values together: a worker that has them already does not load them again.
    loop
        Unique for each time that a loop runs.
    terms
        How its iterations run.
    """

    fingerprint: bytes
    loop: str
    parcel: Mapping[str, Any]
    ambient: Mapping[str, Any]
    sources: Mapping[str, Any]
    shared: str | None
    terms: Terms


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What became of one batch.

    Attributes
    ----------
    status
        ``"ok"``; ``"raised"`` (an iteration raised); ``"effect"`` (it was about to change something
        outside, and was stopped); ``"interrupted"``; ``"changed"`` (it changed a captured value);
        ``"lost"`` (a value cannot travel).
    why
        What changed or could not travel.
    results
        For ``"ok"``, a pair: the list of values, or what a ``for`` loop's iterations logged; and
        the new content of items that they changed, ``(object, state)``.
    output
        What iterations wrote, warned and displayed, in that order.
    seconds
        Time spent in the iterations.
    is_checked
        Whether captured values were compared afterwards.
    has_patches
        Whether items have changed.
    worker
        Where it ran, as Dask addresses it.
    """

    status: str
    why: str = ""
    results: Piece | None = None
    output: tuple[Output, ...] = ()
    seconds: float = 0.0
    is_checked: bool = False
    has_patches: bool = False
    worker: str = ""
