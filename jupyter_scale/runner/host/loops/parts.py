"""What a speculation consists of: some iterations each, and why it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_scale.runner.host.loops.captured import BatchOutcome
from jupyter_scale.runner.host.loops.pieces import Known, Piece
from jupyter_scale.runner.host.loops.sources import Taken

if TYPE_CHECKING:
    from distributed import Future as DaskFuture

    Future = DaskFuture[BatchOutcome]


@dataclass(slots=True)
class Part:
    """Some consecutive iterations.

    Attributes
    ----------
    number
        Which batch it is, from 0.
    first
        Number of its first iteration.
    taken
        The items, and what was written when the first of them was made.
    piece
        They, packed.
    known
        What a worker that ran it knows by reference.
    is_last
        Its iterations are the loop's last ones, as far as that is known.
    future, sent
        Its task, and how many there have been.
    outcome
        What became of it, once it is there.
    """

    number: int
    first: int
    taken: Taken
    piece: Piece
    known: Known
    is_last: bool
    future: Future | None = None
    sent: int = 0
    outcome: BatchOutcome | None = None


@dataclass(slots=True)
class End:
    """Why a speculation ended early.

    Attributes
    ----------
    number
        The first batch that does not count.
    why
        The reason.
    is_raised
        An iteration raised, and will do so again where the loop is.
    is_lasting
        The loop will do so again.
    kills
        The batch's worker died each time.
    is_lost
        Too many workers are gone; it has to run again.
    size
        How many iterations the batch has.
    """

    number: int
    why: str
    is_lasting: bool = True
    is_raised: bool = False
    kills: bool = False
    is_lost: bool = False
    size: int = 0
