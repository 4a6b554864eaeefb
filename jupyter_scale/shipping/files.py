"""Closed files, as ``with open(...) as f`` leaves them: all that can still be asked of one."""

from __future__ import annotations

import io
import os
from typing import Any

_BUFFERS = {
    kind.__name__: kind for kind in (io.BufferedReader, io.BufferedWriter, io.BufferedRandom)
}


def closed_form(file: Any) -> tuple[Any, ...] | None:
    """Return the arguments of `make_closed`; None for open files and those of other kinds."""
    text = file if isinstance(file, io.TextIOWrapper) else None
    buffer = file.buffer if text is not None else file
    raw = getattr(buffer, "raw", None)
    if not file.closed or type(raw) is not io.FileIO or type(buffer).__name__ not in _BUFFERS:
        return None
    encoding = None if text is None else (text.encoding, text.errors, text.mode)
    return type(buffer).__name__, raw.name, raw.mode, encoding


def make_closed(
    kind: str, name: Any, mode: str, text: tuple[str | None, str | None, str] | None
) -> Any:
    """Return a closed file that answers as the original does."""
    raw = io.FileIO(os.devnull, {"rb": "r", "wb": "w", "ab": "a", "xb": "w"}.get(mode, "r+"))
    raw.name = name
    file: Any = _BUFFERS[kind](raw)
    if text is not None:
        encoding, errors, text_mode = text
        file = io.TextIOWrapper(file, encoding=encoding, errors=errors)
        file.mode = text_mode
    file.close()
    return file
