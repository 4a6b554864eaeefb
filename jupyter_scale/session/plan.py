"""What a cell needs: where it can run, and which names have to be looked at. Pure."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_scale.analysis.cell import CellFacts
from jupyter_scale.analysis.code import global_reads, global_writes

#: The kernel's own objects, which the runner's shell has too.
OWN_NAMES = frozenset({"get_ipython", "exit", "quit", "open", "__builtin__", "__builtins__"})
#: History that only the notebook keeps: it travels when a cell names it.
HISTORY_NAMES = frozenset({"In", "Out", "_", "__", "___", "_i", "_ii", "_iii", "_ih", "_oh", "_dh"})


@dataclass(frozen=True, slots=True)
class CellOptions:
    """What the user asked for on the ``%%scale`` line.

    Attributes
    ----------
    strict
        A cell that cannot run on the cluster is an error, and does not run here.
    serial
        Loops are not spread.
    spread
        Loops are spread although nothing shows that their iterations are independent.
    seed_each
        Every iteration of a loop gets random generators of its own.
    keep
        Names whose new values stay on the cluster.
    keep_above
        New values larger than so many bytes stay, too; None: no limit.
    nodes
        The nodes to which its loops spread; all when empty.
    with_gpu
        They spread over workers only that have a GPU.
    is_detached
        Nobody waits for it.
    """

    strict: bool = False
    serial: bool = False
    spread: bool = False
    seed_each: bool = False
    keep: tuple[str, ...] = ()
    keep_above: int | None = None
    nodes: tuple[str, ...] = ()
    with_gpu: bool = False
    is_detached: bool = False


def unbound_keeps(
    keep: Collection[str], facts: CellFacts, namespace: Mapping[str, Any]
) -> list[str]:
    """Return the names to keep that the cell certainly does not bind.

    A function of the notebook may bind one by ``global``.
    """
    if facts.binds_unknown is not None:
        return []
    bound, seen, todo = set(facts.binds), set[str](), set(facts.reads)
    while todo:
        name = todo.pop()
        seen.add(name)
        value = namespace.get(name)
        if isinstance(value, types.FunctionType):
            bound |= global_writes(value.__code__)
            todo |= global_reads(value.__code__) - seen
        elif "__main__" in {type(value).__module__, getattr(value, "__module__", "")}:
            return []  # a method may
    return [name for name in keep if name not in bound]


def names_to_look_at(
    facts: CellFacts, namespace: Mapping[str, Any], hidden: Mapping[str, Any]
) -> set[str]:
    """Return the names with which the search for what a cell needs begins.

    Parameters
    ----------
    facts
        What the cell reads.
    namespace
        The notebook's variables.
    hidden
        Variables that IPython put there itself, with their first values.
    """
    # What is deleted must be there, or that it has gone is not seen.
    named = {name for name in facts.reads | facts.deletes if is_shipped(name, namespace, hidden)}
    return named if facts.reads_all is None else named | visible_names(namespace, hidden)


def visible_names(namespace: Mapping[str, Any], hidden: Mapping[str, Any]) -> set[str]:
    """Return every name that is the user's own."""
    return {
        name for name in namespace if is_shipped(name, namespace, hidden) and not is_history(name)
    }


def is_history(name: str) -> bool:
    """Tell whether IPython keeps a name for the input and output history."""
    return name in HISTORY_NAMES or name.lstrip("_i").isdigit()


def is_shipped(name: str, namespace: Mapping[str, Any], hidden: Mapping[str, Any]) -> bool:
    """Tell whether a name is bound, and to something that the runner has not got by itself."""
    is_dunder = name.startswith("__") and name.endswith("__") and name.strip("_")
    if name not in namespace or is_dunder:
        return name in namespace and name not in _MODULE_NAMES and name not in hidden
    if name in OWN_NAMES:
        return name not in hidden or namespace[name] is not hidden[name]
    return True


_MODULE_NAMES = frozenset(
    {"__name__", "__doc__", "__package__", "__loader__", "__spec__", "__builtins__", "__builtin__"}
)
