"""Which files of the notebook's folder a cell names: texts that look like relative paths.

Whether there is such a file is for others to see. Laws:

1. A path is a text, or texts joined by ``/`` of pathlib, ``+``, ``os.path.join`` or ``Path(...)``.
   Names stand for what the cell binds them to if it does so once, else for the notebook's texts.
2. Paths that lead out of the folder, addresses, and texts of more than one line name nothing.
3. A text is left out where no path can stand: as an index, a key, a side of a comparison, a
   docstring.
4. An f-string is a pattern if it begins with a folder or ends with an extension.
5. A shell command, and the line of a magic, may name a path with each word.
"""

from __future__ import annotations

import ast
import glob
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LONGEST = 400
_GLOB = re.compile(r"[*?\[]")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PATH_TYPES = frozenset({"Path", "PosixPath", "PurePath", "PurePosixPath"})
_GLOB_METHODS = frozenset({"glob", "rglob"})
_FOLDER_TAKERS = frozenset(
    {"listdir", "scandir", "walk", "chdir", "copytree", "read_parquet", "open_zarr", "load_files"}
    | {"ImageFolder", "DatasetFolder", "image_dataset_from_directory", "flow_from_directory"}
)
_COMMANDS = frozenset({"system", "getoutput", "run_line_magic", "run_cell_magic"})
_EXTENSION = re.compile(r"\.\w{1,8}$")
_NOT_PATHS = (ast.Compare, ast.JoinedStr, ast.FormattedValue)


@dataclass(frozen=True, slots=True, order=True)
class NamedPath:
    """A path that a cell names.

    Attributes
    ----------
    path : str
        Relative to the working directory, with ``/`` and without ``.`` or ``..`` in it.
    is_pattern : bool
        It has wildcards, as in ``data/*.csv``; ``**`` stands for any number of folders.
    may_be_folder : bool
        It is used as a path for sure, or handed to a function that takes folders. Any other word
        may name a column as well, and a folder is large.
    """

    path: str
    is_pattern: bool = False
    may_be_folder: bool = False


def find_named_paths(tree: ast.AST, texts: Mapping[str, str]) -> tuple[NamedPath, ...]:
    """Return the paths that a cell names, sorted.

    Parameters
    ----------
    tree : ast.AST
        The cell.
    texts : mapping
        ``name → text`` of those of the notebook's names that hold texts or paths.
    """
    return _Finder(tree, texts).find()


