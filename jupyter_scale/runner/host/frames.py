"""Tracebacks without our own frames, so that they read as the plain cell's."""

from __future__ import annotations

import types
from pathlib import Path

from jupyter_scale.analysis.rewrite import ITEMS

_PACKAGE = str(Path(__file__).parents[2])


def is_own(code: types.CodeType) -> bool:
    """Tell whether a frame of `code` is ours, and not the notebook's or a library's."""
    if code.co_filename.startswith(_PACKAGE):
        return True
    return code.co_name == "<lambda>" and code.co_varnames[:1] == (ITEMS,)


def strip(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """Return a traceback that skips our frames; the original is not changed."""
    frames = []
    while traceback is not None:
        if not is_own(traceback.tb_frame.f_code):
            frames.append(traceback)
        traceback = traceback.tb_next
    result = None
    for part in reversed(frames):
        result = types.TracebackType(result, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return result


_PREFIX = "<lambda>.<locals>."


def with_plain_names(function: types.FunctionType) -> types.FunctionType:
    """Return a rewritten loop's function in which the loop has the plain loop's name."""
    return types.FunctionType(_renamed(function.__code__), function.__globals__, "<lambda>")


def _renamed(code: types.CodeType) -> types.CodeType:
    constants = tuple(
        _renamed(part) if isinstance(part, types.CodeType) else part for part in code.co_consts
    )
    return code.replace(co_consts=constants, co_qualname=code.co_qualname.removeprefix(_PREFIX))
