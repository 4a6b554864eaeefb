"""Runs: what one ``%%scale`` cell does, as facts and views tell it, and ``last_run`` afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

RunStatus = Literal["queued", "running", "done", "failed", "interrupted", "lost"]


FIRST_LINE_CHARS = 80


def first_line(source: str) -> str:
    """Return the line of a cell by which its run is known: the first that is not blank."""
    lines = (line.strip() for line in source.splitlines())
    return next(filter(None, lines), "")[:FIRST_LINE_CHARS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """One spread loop: counts of iterations.

    `number` tells it from the run's other loops; 0: it cannot be stopped by itself. `is_over`: it
    has ended, somehow, while its cell may go on. `rate_per_s` is how many iterations end in a
    second; `speedup` is how many times longer one process would have taken. Each of the two is
    None while that cannot be told.
    """

    line: int
    total: int
    done: int
    running: int
    failed: int
    workers: int
    number: int = 0
    is_over: bool = False
    rate_per_s: float | None = None
    speedup: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What an iteration of a loop, or a call given to a pool, was at when it raised.

    `values` are short forms, ``name = value``, bounded in number and length. `line` is the loop's
    in its source; a call has `call`, the function's name, instead. `index` counts iterations from
    0; it is null where nobody knows.
    """

    values: tuple[str, ...]
    line: int = 0
    call: str = ""
    index: int | None = None

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Inputs:
        """Rebuild what `asdict` made; anything else raises TypeError or KeyError."""
        return cls(**{**wire, "values": tuple(wire["values"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is told of a run wherever it is told of; times are Unix seconds.

    `traceback` is what the notebook shows of a failure, as plain text; nobody waits for what
    `is_detached`.
    """

    id: str
    kernel_id: str
    notebook: str
    cell_id: str
    execution_count: int
    first_line: str
    status: RunStatus
    started_at: float
    ended_at: float | None = None
    error: str = ""
    traceback: str = ""
    is_detached: bool = False


@dataclass(frozen=True, slots=True)
class RunReport:
    """What the last ``%%scale`` cell did.

    Attributes
    ----------
    where
        ``"cluster"``, or ``"local"`` when it ran in the notebook's own kernel.
    why
        Why it ran there, for a local run; otherwise empty.
    sent
        Names that travelled there.
    sent_bytes, received_bytes
        Bytes of values that travelled.
    reused_bytes
        Bytes of values that the cluster had already.
    seconds
        ``step → seconds``: analyse, check, pack, load, run, home, apply, total; on other machines
        also "bring files", "files" (looking at them there), "take files".
    slow_checks
        ``name → seconds`` where finding out what had changed took over half a second.
    workers
        Task slots of the cluster.
    loops
        One mapping for each loop: line, iterations, spread, workers, why, seconds.
    notes
        What the user was told.
    """

    where: str
    why: str = ""
    sent: tuple[str, ...] = ()
    sent_bytes: int = 0
    received_bytes: int = 0
    reused_bytes: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    slow_checks: Mapping[str, float] = field(default_factory=dict)
    workers: int = 0
    loops: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return the line that a cell shows."""
        total = format_seconds(self.seconds.get("total", 0.0))
        if self.where == "local":
            return f"ran here · {self.why} · {total}"
        parts = ["cluster", f"{self.workers} worker{'s' if self.workers != 1 else ''}"]
        travelled = f"sent {format_bytes(self.sent_bytes)}"
        if self.reused_bytes:
            travelled += f", reused {format_bytes(self.reused_bytes)}"
        parts.append(travelled)
        spread = sum(1 for loop in self.loops if loop["spread"])
        if spread:
            parts.append(f"{spread} loop{'s' if spread != 1 else ''} spread")
        if self.slow_checks:
            slow = ", ".join(f"{n} {format_seconds(s)}" for n, s in self.slow_checks.items())
            parts.append(f"checked {slow}")
        return " · ".join([*parts, total])


def format_bytes(count: int) -> str:
    """Return a size as people read it: ``"3 MB"``."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:  # noqa: PLR2004 - the next unit begins here
            return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"  # noqa: PLR2004
        size /= 1000
    return f"{size:.1f} TB"


_UNITS = {
    "": 1, "b": 1,
    "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9, "t": 10**12,
    "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)")


def parse_bytes(text: str) -> int:
    """Return a size in bytes: ``"500MB"``, ``"1.5 GiB"``, ``"4096"``.

    Raises
    ------
    ValueError
        Which says what was expected.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or found[2].lower() not in _UNITS:
        msg = f"expected a size such as 500MB or 2GiB, not {text!r}"
        raise ValueError(msg)
    return int(float(found[1]) * _UNITS[found[2].lower()])


def format_seconds(seconds: float) -> str:
    """Return a duration as people read it: ``"4.1 s"``."""
    if seconds < 0.0995:  # noqa: PLR2004 - milliseconds read better below
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.5:  # noqa: PLR2004 - minutes read better above
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
