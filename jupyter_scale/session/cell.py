"""A cell as the notebook has it, and what it left."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_scale.analysis.cell import CellFacts


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as the notebook has it.

    Attributes
    ----------
    source
        As typed, without the ``%%scale`` line.
    facts
        What the analysis found.
    execution_count
        Its ``In[n]``.
    code_name
        The file name under which tracebacks know it.
    shell_state
        ``compiler_flags`` (``from __future__`` imports in force) and ``colors`` of the shell.
    sources_of
        Returns ``file name → (source, execution count)`` of notebook code.
    origin
        Where it is, see `CellRequest`.
    """

    source: str
    facts: CellFacts
    execution_count: int
    code_name: str
    shell_state: Mapping[str, Any]
    sources_of: Callable[[tuple[str, ...]], Mapping[str, Any]]
    origin: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class CellResult:
    """What a cell left.

    Attributes
    ----------
    here
        Why the cell has to run in the notebook itself, after all; nothing came home then.
    is_accepted
        It was detached, and runs.
    has_value, value
        Value of the last expression.
    exception
        What the cell raised; it has been shown already, in its place among the outputs.
    compiler_flags
        ``from __future__`` imports in force afterwards.
    """

    here: str = ""
    is_accepted: bool = False
    has_value: bool = False
    value: Any = None
    exception: BaseException | None = None
    compiler_flags: int | None = None
    sent: tuple[str, ...] = ()
    sent_bytes: int = 0
    received_bytes: int = 0
    reused_bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    slow_checks: dict[str, float] = field(default_factory=dict)
    loops: tuple[Mapping[str, Any], ...] = ()
    notes: list[str] = field(default_factory=list)


def stand_in(error: Mapping[str, Any]) -> BaseException:
    """Return an exception of the same name and text for one that could not travel."""
    kind = getattr(builtins, error["ename"], None)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        kind = type(error["ename"], (Exception,), {"__module__": "__main__"})
    try:
        made: BaseException = kind(error["evalue"])
    except TypeError:
        made = RuntimeError(f"{error['ename']}: {error['evalue']}")
    return made
