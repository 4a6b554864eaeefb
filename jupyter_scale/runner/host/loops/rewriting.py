"""Rewrites cells, and the notebook's functions, so that their loops are handed over."""

from __future__ import annotations

import ast
import linecache
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import cloudpickle

from jupyter_scale.analysis.magics import parse_python
from jupyter_scale.analysis.rewrite import spread_loops
from jupyter_scale.shipping import codes
from jupyter_scale.shipping.ambient.modules import is_own_file

if TYPE_CHECKING:
    from jupyter_scale.runner.host.interactive import RunnerShell

_Key = tuple[str, int]


class LoopRewriter(ast.NodeTransformer):
    """Rewrites each cell, as IPython applies it, and functions of earlier ones.

    Parameters
    ----------
    shell
        Where the cells run.
    entry
        The name of what loops are handed to.
    """

    def __init__(self, shell: RunnerShell, entry: str) -> None:
        self._shell, self._entry = shell, entry
        #: ``file name → (its source, (line, name) → rewritten code)``.
        self._files: dict[str, tuple[str, Mapping[_Key, types.CodeType]]] = {}
        _pickle_plain_code()

    def visit(self, tree: ast.AST) -> ast.AST:
        """Return a cell's tree with its loops handed over."""
        assert isinstance(tree, ast.Module)  # noqa: S101 - IPython passes whole cells
        if _is_of_timeit(tree):
            return tree
        name = self._shell.compiler.code_name or "<cell>"
        rewritten, loops = spread_loops(tree, self._entry, frozenset(self._shell.user_ns), name)
        if loops and _defines(tree):
            try:
                self._register(tree, rewritten, name)
            except SyntaxError:  # such as a `return` outside of a function: IPython will say it
                return tree
        return rewritten

    def rewrite_functions(self, values: Iterable[Any]) -> None:
        """Hand over the loops of notebook functions among values that have just arrived."""
        namespace = self._shell.user_ns
        for function in values:
            if isinstance(function, types.FunctionType) and function.__globals__ is namespace:
                code = function.__code__
                new = self._rewritten(code.co_filename).get(_key(code))
                if new is not None and new.co_freevars == code.co_freevars:
                    function.__code__ = new

    def _rewritten(self, file_name: str) -> Mapping[_Key, types.CodeType]:
        if file_name not in self._shell.compile._filename_map:  # noqa: SLF001 - of the notebook
            return {}
        source = "".join(linecache.getlines(file_name))
        known = self._files.get(file_name)
        if known is None or known[0] != source:
            known = self._files[file_name] = source, self._rewrite_file(source, file_name)
        return known[1]

    def tree_of(self, file_name: str) -> ast.Module | None:
        """Return the syntax tree of a cell, or of a module of the user's own; else None."""
        if file_name in self._shell.compile._filename_map:  # noqa: SLF001 - as above
            return self._parse("".join(linecache.getlines(file_name)))
        return (
            parse_python("".join(linecache.getlines(file_name))) if is_own_file(file_name) else None
        )

    def _parse(self, source: str) -> ast.Module | None:
        try:
            return parse_python(self._shell.transform_cell(source))
        except (SyntaxError, ValueError):
            return None

    def _rewrite_file(self, source: str, file_name: str) -> Mapping[_Key, types.CodeType]:
        tree = self._parse(source)
        if tree is None:
            return {}
        names = frozenset(self._shell.user_ns)
        rewritten, loops = spread_loops(tree, self._entry, names, file_name)
        try:
            return self._register(tree, rewritten, file_name) if loops and _defines(tree) else {}
        except SyntaxError:
            return {}

    def _register(
        self, tree: ast.Module, rewritten: ast.Module, file_name: str
    ) -> Mapping[_Key, types.CodeType]:
        """Compile both forms; return ``(line, name) → rewritten code`` of functions that differ."""
        flags = self._shell.compile.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        before, after = (
            dict(_functions(compile(form, file_name, "exec", flags, dont_inherit=True)))
            for form in (tree, rewritten)
        )
        found = {}
        for key, code in after.items():
            if (plain := before.get(key)) is not None and plain != code:
                codes.register(code, plain)
                found[key] = code
        return found


def _defines(tree: ast.Module) -> bool:
    return any(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(tree))


def _is_of_timeit(tree: ast.Module) -> bool:
    """Tell whether this is what ``%timeit`` makes of its statement: repetitions are no loop."""
    match tree.body:
        case [ast.FunctionDef(name="inner", args=ast.arguments(args=[first, *_]))]:
            return first.arg == "_it"
    return False


def _key(code: types.CodeType) -> _Key:
    return code.co_qualname, code.co_firstlineno


def _functions(code: types.CodeType) -> Iterator[tuple[_Key, types.CodeType]]:
    """Yield the code of all functions in a module's, lambdas and the like left out."""
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            if not part.co_name.startswith(("<", "__scale_")):
                yield _key(part), part
            yield from _functions(part)


def _pickle_plain_code() -> None:
    """Let cloudpickle, too, pickle functions as the notebook wrote them."""
    table = cloudpickle.CloudPickler._dispatch_table  # noqa: SLF001 - it has no hook
    reduce_code = table[types.CodeType]
    if getattr(reduce_code, "is_ours", False):
        return

    def reduce_plain(code: types.CodeType) -> Any:
        return reduce_code(codes.plain_code(code))

    reduce_plain.is_ours = True  # type: ignore[attr-defined]
    table[types.CodeType] = reduce_plain
