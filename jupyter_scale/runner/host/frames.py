"""Tracebacks without our own frames, so that they read as the plain cell's."""

from __future__ import annotations

import types
from pathlib import Path

from jupyter_scale.analysis.forloops import BATCH
from jupyter_scale.analysis.rewrite import BODY, MAKE, SHIFT

_PACKAGE = str(Path(__file__).parents[2])
#: Packages in which our own frames wait for workers.
_WAITED_IN = frozenset({"asyncio", "concurrent", "distributed", "queue", "threading", "tornado"})
_COMPREHENSIONS = {"set comprehension": "<setcomp>", "dict comprehension": "<dictcomp>"}


def is_own(code: types.CodeType) -> bool:
    """Tell whether a frame of `code` is ours, and not the notebook's or a library's."""
    if code.co_filename.startswith(_PACKAGE):
        return True
    if code.co_name == "<lambda>":
        return code.co_varnames[:1] == (BATCH,)
    return code.co_name == BODY


def strip(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """Return a traceback that skips our frames, and those in which they wait for others.

    An interrupt finds a loop there that is spread. The original is not changed.
    """
    frames = []
    is_ours = False
    while traceback is not None:
        frame = traceback.tb_frame
        is_ours = is_own(frame.f_code) or (is_ours and _is_waiting(frame))
        if not is_ours:
            frames.append(traceback)
        traceback = traceback.tb_next
    result = None
    for part in reversed(frames):
        result = types.TracebackType(result, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return result


def _is_waiting(frame: types.FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in _WAITED_IN


def with_plain_names(function: types.FunctionType, kind: str = "") -> types.FunctionType:
    """Return a rewritten loop's function in which everything has the plain loop's names."""
    own = function.__code__.co_qualname
    around = own.removesuffix("<lambda>").removesuffix(f"{MAKE}.<locals>.{BODY}")
    code = _renamed(function.__code__, f"{own}.<locals>.", around, _COMPREHENSIONS.get(kind))
    if code.co_firstlineno > SHIFT:
        code = _shifted(code)
    return types.FunctionType(
        code, function.__globals__, function.__name__, None, function.__closure__
    )


def _renamed(
    code: types.CodeType, prefix: str, around: str, comprehension: str | None
) -> types.CodeType:
    constants = tuple(
        _renamed(part, prefix, around, None) if isinstance(part, types.CodeType) else part
        for part in code.co_consts
    )
    if comprehension is not None:
        constants = tuple(_as_comprehension(part, comprehension) for part in constants)
    name = code.co_qualname
    if name.startswith(prefix):
        name = around + name.removeprefix(prefix)
    return code.replace(co_consts=constants, co_qualname=name)


def _shifted(code: types.CodeType) -> types.CodeType:
    """Put code back to the lines where the loop stands; its table of lines is relative to these."""
    constants = tuple(
        _shifted(part) if isinstance(part, types.CodeType) else part for part in code.co_consts
    )
    return code.replace(co_consts=constants, co_firstlineno=code.co_firstlineno - SHIFT)


def _as_comprehension(part: object, name: str) -> object:
    """Name the code of a generator as the comprehension that it stands for."""
    if not isinstance(part, types.CodeType) or part.co_name != "<genexpr>":
        return part
    qualname = part.co_qualname.removesuffix("<genexpr>") + name
    return part.replace(co_name=name, co_qualname=qualname)
