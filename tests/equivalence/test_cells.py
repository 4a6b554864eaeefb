"""A cell on the cluster leaves exactly what the plain cell leaves."""

import json
import re
import runpy
from pathlib import Path

import pytest

from notebook import Notebook

HERE = Path(__file__).parent
PORTRAIT = HERE.parent / "portrait.py"
PROGRAMS = runpy.run_path(str(HERE / "programs.py"))["PROGRAMS"]
ANSWERS = {"here: input": ["Ada"]}

#: Programs that run in the notebook itself, and a note says so.
HERE_TOO = {"ambient: load_ext of another", "display: a formatter of the notebook"}
#: Known differences: program → why, in every mode or in one.
KNOWN = {
    "output: a child writes": "order between what children and Python write is not kept",
    "here: a thread that runs": "a thread stays where it was started",
    "ambient: question mark": "the pager's text does not come home",
}
#: Programs that show what they show only where nothing has run before.
NEEDS_NEW_CLUSTER = {"history: assigned underscore"}
#: Which cells are put on the cluster; the others are plain.
MODES = {"whole": (0, 1), "by turns": (0,)}
#: Topics whose programs also run by turns: a cell there, the next one here.
BY_TURNS = (
    "names",
    "functions",
    "classes",
    "mutation",
    "numpy",
    "pandas",
    "history",
    "ambient",
    "output",
    "display",
)

_RESET = """
import logging, os, random, sys, warnings
os.chdir({work!r})
random.seed(0)
warnings.resetwarnings()
sys.path_importer_cache.clear()
sys.setrecursionlimit(3000)
logging.root.handlers.clear(); logging.root.setLevel(logging.WARNING)
if "numpy" in sys.modules:
    sys.modules["numpy"].random.seed(0); sys.modules["numpy"].set_printoptions(precision=8)
if "pandas" in sys.modules:
    sys.modules["pandas"].reset_option("display.max_rows")
if "matplotlib.pyplot" in sys.modules:
    sys.modules["matplotlib.pyplot"].close("all"); sys.modules["matplotlib"].rcdefaults()
def reset(ip):
    for name in [n for n in ip.user_ns if n not in ip.user_ns_hidden and n != "reset"]:
        del ip.user_ns[name]
    ip.user_ns["Out"].clear()
    ip.user_ns.update({{"_": "", "__": "", "___": ""}})
    ip.displayhook._ = ip.displayhook.__ = ip.displayhook.___ = ""
    ip.compile.reset_compiler_flags()
reset(get_ipython()); del reset
"""
_OWN = ("In", "get_ipython", "exit", "quit", "open")
_PROBE = """
print(__import__("json").dumps(__import__("runpy").run_path({portrait!r})["portrait"](
    {{n: v for n, v in get_ipython().user_ns.items()
      if n not in ("In", "get_ipython", "exit", "quit", "open")}},
    live=get_ipython().user_ns)))
"""
_VARYING = [
    (re.compile(r"/ipykernel_\d+/"), "/ipykernel_N/"),
    (re.compile(r"0x[0-9a-f]+"), "0x"),
    (re.compile(r"(CPU times|Wall time): .*"), r"\1"),
    (re.compile(r"(sk-\w+-id)-\d+"), r"\1"),  # counted in each process
    (re.compile(r"stopped \d+"), "stopped"),  # a thread's number
]


