"""What one notebook cell does to names: the facts on which a plan is built."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from IPython.core.inputtransformer2 import TransformerManager

from jupyter_scale.analysis.dynamic import (
    Findings,
    Reason,
    find_dynamic,
    find_left_open,
    first_text,
    imported_packages,
    names_in_texts,
)
from jupyter_scale.analysis.iteration import Iterated, find_iterated
from jupyter_scale.analysis.loops import Loop, find_loops
from jupyter_scale.analysis.magics import TIMED, Transform, expand, parse_python
from jupyter_scale.analysis.mutation import find_mutated
from jupyter_scale.analysis.names import find_names
from jupyter_scale.analysis.stores import Store, find_stores

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How many cells' facts are kept: cells are run again and again.
_REMEMBERED = 128
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class CellFacts:
    """What a cell reads, binds, deletes and may change, as far as its source tells.

    Attributes
    ----------
    source : str
        Pure Python after IPython's transformation.
    reads : frozenset of str
        Global names that the cell may read from the notebook, builtins included (the notebook
        may have rebound them).
    binds : frozenset of str
        Global names that the cell may bind.
    deletes : frozenset of str
        Global names that the cell may delete, those of ``except E as name`` included.
    mutates : frozenset of str
        Global names whose objects the cell may change in place, or call.
    imports : frozenset of str
        Top-level packages imported anywhere in the cell.
    reads_all : str or None
        Why the cell may read names that cannot be told from its source.
    here_only : str or None
        Why the cell must run in the notebook's own kernel.
    loops : tuple of Loop
        The loops at the cell's top level, each with a verdict.
    is_async : bool
        The cell awaits at its top level.
    binds_unknown : str or None
        Why the cell may bind names that cannot be told from its source.
    iterated : Iterated
        What the cell goes through in order.
    stores : frozenset of Store
        What the cell may assign in modules.
    """

    source: str
    reads: frozenset[str]
    binds: frozenset[str]
    deletes: frozenset[str]
    mutates: frozenset[str]
    imports: frozenset[str]
    reads_all: str | None
    here_only: str | None
    loops: tuple[Loop, ...]
    is_async: bool
    binds_unknown: str | None = None
    iterated: Iterated = field(default_factory=Iterated)
    stores: frozenset[Store] = frozenset()


def analyse_cell(raw: str, transform: Transform | None = None) -> CellFacts:
    """Analyse a cell as the user wrote it.

    Parameters
    ----------
    raw : str
        The cell's text, magics included.
    transform : callable, optional
        Turns a raw cell into pure Python; by default a fresh IPython transformer.

    Returns
    -------
    CellFacts

    Raises
    ------
    SyntaxError
        If the transformed cell is not Python; line numbers are those of the transformed cell.
    """
    transform = transform or TransformerManager().transform_cell
    source = transform(raw)
    if "get_ipython" not in source:
        return _facts_of_python(source)
    loops = find_loops(parse_python(source))
    findings = Findings()
    return _facts_of_tree(
        expand(parse_python(source), transform, findings), source, loops, findings
    )


@lru_cache(maxsize=_REMEMBERED)
def _facts_of_python(source: str) -> CellFacts:
    """Analyse a cell without magics: what it does is told by its text alone."""
    tree = parse_python(source)
    return _facts_of_tree(tree, source, find_loops(tree), Findings())


def _facts_of_tree(
    tree: ast.Module, source: str, loops: tuple[Loop, ...], findings: Findings
) -> CellFacts:
    find_dynamic(tree, findings)
    find_left_open(tree, findings)
    names = find_names(tree)
    for module, line in names.star_imports:
        findings.binds_unknown.append(Reason(line, f"from {module} import * on line {line}"))
    return CellFacts(
        source=source,
        reads=names.reads | names_in_texts(tree),
        binds=names.binds - {TIMED},
        deletes=names.deletes,
        mutates=find_mutated(tree) & names.touched - {TIMED},
        imports=frozenset(name for node in ast.walk(tree) for name in imported_packages(node)),
        reads_all=first_text(findings.reads_all),
        here_only=first_text(findings.here_only),
        loops=loops,
        is_async=any(_awaits(node) for node in _top_level(tree)),
        binds_unknown=first_text(findings.binds_unknown),
        iterated=find_iterated(tree),
        stores=find_stores(tree),
    )


def stores_of(source: str, transform: Transform) -> frozenset[Store]:
    """Return what a cell, transformed already, may assign in modules; nothing if it is no Python.

    Cells that were put on the cluster are left out: they were analysed when they ran.
    """
    if source.startswith("get_ipython().run_cell_magic('scale'"):
        return frozenset()
    try:
        return find_stores(expand(parse_python(source), transform, Findings()))
    except (SyntaxError, ValueError):
        return frozenset()


def _top_level(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run with the cell itself, not inside a function."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _NESTED):
            yield child
            yield from _top_level(child)


def _awaits(node: ast.AST) -> bool:
    if isinstance(node, ast.comprehension):
        return bool(node.is_async)
    return isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
