"""What the source cannot tell: names reached by strings, and code that needs this very kernel."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME_READERS = frozenset({"eval", "exec", "globals", "locals", "get_ipython"})
"""Builtins that reach any name; passing one of them on is as good as calling it."""

NAME_LISTERS = frozenset({"vars", "dir"})
"""Builtins that reach any name only when called without an argument."""

TEXT_METHODS = frozenset({"query", "eval"})
"""Methods whose text argument may name variables as ``@name``."""

HERE_PACKAGES = frozenset({"ipywidgets", "anywidget", "ipympl", "bqplot", "ipyleaflet"})
"""Packages whose objects live in both the kernel and the browser."""

_FRAME_METHODS = frozenset({"evaluate", "sql", "execute"})
_EVALUATORS = frozenset({"pd", "pandas"})
_ASKING = {
    "input": "asks in the notebook",
    "getpass": "asks in the notebook",
    "breakpoint": "opens the debugger in the notebook",
    "set_trace": "opens the debugger in the notebook",
}
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why something cannot be told, and on which line."""

    line: int
    text: str


@dataclass(slots=True)
class Findings:
    """Reasons collected over a cell, in no order."""

    reads_all: list[Reason] = field(default_factory=list)
    binds_unknown: list[Reason] = field(default_factory=list)
    here_only: list[Reason] = field(default_factory=list)

    def add_any_name(self, line: int, text: str) -> None:
        """Record code that may both read and bind any name."""
        self.reads_all.append(Reason(line, text))
        self.binds_unknown.append(Reason(line, text))


def first_text(reasons: Iterable[Reason]) -> str | None:
    """Return the text of the reason that comes first in the source."""
    first = min(reasons, default=None)
    return None if first is None else first.text


#: What opens a file or a connection, which lives where it was opened: ``(module or None, name)``.
_OPENERS = {
    (None, "open"),
    ("io", "open"),
    ("gzip", "open"),
    ("bz2", "open"),
    ("lzma", "open"),
    ("tarfile", "open"),
    ("zipfile", "ZipFile"),
    ("h5py", "File"),
    ("sqlite3", "connect"),
    ("duckdb", "connect"),
    ("socket", "socket"),
    ("subprocess", "Popen"),
}


def find_left_open(tree: ast.Module, findings: Findings) -> None:
    """Add files and connections that the cell itself opens, names, and does not close."""
    closed = {
        node.func.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "close"
        and isinstance(node.func.value, ast.Name)
    }
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=opener)) if (
                _opener(opener) in _OPENERS and name not in closed
            ):
                text = f"'{name}' stays open, and only where it was opened (line {node.lineno})"
                findings.here_only.append(Reason(node.lineno, text))


def _opener(function: ast.expr) -> tuple[str | None, str] | None:
    match function:
        case ast.Name(id=name):
            return None, name
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return module, name
    return None


def find_dynamic(tree: ast.AST, findings: Findings) -> None:
    """Add what `tree` does that its names do not show."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if name in NAME_READERS:
                findings.add_any_name(node.lineno, f"{name}() on line {node.lineno}")
            case ast.Call():
                _find_in_call(node, findings)
            case ast.Import() | ast.ImportFrom():
                _find_in_import(node, findings)
            case ast.Subscript(slice=ast.Constant(value="__main__")):
                findings.add_any_name(node.lineno, f"__main__ on line {node.lineno}")


def _find_in_import(node: ast.Import | ast.ImportFrom, findings: Findings) -> None:
    for package in imported_packages(node):
        if package in HERE_PACKAGES:
            text = f"{package} lives in the notebook's own kernel (line {node.lineno})"
            findings.here_only.append(Reason(node.lineno, text))
        if package == "__main__":
            findings.add_any_name(node.lineno, f"__main__ on line {node.lineno}")


def _find_in_call(node: ast.Call, findings: Findings) -> None:
    line = node.lineno
    match node.func:
        case ast.Name(id="compile"):
            findings.reads_all.append(Reason(line, f"compile() on line {line}"))
        case ast.Name(id=name) if name in NAME_LISTERS and not (node.args or node.keywords):
            findings.reads_all.append(Reason(line, f"{name}() on line {line}"))
        case ast.Attribute(attr=name) if name in TEXT_METHODS and _may_name_variables(node):
            findings.reads_all.append(Reason(line, f".{name}() with names in text on line {line}"))
    called = node.func.id if isinstance(node.func, ast.Name) else None
    if isinstance(node.func, ast.Attribute) and node.func.attr in {"getpass", "set_trace"}:
        called = node.func.attr
    if called in _ASKING:
        findings.here_only.append(Reason(line, f"{called}() {_ASKING[called]} (line {line})"))


def _may_name_variables(node: ast.Call) -> bool:
    """Tell whether the text given to ``.query()`` or ``.eval()`` may contain ``@name``."""
    texts = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "expr")]
    for text in texts:
        parts = text.values if isinstance(text, ast.JoinedStr) else [text]
        for part in parts:
            if isinstance(part, ast.Constant):
                if "@" in str(part.value):
                    return True
            elif not isinstance(part, ast.FormattedValue):
                return True
    return False


def imported_packages(node: ast.AST) -> Iterator[str]:
    """Yield the top-level packages that one statement or call imports."""
    match node:
        case ast.Import(names=aliases):
            for alias in aliases:
                yield alias.name.partition(".")[0]
        case ast.ImportFrom(module=str(module), level=0):
            yield module.partition(".")[0]
        case ast.Call(
            func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(module)), *_],
        ):
            yield module.partition(".")[0]


def names_in_texts(tree: ast.AST) -> frozenset[str]:
    """Return words of texts that libraries look up in the caller's frame.

    These are SQL over data frames, ``pandas.eval``, ``numexpr.evaluate`` and model formulas
    (``"y ~ f(x)"``). Words that are no names of the notebook do no harm.
    """
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for text in _texts(node):
                if _reaches_frame(node.func) or "~" in text:
                    found.update(_WORD.findall(text))
    return frozenset(found)


def _texts(node: ast.Call) -> Iterator[str]:
    for argument in [*node.args, *(each.value for each in node.keywords)]:
        parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
        for part in parts:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value


def _reaches_frame(function: ast.expr) -> bool:
    match function:
        case ast.Attribute(value=ast.Name(id=module), attr="eval"):
            return module in _EVALUATORS
        case ast.Attribute(attr=name):
            return name in _FRAME_METHODS
    return False
