"""Which global names a compiled function reaches: the same questions as of a cell, to bytecode."""

from __future__ import annotations

import dis
from functools import lru_cache
from types import CodeType
from typing import TYPE_CHECKING

from jupyter_scale.analysis.dynamic import NAME_LISTERS, NAME_READERS, TEXT_METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator

_READING = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "DELETE_GLOBAL"})
_WRITING = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL"})
_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_SILENT = frozenset({"CACHE", "PRECALL", "PUSH_NULL", "EXTENDED_ARG", "NOP"})
_REMEMBERED = 4096


@lru_cache(maxsize=_REMEMBERED)
def global_reads(code: CodeType) -> frozenset[str]:
    """Return the global names, builtins included, that `code` and code nested in it read.

    Class bodies look names up in their own namespace first: those names are included too.
    """
    return _names(code, _READING).union(*map(global_reads, _nested(code)))


@lru_cache(maxsize=_REMEMBERED)
def global_writes(code: CodeType) -> frozenset[str]:
    """Return the global names that `code` and code nested in it bind or delete by ``global``."""
    return _names(code, _WRITING).union(*map(global_writes, _nested(code)))


@lru_cache(maxsize=_REMEMBERED)
def dynamic_read(code: CodeType) -> str | None:
    """Return why `code`, or code nested in it, may read names that it does not show.

    Returns
    -------
    str or None
        For instance ``"eval() in 'score', line 3"``.
    """
    instructions = [each for each in dis.get_instructions(code) if each.opname not in _SILENT]
    for instruction, following in zip(instructions, [*instructions[1:], None], strict=True):
        what = _dynamic_use(code, instruction, following)
        if what is not None:
            line = instruction.positions.lineno if instruction.positions else None
            return f"{what} in {code.co_qualname!r}, line {line or code.co_firstlineno}"
    return next(filter(None, map(dynamic_read, _nested(code))), None)


def _nested(code: CodeType) -> Iterator[CodeType]:
    return (each for each in code.co_consts if isinstance(each, CodeType))


def _names(code: CodeType, operations: frozenset[str]) -> frozenset[str]:
    return frozenset(
        each.argval for each in dis.get_instructions(code) if each.opname in operations
    )


def _dynamic_use(
    code: CodeType, instruction: dis.Instruction, following: dis.Instruction | None
) -> str | None:
    name = instruction.argval
    if instruction.opname in _READING:
        if name in NAME_READERS or name == "compile":
            return f"{name}()"
        if name in NAME_LISTERS and _is_empty_call(following):
            return f"{name}()"
    elif instruction.opname in _ATTRIBUTE and name in TEXT_METHODS:
        if _may_name_variables(code, following):
            return f".{name}() with names in text"
    elif instruction.opname == "IMPORT_NAME" and name == "__main__":
        return "__main__"
    return None


def _is_empty_call(instruction: dis.Instruction | None) -> bool:
    return instruction is not None and instruction.opname == "CALL" and instruction.arg == 0


def _may_name_variables(code: CodeType, argument: dis.Instruction | None) -> bool:
    """Tell whether the text given to ``.query()`` or ``.eval()`` may contain ``@name``."""
    if _is_empty_call(argument):
        return False
    texts = [each for each in code.co_consts if isinstance(each, str)]
    is_plain = argument is not None and argument.opname == "LOAD_CONST"
    return not is_plain or any("@" in text for text in texts)