class Pair:
    """One kernel that runs cells plain, and one that runs them on the cluster."""

    def __init__(self, directory):
        self.plain = Notebook(self._sub(directory, "plain"))
        self.scaled = Notebook(self._sub(directory, "scaled"))
        self.work = self._sub(directory, "work")
        self.plain.run("pass")
        # Workers are waited for: a loop must be able to spread.
        self.scaled.run("%load_ext jupyter_scale\n%scale quiet\n%scale up --workers 2")
        self.both("import matplotlib_inline.backend_inline")
        self.counter = 0

    @staticmethod
    def _sub(directory, name):
        path = directory / name
        path.mkdir()
        return path

    def both(self, source):
        return self.plain.run(source), self.scaled.run(source)

    def begin(self):
        """Make both kernels new, as far as a notebook can see."""
        self.counter += 1
        work = self._sub(self.work, str(self.counter))
        for notebook in (self.plain, self.scaled):
            own = self._sub(work, "p" if notebook is self.plain else "s")
            outputs = notebook.run(_RESET.format(work=str(own)))
            assert outputs.status == "ok", outputs.traceback
        self.places = [str(work / "p"), str(work / "s")]

    def renew_cluster(self):
        """Give the next program new processes; the plain kernel's cells are counted too."""
        self.plain.run("pass")
        self.scaled.run("%scale down\n%scale up --workers 2")

    def close(self):
        try:
            self.plain.close()
        finally:
            self.scaled.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    pair = Pair(tmp_path_factory.mktemp("pair"))
    yield pair
    pair.close()


def clean(value, place):
    """Return text, or all text in a value, without what differs from run to run."""
    if isinstance(value, str):
        for pattern, replacement in _VARYING:
            value = pattern.sub(replacement, value)
        return value.replace(place, "WORK")
    if isinstance(value, dict):
        return {key: clean(item, place) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item, place) for item in value]
    return value


def seen(outputs, place):
    """Return what a user sees of a cell; notes apart."""
    stderr = clean(outputs.stderr, place).splitlines(keepends=True)
    notes = [line for line in stderr if line.startswith("%%scale:")]
    rest = "".join(line for line in stderr if not line.startswith("%%scale:"))
    # Neither kernel keeps the order between its two streams.
    shown = []
    for output in clean(outputs.outputs, place):
        if output[0] == "stdout" and shown and shown[-1][0] == "stdout":
            shown[-1][1] += output[1]
        elif output[0] != "stderr":
            shown.append(output)
    return {
        "shown": shown,
        "stderr": rest,
        "status": outputs.status,
        "count": outputs.execution_count,
        "payload": clean(outputs.payload, place),
    }, notes


def compare(cells, wanted, got):
    """Name the first cell that differs, and in what."""
    for cell, one, other in zip(cells, wanted, got, strict=False):
        assert other == one, cell
    assert got == wanted


def cases():
    for name in PROGRAMS:
        for mode in MODES:
            if mode != "whole" and not name.startswith(BY_TURNS):
                continue
            why = KNOWN.get(name) or KNOWN.get((name, mode))
            marks = [pytest.mark.xfail(reason=why, strict=True)] if why else []
            yield pytest.param(name, mode, marks=marks, id=f"{name} [{mode}]")


@pytest.mark.parametrize(("name", "mode"), cases())
def test_same(pair, name, mode):
    pair.begin()
    if name in NEEDS_NEW_CLUSTER:
        pair.renew_cluster()
    wanted, got, notes = [], [], []
    for number, cell in enumerate(PROGRAMS[name]):
        answers = ANSWERS.get(name, ()) if "input(" in cell else ()
        is_plain = cell.startswith("# plain") or number % 2 not in MODES[mode]
        plain = pair.plain.run(cell, answers)
        scaled = pair.scaled.run(cell if is_plain else f"%%scale\n{cell}", answers)
        wanted.append(seen(plain, pair.places[0])[0])
        shown, more = seen(scaled, pair.places[1])
        got.append(shown)
        notes += more
    probe = _PROBE.format(portrait=str(PORTRAIT), own=_OWN)
    portraits = [
        clean(json.loads(outputs.stdout.splitlines()[-1]), place)
        for outputs, place in zip(pair.both(probe), pair.places, strict=True)
    ]
    compare(PROGRAMS[name], wanted, got)
    compare(sorted(portraits[0].items()), *(sorted(p.items()) for p in portraits))
    if not name.startswith("here:") and name not in HERE_TOO:
        assert [note for note in notes if "ran here" in note or "stays" in note] == []
