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

#: Known differences: program → why. A note before the cell runs here is no difference.
KNOWN = {}
#: Which cells are put on the cluster; the others are plain.
MODES = {"whole": (0, 1), "first": (0,), "second": (1,)}

_SETUP = "import os; os.chdir({!r})"
_RESET = """
import os, random, sys, warnings
os.chdir({work!r})
random.seed(0)
warnings.resetwarnings()
if "numpy" in sys.modules:
    sys.modules["numpy"].random.seed(0)
if "matplotlib.pyplot" in sys.modules:
    sys.modules["matplotlib.pyplot"].close("all")
    sys.modules["matplotlib"].rcdefaults()
get_ipython().run_line_magic("reset", "-f")
"""
_PROBE = """
print(__import__("json").dumps(__import__("runpy").run_path({portrait!r})["portrait"](
    {{n: v for n, v in get_ipython().user_ns.items() if n not in ("In", "get_ipython", "exit", "quit", "open")}},
    live=get_ipython().user_ns)))
"""
_VARYING = [
    (re.compile(r"/ipykernel_\d+/"), "/ipykernel_N/"),
    (re.compile(r"0x[0-9a-f]+"), "0x"),
    (re.compile(r"(CPU times|Wall time): .*"), r"\1"),
    (re.compile(r"sk-container-id-\d+"), "sk-container-id"),
]


class Pair:
    """One kernel that runs cells plain, and one that runs them on the cluster."""

    def __init__(self, directory):
        self.plain = Notebook(self._sub(directory, "plain"))
        self.scaled = Notebook(self._sub(directory, "scaled"))
        self.work = self._sub(directory, "work")
        self.plain.run("pass")
        self.scaled.run("%load_ext jupyter_scale\n%scale quiet")
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


def seen(outputs, place):
    """Return what a user sees of a cell, without what differs from run to run; notes apart."""

    def clean(value):
        if isinstance(value, str):
            for pattern, replacement in _VARYING:
                value = pattern.sub(replacement, value)
            return value.replace(place, "WORK")
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [clean(item) for item in value]
        return value

    stderr = clean(outputs.stderr).splitlines(keepends=True)
    notes = [line for line in stderr if line.startswith("%%scale:")]
    rest = "".join(line for line in stderr if not line.startswith("%%scale:"))
    # Neither kernel keeps the order between its two streams.
    shown = []
    for output in clean(outputs.outputs):
        if output[0] == "stdout" and shown and shown[-1][0] == "stdout":
            shown[-1][1] += output[1]
        elif output[0] != "stderr":
            shown.append(output)
    return {
        "shown": shown,
        "stderr": rest,
        "status": outputs.status,
        "count": outputs.execution_count,
        "payload": clean(outputs.payload),
    }, notes


def compare(cells, wanted, got):
    """Name the first cell that differs, and in what."""
    for cell, one, other in zip(cells, wanted, got, strict=False):
        assert other == one, cell
    assert got == wanted


def cases():
    for name in PROGRAMS:
        for mode in MODES:
            why = KNOWN.get(name) or KNOWN.get((name, mode))
            marks = [pytest.mark.xfail(reason=why, strict=True)] if why else []
            yield pytest.param(name, mode, marks=marks, id=f"{name} [{mode}]")


@pytest.mark.parametrize(("name", "mode"), cases())
def test_same(pair, name, mode):
    pair.begin()
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
    probe = _PROBE.format(portrait=str(PORTRAIT))
    portraits = [json.loads(outputs.stdout.splitlines()[-1]) for outputs in pair.both(probe)]
    compare(PROGRAMS[name], wanted, got)
    compare(sorted(portraits[0].items()), *(sorted(p.items()) for p in portraits))
    if not name.startswith("here:"):
        assert [note for note in notes if "ran here" in note or "stays" in note] == []
