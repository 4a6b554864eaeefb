"""IPython's own syntax after its transformation: which magics are Python, harmless, or neither.

IPython turns ``%magic``, ``!command`` and ``%%magic`` into calls of ``get_ipython()`` methods with
constant texts. `expand` recognises these calls and puts in their place the Python code that they
would run, so that whoever walks the tree afterwards needs to know nothing about magics.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from jupyter_scale.analysis.dynamic import Findings, Reason

Transform = Callable[[str], str]

TIMED = "<timeit>"
"""Name of the function that stands for code which ``%timeit`` runs in a scope of its own."""

_PYTHON_OPTIONS = {"time": "", "timeit": "nrpv", "prun": "DlsT"}

_HERE = frozenset({
    "alias", "alias_magic", "autoawait", "autocall", "automagic", "autoreload", "code_wrap",
    "debug", "ed", "edit", "gui", "hist", "history", "load", "load_ext", "loadpy", "logoff",
    "logon", "logstart", "logstate", "logstop", "macro", "notebook", "paste", "pastebin", "pdb",
    "pylab", "recall", "reload_ext", "rep", "rerun", "reset", "reset_selective", "save", "tb",
    "unalias", "unload_ext", "xdel", "store",
})  # fmt: skip
_HARMLESS = frozenset({
    "!", "bookmark", "cat", "cd", "colors", "conda", "config", "cp", "dhist", "dirs",
    "doctest_mode", "env", "file", "html", "HTML", "javascript", "js", "killbgscripts", "latex",
    "ldir", "less", "lf", "lk", "ll", "ls", "lsmagic", "lx", "magic", "mamba", "man",
    "markdown", "matplotlib", "micromamba", "mkdir", "more", "mv", "page", "perl", "pip",
    "popd", "pprint", "precision", "pushd", "pwd", "pycat", "pypy", "python", "python2",
    "python3", "quickref", "rehashx", "rm", "rmdir", "ruby", "script", "set_env", "sh", "bash",
    "svg", "SVG", "sx", "system", "uv", "writefile", "xmode",
})  # fmt: skip
_INSPECTING = frozenset({
    "pdef", "pdoc", "pfile", "pinfo", "pinfo2", "psource",
})  # fmt: skip
_LISTING = frozenset({
    "psearch", "who", "who_ls", "whos",
})  # fmt: skip
_DRAWN_HERE = frozenset({"inline", "agg", "--list", "-l"})

_EXPANSION = re.compile(r"(?<!\$)\$\w+|(?<!\{)\{[^{}]+\}")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_OUTPUT_OPTION = re.compile(r"--(?:out|err|proc)[\s=]+([^\W\d]\w*)")


@dataclass(frozen=True, slots=True)
class _Magic:
    """One generated call: its name without ``%``, its line, its body, and where it stands."""

    method: str
    name: str
    text: str
    body: str | None
    line: int

    @property
    def shown(self) -> str:
        if self.method in {"system", "getoutput"}:
            return "a shell line"
        return f"{'%' if self.body is None else '%%'}{self.name}"


def parse_python(source: str) -> ast.Module:
    """Parse pure Python as a notebook does, with ``await`` allowed at the top level.

    Raises
    ------
    SyntaxError
        As `compile` raises it.
    """
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return cast("ast.Module", compile(source, "<cell>", "exec", flags=flags, dont_inherit=True))


def expand(tree: ast.Module, transform: Transform, findings: Findings) -> ast.Module:
    """Replace the magics of `tree`, in place, by the Python code that they run.

    Parameters
    ----------
    tree : ast.Module
        The parsed cell after `transform`; it is changed.
    transform : callable
        IPython's transformation, for the Python code inside magics.
    findings : Findings
        Takes what the magics read, bind or need beyond that code.
    """
    _Expander(transform, findings).visit(tree)
    return ast.fix_missing_locations(tree)


def _as_magic(node: ast.expr) -> _Magic | None:
    match node:
        case ast.Call(
            func=ast.Attribute(
                value=ast.Call(func=ast.Name(id="get_ipython"), args=[], keywords=[]), attr=method
            ),
            args=arguments,
            keywords=[],
        ):
            texts = [each.value for each in arguments if isinstance(each, ast.Constant)]
            if len(texts) == len(arguments) and all(isinstance(text, str) for text in texts):
                return _from_texts(method, [str(text) for text in texts], node.lineno)
    return None


def _from_texts(method: str, texts: list[str], line: int) -> _Magic | None:
    match method, texts:
        case "run_line_magic", [name, text]:
            return _Magic(method, name, text, None, line)
        case "run_cell_magic", [name, text, body]:
            return _Magic(method, name, text, body, line)
        case "system" | "getoutput", [text]:
            return _Magic(method, "sx", text, None, line)
    return None


class _Expander(ast.NodeTransformer):
    def __init__(self, transform: Transform, findings: Findings) -> None:
        self._transform = transform
        self._findings = findings

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        magic = _as_magic(node.value)
        if magic is None:
            return self.generic_visit(node)
        return self._statements(magic) or [ast.Pass(lineno=magic.line, col_offset=0)]

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        magic = _as_magic(node.value)
        if magic is None:
            return self.generic_visit(node)
        statements = self._statements(magic)
        match statements:
            case [*others, ast.Expr(value=value)]:
                node.value = value
                return [*others, node]
        node.value = ast.copy_location(ast.Constant(None), node.value)
        return [*statements, node]

    def _statements(self, magic: _Magic) -> list[ast.stmt]:
        name, line = magic.name, magic.line
        where = f"{magic.shown} on line {line}"
        if name == "scale":
            self._here(line, f"{magic.shown} inside a %%scale cell (line {line})")
        elif name in _PYTHON_OPTIONS:
            return self._python(magic)
        elif name == "capture" and magic.body is not None:
            return self._capture(magic)
        elif name in _HERE or (name == "matplotlib" and not _draws_inline(magic.text)):
            self._here(line, f"{magic.shown} acts on the notebook's own kernel (line {line})")
        elif name in _INSPECTING:
            return _mentions(magic)
        elif name in _LISTING:
            self._findings.reads_all.append(Reason(line, where))
        elif name not in _HARMLESS:
            self._findings.add_any_name(line, where)
        else:
            return self._harmless(magic)
        return []

    def _here(self, line: int, text: str) -> None:
        self._findings.here_only.append(Reason(line, text))

    def _harmless(self, magic: _Magic) -> list[ast.stmt]:
        found = _EXPANSION.search(magic.text)
        if found:
            text = f"{found[0]!r} in {magic.shown} on line {magic.line}"
            self._findings.reads_all.append(Reason(magic.line, text))
        if magic.body is None:
            return []
        return [_bound(name, magic.line) for name in _OUTPUT_OPTION.findall(magic.text)]

    def _python(self, magic: _Magic) -> list[ast.stmt]:
        text = _without_options(magic.text, _PYTHON_OPTIONS[magic.name])
        statements = self._code(magic, text, magic.line - 1)
        if magic.body is not None:
            statements += self._code(magic, magic.body, magic.line)
        if magic.name == "timeit" and statements:
            return [_in_own_scope(statements, magic.line)]
        return statements

    def _capture(self, magic: _Magic) -> list[ast.stmt]:
        statements = self._code(magic, magic.body or "", magic.line)
        outputs = [word for word in magic.text.split() if word.isidentifier()]
        return [*statements, *(_bound(name, magic.line) for name in outputs[:1])]

    def _code(self, magic: _Magic, text: str, lines_before: int) -> list[ast.stmt]:
        """Return the statements of Python code inside a magic, numbered as the cell's lines."""
        try:
            source = self._transform(text)
            tree = parse_python(source)
        except SyntaxError:
            where = f"{magic.shown} on line {magic.line}, whose code cannot be parsed"
            self._findings.add_any_name(magic.line, where)
            return []
        dropped = _blank_lines(text) - _blank_lines(source)
        ast.increment_lineno(tree, lines_before + dropped)
        self.visit(tree)
        return tree.body


