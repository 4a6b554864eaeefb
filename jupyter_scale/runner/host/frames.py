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
