"""Runs a notebook twice, plainly and with ``%%scale`` on every cell, and tells how they differ."""

from __future__ import annotations

import ast
import json
import queue
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

# Seeded, so that cells which draw numbers can be compared.
_FIRST_PLAIN = "__import__('random').seed(11); __import__('numpy').random.seed(11)"
_FIRST_SCALED = f"%load_ext jupyter_scale\n%scale quiet\n{_FIRST_PLAIN}"
_WHERE = (
    "(lambda r: __import__('json').dumps(r and [id(r), r.where, r.why, dict(r.seconds),"
    " [dict(loop) for loop in r.loops]], default=str))(__import__('jupyter_scale').last_run)"
)
_NOTE = re.compile(r"^%%scale:.*\n?", re.MULTILINE)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
# What may differ between two plain runs, and says nothing: addresses, times taken, processes.
_VARYING = (
    (re.compile(r"0x[0-9a-fA-F]{6,}"), "0xADDRESS"),
    (re.compile(r"ipykernel_\d+"), "ipykernel_PID"),
    (re.compile(r"\bat \d{15}\b"), "at ADDRESS"),
    (re.compile(r"\d+(\.\d+)?(e-\d+)? ?(seconds|secs?|s|ms|µs|us|min)\b"), "TIME"),
    (re.compile(r"\d\d:\d\d:\d\d"), "HH:MM:SS"),
    (re.compile(r"/tmp/tmp\w+"), "/tmp/TEMPORARY"),
)
# Digest of what a notebook holds at its end, by names; run inside its kernel.
_STATE = """
def state(namespace, hidden):
    import hashlib, json, sys, types
    left = 0
    def tell(value, depth):
        nonlocal left
        left -= 1
        kind = type(value)
        name = kind.__module__ + "." + kind.__qualname__
        if depth > 6 or left < 0 or isinstance(value, (types.ModuleType, type)):
            return getattr(value, "__qualname__", name)
        if value is None or kind in (bool, int, float, complex, str, bytes):
            return repr(value)
        if kind in (list, tuple):
            return [name, len(value), [tell(item, depth + 1) for item in value[:200]]]
        if isinstance(value, dict):
            pairs = list(value.items())[:200]
            return [name, len(value), [[tell(part, depth + 1) for part in pair] for pair in pairs]]
        if isinstance(value, types.FunctionType):
            return [name, value.__qualname__, hashlib.md5(value.__code__.co_code).hexdigest()]
        if name == "numpy.ndarray":
            head = [name, str(value.dtype), value.shape, value.flags.writeable]
            if value.dtype.hasobject:
                return [*head, [tell(item, depth + 1) for item in value.ravel()[:200].tolist()]]
            return [*head, hashlib.md5(value.tobytes()).hexdigest()]
        if name.startswith(("pandas.", "numpy.")) and hasattr(value, "shape"):
            return [name, value.shape, repr(value)]
        if name.startswith("matplotlib."):
            return name
        own = getattr(value, "__dict__", None)
        if isinstance(own, dict):
            return [name, [[key, tell(item, depth + 1)] for key, item in sorted(own.items())[:100]]]
        return name
    def fresh(value):
        nonlocal left
        left = 2000
        return tell(value, 0)
    names = [n for n in namespace if n not in hidden and not n.startswith("_")]
    return json.dumps({n: fresh(namespace[n]) for n in sorted(names)}, default=str)
"""