def _blank_lines(text: str) -> int:
    """Count the blank lines at the beginning: IPython drops them."""
    return text[: len(text) - len(text.lstrip())].count("\n")


def _draws_inline(text: str) -> bool:
    return text.strip().lower() in _DRAWN_HERE


def _without_options(text: str, valued: str) -> str:
    """Drop leading ``-x`` options; those in `valued` take a value, attached or as the next word."""
    while match := re.match(r"\s*(?:--[\w-]+(?:=\S+)?|-([A-Za-z])(\S*))(?:\s+|$)", text):
        text = text[match.end() :]
        if match[1] and match[1] in valued and not match[2]:
            text = text.partition(" ")[2]
    return text


def _bound(name: str, line: int) -> ast.stmt:
    target = ast.Name(name, ast.Store(), lineno=line, col_offset=0)
    value = ast.Constant(None, lineno=line, col_offset=0)
    return ast.Assign([target], value, lineno=line, col_offset=0)


def _mentions(magic: _Magic) -> list[ast.stmt]:
    found = _IDENTIFIER.search(magic.text)
    if found is None:
        return []
    name = ast.Name(found[0], ast.Load(), lineno=magic.line, col_offset=0)
    return [ast.Expr(name, lineno=magic.line, col_offset=0)]


def _in_own_scope(statements: list[ast.stmt], line: int) -> ast.stmt:
    """Wrap statements in a function that is called at once: a decorated one, to names.py."""
    function = cast("ast.FunctionDef", parse_python("@None\ndef timed(): pass").body[0])
    function.name, function.body = TIMED, statements
    function.lineno = line
    return function
