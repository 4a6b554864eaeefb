"""Two forms of one function's code: as the notebook wrote it, and with its loops handed over.

Only the runner's shell has functions of the second form. What travels is always the first.
"""

from __future__ import annotations

import types

# Codes of different files may be equal.
_plain: dict[tuple[types.CodeType, str], types.CodeType] = {}


def register(rewritten: types.CodeType, plain: types.CodeType) -> None:
    """Remember what a rewritten code was made of."""
    _plain[rewritten, rewritten.co_filename] = plain


def plain_code(code: types.CodeType) -> types.CodeType:
    """Return code as the notebook wrote it."""
    return _plain.get((code, code.co_filename), code) if _plain else code