class _Finder:
    def __init__(self, tree: ast.AST, texts: Mapping[str, str]) -> None:
        self._tree = tree
        self._texts = {k: v for k, v in texts.items() if k not in _bound(tree)}
        self._values = _bound_once(tree)
        self._found: dict[str, NamedPath] = {}

    def find(self) -> tuple[NamedPath, ...]:
        self._visit(self._tree)
        return tuple(sorted(self._found.values()))

    def _visit(self, node: ast.AST) -> None:
        text = self._resolve(node)
        if text is not None:
            self._add(text, is_path=self._is_path(node))
            return
        if isinstance(node, ast.Call):
            self._visit_call(node)
        elif isinstance(node, ast.JoinedStr) and (pattern := self._pattern(node)):
            self._add(pattern, is_path=False)
        for child in _children(node):
            self._visit(child)

    def _visit_call(self, call: ast.Call) -> None:
        """Find ``listdir(FOLDER)`` and ``FOLDER.glob("*.csv")``, and the words of commands."""
        if _name_of(call.func) in _COMMANDS:
            for argument in call.args:
                for word in (self._resolve(argument) or "").split():
                    self._add(word.strip("'\"<>|;&()"), is_path=False)
        if _name_of(call.func) in _FOLDER_TAKERS and call.args:
            text = self._resolve(call.args[0])
            if text is not None:
                self._add(text, is_path=True)
        if not (isinstance(call.func, ast.Attribute) and call.func.attr in _GLOB_METHODS):
            return
        folder = self._resolve(call.func.value)
        pattern = self._resolve(call.args[0]) if call.args else None
        if folder is not None and pattern is not None:
            inside = "**" if call.func.attr == "rglob" else ""
            self._add(posixpath.join(folder, inside, pattern), is_path=True)

    def _pattern(self, text: ast.JoinedStr) -> str:
        """Return a pattern for the paths that an f-string may stand for, empty if for none."""
        first, last = text.values[0], text.values[-1]
        starts = isinstance(first, ast.Constant) and "/" in str(first.value).lstrip("/")
        ends = isinstance(last, ast.Constant) and _EXTENSION.search(str(last.value))
        if not (starts or ends):
            return ""
        parts = []
        for part in text.values:
            value = part.value if isinstance(part, ast.FormattedValue) else part
            known = self._resolve(value)
            parts.append("*" if known is None else glob.escape(known))
        return "".join(parts)

    def _add(self, text: str, *, is_path: bool) -> None:
        path = _relative(text)
        if path is not None:
            known = self._found.get(path)
            may_be = is_path or "/" in text or (known is not None and known.may_be_folder)
            self._found[path] = NamedPath(path, bool(_GLOB.search(path)), may_be)

    def _is_path(self, node: ast.AST) -> bool:
        """Tell whether pathlib or ``os.path`` makes this text a path."""
        if isinstance(node, ast.Name):
            value = self._values.get(node.id)
            return value is not None and self._is_path(value)
        return isinstance(node, ast.Call) or (
            isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        )

    def _resolve(self, node: ast.AST, depth: int = 0) -> str | None:
        """Return the text that an expression stands for, if that can be told."""
        if depth > 20:  # noqa: PLR2004 - a name that is bound to itself, or a very long sum
            return None
        result: str | None = None
        match node:
            case ast.Constant(value=str() as text):
                result = text
            case ast.Name(id=name, ctx=ast.Load()) if name in self._values:
                result = self._resolve(self._values[name], depth + 1)
            case ast.Name(id=name, ctx=ast.Load()):
                result = self._texts.get(name)
            case ast.BinOp(left=left, op=ast.Div() | ast.Add() as op, right=right):
                parts = [self._resolve(part, depth + 1) for part in (left, right)]
                result = _join(parts, by_slash=isinstance(op, ast.Div))
            case ast.Call(func=function, args=[_, *_] as arguments, keywords=[]):
                if _joins(function):
                    parts = [self._resolve(part, depth + 1) for part in arguments]
                    result = _join(parts, by_slash=True)
        return result


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is inside an expression or statement, but for places that no path is in."""
    left_out: list[ast.AST | None] = []
    match node:
        case ast.Subscript(slice=index):
            left_out = [index]
        case ast.Dict(keys=keys):
            left_out = list(keys)
        case ast.Expr(value=ast.Constant() as text):
            left_out = [text]
    if isinstance(node, _NOT_PATHS):
        # A call inside of one may still open a file.
        yield from (each for each in ast.walk(node) if isinstance(each, ast.Call))
        return
    for child in ast.iter_child_nodes(node):
        if not any(child is each for each in left_out):
            yield child


def _name_of(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _joins(function: ast.expr) -> bool:
    """Tell whether a function makes one path of its arguments."""
    if isinstance(function, ast.Attribute) and function.attr == "join":
        return _name_of(function.value) == "path"
    return _name_of(function) in _PATH_TYPES


def _join(parts: list[str | None], *, by_slash: bool) -> str | None:
    known = [part for part in parts if part is not None]
    if len(known) != len(parts):
        return None
    return posixpath.join(*known) if by_slash else "".join(known)


def _relative(text: str) -> str | None:
    """Return a text as a path below the working directory, None if it is none."""
    if not text.strip() or len(text) > _LONGEST or "\n" in text or "\0" in text:
        return None
    if text.startswith(("/", "~", "-")) or "\\" in text or _ADDRESS.match(text):
        return None
    path = posixpath.normpath(text)
    return None if path == "." or path.startswith("..") else path


def _bound(tree: ast.AST) -> list[str]:
    return [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del)
    ]


def _bound_once(tree: ast.AST) -> dict[str, ast.expr]:
    """Return ``name → expression`` of plain assignments to names that nothing else binds."""
    names = _bound(tree)
    return {
        node.targets[0].id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
        and names.count(node.targets[0].id) == 1
    }