@dataclass(slots=True)
class CellRun:
    """What one cell of one run showed.

    ``events`` are ``(kind, content)`` in order: stdout, display, result, error, clear.
    """

    status: str = ""
    stderr: str = ""
    events: list[tuple[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    where: str = ""
    why: str = ""
    steps: Mapping[str, float] = field(default_factory=dict)
    notes: str = ""


@dataclass(slots=True)
class NotebookRun:
    """What all cells of one run showed, and what the notebook held at its end."""

    cells: list[CellRun] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two runs of a cell differ: ``kind`` is the first field, ``detail`` both contents."""

    cell: int
    kind: str
    detail: str


@contextmanager
def _kernel(directory: Path, environment: Mapping[str, str]) -> Iterator[BlockingKernelClient]:
    manager = KernelManager(kernel_name="python3")
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    manager.start_kernel(cwd=str(directory), env=dict(environment), **silent)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=False)


def run_notebook(
    cells: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    *,
    scaled: bool,
    profile: str = "",
    cell_timeout_s: float = 120.0,
) -> NotebookRun:
    """Run a notebook with a real kernel.

    Parameters
    ----------
    cells
        Sources of the code cells.
    directory
        Where it runs.
    environment
        Of the kernel.
    scaled
        Put ``%%scale`` on every cell.
    profile
        Of the cluster that they run on; empty: the embedded one.
    """
    run = NotebookRun()
    seen: Any = None
    with _kernel(directory, environment) as client:
        _execute(client, _FIRST_SCALED if scaled else _FIRST_PLAIN, 60)
        if scaled and profile:
            up = _execute(client, f"%scale up {profile}", cell_timeout_s)
            assert up.status == "ok", up
        for source in cells:
            cell = _execute(client, f"%%scale\n{source}" if scaled else source, cell_timeout_s)
            if scaled:
                report = json.loads(_ask(client, _WHERE))
                if report is not None and report != seen:
                    _number, cell.where, cell.why, cell.steps, _loops = seen = report
            run.cells.append(cell)
        run.state = json.loads(_ask(client, _state_expression()))
        if scaled and profile:
            _execute(client, "%scale down", cell_timeout_s)
    return run


def _state_expression() -> str:
    ip = "get_ipython()"
    call = f"d['state']({ip}.user_ns, set({ip}.user_ns_hidden))"
    return f"(lambda d: (exec({_STATE!r}, d), {call})[1])({{}})"


def _ask(client: BlockingKernelClient, expression: str) -> str:
    """Evaluate an expression without any trace in the notebook; its value must be text."""
    message = client.execute("", silent=True, user_expressions={"it": expression})
    while (reply := client.get_shell_msg(timeout=60))["parent_header"].get("msg_id") != message:
        pass
    answer = reply["content"]["user_expressions"]["it"]
    if answer["status"] != "ok":
        raise RuntimeError(f"{answer['ename']}: {answer['evalue']}")
    # A notebook may set its own formats: text is shown by its repr in any case.
    return str(ast.literal_eval(answer["data"]["text/plain"]))


def _execute(client: BlockingKernelClient, source: str, timeout_s: float) -> CellRun:
    cell = CellRun()
    clock = time.perf_counter()
    message = client.execute(source, allow_stdin=False, stop_on_error=False)
    deadline = clock + timeout_s
    while True:
        try:
            event = client.get_iopub_msg(timeout=max(0.1, deadline - time.perf_counter()))
        except queue.Empty:
            raise TimeoutError(f"a cell took more than {timeout_s:.0f} s:\n{source}") from None
        if event["parent_header"].get("msg_id") != message:
            continue
        content = event["content"]
        if event["msg_type"] == "status" and content["execution_state"] == "idle":
            break
        _take(cell, event["msg_type"], content)
    cell.seconds = time.perf_counter() - clock
    while (reply := client.get_shell_msg(timeout=60))["parent_header"].get("msg_id") != message:
        pass
    cell.status = reply["content"]["status"]
    cell.notes = "".join(_NOTE.findall(cell.stderr))
    cell.stderr = _NOTE.sub("", cell.stderr)
    return cell


def _take(cell: CellRun, kind: str, content: Mapping[str, Any]) -> None:
    if kind == "stream" and content["name"] == "stderr":
        cell.stderr += content["text"]
    elif kind == "stream":
        if cell.events and cell.events[-1][0] == "stdout":
            cell.events[-1] = "stdout", cell.events[-1][1] + content["text"]
        else:
            cell.events.append(("stdout", content["text"]))
    elif kind == "error":
        lines = "\n".join(content["traceback"])
        cell.events.append(("error", [content["ename"], content["evalue"], lines]))
    elif kind in {"display_data", "update_display_data", "execute_result"}:
        shown = {"data": content["data"], "metadata": content["metadata"]}
        if kind == "execute_result":
            shown["count"] = content["execution_count"]
        cell.events.append((kind, shown))
    elif kind == "clear_output":
        cell.events.append((kind, content["wait"]))


def normalise(text: str) -> str:
    """Replace what must differ between any two runs."""
    text = _ANSI.sub("", text)
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def _plain(content: Any) -> Any:
    """Normalise all texts inside a content, but not images."""
    if isinstance(content, str):
        return normalise(content)
    if isinstance(content, dict):
        return {
            key: value if str(key).startswith("image/") else _plain(value)
            for key, value in content.items()
        }
    return [_plain(item) for item in content] if isinstance(content, list) else content


def find_difference(number: int, plain: CellRun, scaled: CellRun) -> Difference | None:
    """Return the first thing in which two runs of cell `number` differ, or None.

    The kind ``"image"`` says that nothing but an image's bytes differ.
    """
    if plain.status != scaled.status:
        detail = f"{plain.status} / {scaled.status} {scaled.stderr}{scaled.notes}"
        last = scaled.events[-1][1] if scaled.events else ""
        return Difference(number, "status", f"{detail} {last}")
    kinds = [kind for kind, _ in plain.events], [kind for kind, _ in scaled.events]
    only_image = None
    for (kind, one), (other_kind, other) in zip(plain.events, scaled.events, strict=False):
        if kind != other_kind:
            break
        left, right = _plain(one), _plain(other)
        if left == right:
            continue
        if isinstance(left, dict) and _without_images(left) == _without_images(right):
            only_image = only_image or Difference(number, "image", f"{kind}: bytes differ")
            continue
        return Difference(number, kind, _first_unlike(left, right))
    if kinds[0] != kinds[1]:
        return Difference(number, "outputs", f"{kinds[0]} / {kinds[1]}")
    left, right = normalise(plain.stderr), normalise(scaled.stderr)
    if left != right:
        return Difference(number, "stderr", _first_unlike(left, right))
    return only_image


def _without_images(content: Mapping[str, Any]) -> Any:
    data = {k: v for k, v in content.get("data", {}).items() if not k.startswith("image/")}
    return {**content, "data": data}


def _first_unlike(left: Any, right: Any) -> str:
    one, other = (x if isinstance(x, str) else json.dumps(x, indent=1) for x in (left, right))
    for a, b in zip(one.splitlines(), other.splitlines(), strict=False):
        if a != b:
            return f"{_around(a, b)!r} / {_around(b, a)!r}"
    return f"{len(one.splitlines())} / {len(other.splitlines())} lines"


def _around(text: str, other: str) -> str:
    """Cut a long line to where it departs from another."""
    at = next((n for n, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), 0)
    return text[max(0, at - 60) : at + 120]


@dataclass(slots=True)
class PairReport:
    """How the two runs of one notebook compare.

    ``unstable`` cells differ between two *plain* runs too, and prove nothing.
    """

    name: str
    plain: NotebookRun
    scaled: NotebookRun
    differences: list[Difference]
    unstable: list[int]
    state_differences: list[str]

    @property
    def cells(self) -> int:
        """How many cells were compared."""
        return len(self.plain.cells) - len(self.unstable)

    @property
    def on_cluster(self) -> int:
        """How many of all cells ran on the cluster."""
        return sum(cell.where == "cluster" for cell in self.scaled.cells)


def run_pair(
    name: str,
    cells: Sequence[str],
    origin: Path | None,
    work: Path,
    environment: Mapping[str, str],
    profile: str = "",
) -> PairReport:
    """Run a notebook both ways, in equal directories of the same name.

    Parameters
    ----------
    origin
        The directory whose files lie beside the notebook; None for an empty one.
    work
        An absolute path that is made anew for each run.
    profile
        As for `run_notebook`.
    """

    def run(*, scaled: bool) -> NotebookRun:
        shutil.rmtree(work, ignore_errors=True)
        if origin is None:
            work.mkdir(parents=True)
        else:
            shutil.copytree(origin, work)
        return run_notebook(cells, work, environment, scaled=scaled, profile=profile)

    plain, scaled = run(scaled=False), run(scaled=True)
    differences = _compare(plain, scaled)
    states = _unlike_names(plain, scaled)
    unstable: list[int] = []
    if differences or states:
        again = run(scaled=False)
        unstable = [difference.cell for difference in _compare(plain, again)]
        differences = [d for d in differences if d.cell not in unstable]
        varying = _unlike_names(plain, again)
        states = {name: how for name, how in states.items() if name not in varying}
    told = [f"{name}: {how}" for name, how in states.items()]
    return PairReport(name, plain, scaled, differences, unstable, told)


def _compare(one: NotebookRun, other: NotebookRun) -> list[Difference]:
    pairs = enumerate(zip(one.cells, other.cells, strict=True), 1)
    return [d for number, (a, b) in pairs if (d := find_difference(number, a, b)) is not None]


def _unlike_names(one: NotebookRun, other: NotebookRun) -> dict[str, str]:
    return {
        name: _first_unlike(_plain(a), _plain(b))
        for name in sorted({*one.state, *other.state})
        if _plain(a := one.state.get(name, "(unbound)"))
        != _plain(b := other.state.get(name, "(unbound)"))
    }
