"""Looked at before iterations run elsewhere: whether they read what they change, or draw."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Collection, Iterable
from typing import Any

from jupyter_scale.analysis.code import global_reads
from jupyter_scale.runner.host.figures import is_drawn
from jupyter_scale.runner.host.loops.captures import CannotSpreadError, Capture, Capturer
from jupyter_scale.runner.host.loops.receivers import Targets, shares_memory
from jupyter_scale.runner.host.loops.sources import Source
from jupyter_scale.runner.host.loops.workbench import Effects
from jupyter_scale.shipping.states import adapter_for


def find_called_object(function: types.FunctionType, names: Collection[str]) -> str:
    """Return the first of some names that is an object's, neither a module, function nor class.

    Parameters
    ----------
    names
        Names with which method calls begin whose results nobody looks at: an object's method that
        is called so changes the object, as a rule.

    Returns
    -------
    str
        Empty if there is none.
    """
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    inside = {name: cell for name, cell in cells if name in names}
    for name in names:
        try:
            value = inside[name].cell_contents if name in inside else function.__globals__[name]
        except (KeyError, ValueError):
            continue
        if not isinstance(value, types.ModuleType | types.FunctionType | type):
            return name
    return ""


def check_figures(function: types.FunctionType, namespace: dict[str, Any], source: Source) -> None:
    """Make sure, before anything is packed, that iterations do not draw.

    Raises
    ------
    CannotSpreadError
        They do.
    """
    read = [namespace.get(name) for name in global_reads(function.__code__)]
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # it has no value yet
            read.append(cell.cell_contents)
    read += source.peek()
    if any(map(is_drawn, read)):
        msg = "iterations draw into a figure, one after the other"
        raise CannotSpreadError(msg)


def check_reads(effects: Effects, targets: Targets, capture: Capture) -> None:
    """Make sure that iterations do not read what the loop itself changes or binds.

    Raises
    ------
    CannotSpreadError
        They do.
    """
    own = frozenset(effects.details.temporaries.names)
    if read := sorted(capture.names & (targets.names | own)):
        msg = f"something that it calls reads {read[0]!r}, which it changes"
        raise CannotSpreadError(msg)
    for obj in targets.objects:
        if (id(obj) in capture.ids and can_change(obj)) or shares_memory(obj, capture.arrays):
            msg = f"iterations read the {type(obj).__name__} that they change"
            raise CannotSpreadError(msg)
    for function in (effects.apply, effects.bind):
        code, cells = function.__code__, function.__closure__ or ()
        for name, cell in zip(code.co_freevars, cells, strict=True):
            if name in own | targets.rebound and id(cell) in capture.ids:
                msg = f"something that it calls reads {name!r}, which it changes"
                raise CannotSpreadError(msg)


def check_items(
    source: Source, bound: Iterable[str], targets: Targets, capture: Capture, capturer: Capturer
) -> None:
    """Make sure that generators may run ahead of iterations.

    Parameters
    ----------
    bound
        Names that iterations bind.

    Raises
    ------
    CannotSpreadError
        They may not.
    """
    if not source.generators:
        return
    reach = capturer.reach(source.generators)
    both = reach.names & {*targets.names, *bound, *capture.writes}
    changed = [obj for obj in targets.objects if id(obj) not in source.detached]
    if both or _common(reach.objects, changed) or any(map(capture.may_change, reach.objects)):
        msg = f"its items depend on {repr(min(both)) if both else 'what iterations may change'}"
        raise CannotSpreadError(msg)


def can_change(obj: Any) -> bool:
    """Tell whether an object's content may change."""
    return adapter_for(obj) is not None


def _common(objects: Iterable[Any], others: Iterable[Any]) -> bool:
    ids = {id(obj) for obj in objects if can_change(obj)}
    return any(id(obj) in ids for obj in others)
