"""Runs random notebooks plainly and with ``%%scale``, and compares all that is seen of each cell.

``python tests/equivalence/random_programs.py --examples 5000`` says how many programs agreed, and
prints the smallest that did not. The tests run a few hundred.
"""

import argparse
import ast
import json
import os
import re
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from equivalence.generator import PRELUDE, PROGRAM
from notebook import Notebook

PORTRAIT = Path(__file__).parents[1] / "portrait.py"
_PREPARE = f"""
def _prepare(ip):
    import json, runpy, sys, types
    portrait = runpy.run_path({str(PORTRAIT)!r})["portrait"]
    reference = dict(ip.user_ns)
    tools = types.ModuleType("_tools")
    own = ("In", "Out", "get_ipython", "exit", "quit", "open")
    def look():
        names = [n for n in ip.user_ns if n[0] != "_" and n not in own]
        return json.dumps(portrait(ip.user_ns, names, live=ip.user_ns))
    def reset():
        import numpy, random, warnings
        for name in [n for n in ip.user_ns if n not in reference]:
            del ip.user_ns[name]
        ip.user_ns["Out"].clear()
        ip.user_ns.update({{"_": "", "__": "", "___": ""}})
        ip.displayhook._ = ip.displayhook.__ = ip.displayhook.___ = ""
        random.seed(0); numpy.random.seed(0)
        warnings.resetwarnings()
    tools.look, tools.reset = look, reset
    sys.modules["_tools"] = tools
_prepare(get_ipython()); del _prepare
"""
_LOOK = "__import__('_tools').look()"
_VARYING = [
    (re.compile(r"/ipykernel_\d+/\d+"), "/ipykernel_N"),
    (re.compile(r"0x[0-9a-f]+"), "0x"),
]


class Pair:
    """A kernel in which cells run plainly, and one in which they run on the cluster."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.notes = []
        for name in ("plain", "scaled"):
            (self.directory / name).mkdir(parents=True)
        self.plain = Notebook(self.directory / "plain")
        self.scaled = Notebook(self.directory / "scaled")
        self.plain.run("pass")  # cells are counted
        self.scaled.run("%load_ext jupyter_scale\n%scale quiet\n%scale up --workers 1")
        for notebook in (self.plain, self.scaled):
            outputs = notebook.run(_PREPARE)
            assert outputs.status == "ok", outputs.traceback
            notebook.run(PRELUDE)  # everything is imported from now on

    def close(self):
        for notebook in (self.plain, self.scaled):
            notebook.close()

    def check(self, cells, *, prelude_is_there):
        """Run a program on both sides; an AssertionError tells the first difference."""
        self._align()
        for number, (source, is_there) in enumerate([(PRELUDE, prelude_is_there), *cells]):
            wanted = self._see(self.plain, source)
            notes = len(self.notes)
            got = self._see(self.scaled, f"%%scale\n{source}" if is_there else source)
            if any("stays on the cluster" in note for note in self.notes[notes:]):
                return  # a difference that is said: what follows may be about it
            cell = "the prelude" if number == 0 else source
            where = f"cell {number}{' (%%scale)' if is_there else ''}:\n{cell}\n"
            for key in {**wanted, **got}:
                one, other = wanted.get(key), got.get(key)
                assert one == other, f"{where}differs in {key}:\n  {one}\n  {other}"

    def _align(self):
        """Empty both notebooks; a program that differed may have left one of them behind."""
        counts = []
        for notebook in (self.plain, self.scaled):
            outputs = notebook.run("__import__('_tools').reset()")
            assert outputs.status == "ok", outputs.traceback
            counts.append(outputs.execution_count)
        for notebook, count in zip((self.plain, self.scaled), counts, strict=True):
            for _ in range(max(counts) - count):
                notebook.run("pass")

    def _see(self, notebook, source):
        run = notebook.start(source, user_expressions={"look": _LOOK})
        outputs = run.finish()
        look = run.expressions.get("look")
        if look is None:
            probe = notebook.start("", user_expressions={"look": _LOOK})
            probe.finish()
            look = probe.expressions["look"]
        assert look["status"] == "ok", look
        stderr = _clean(outputs.stderr).splitlines(keepends=True)
        self.notes += [line for line in stderr if line.startswith("%%scale:")]
        shown = [output for output in _clean(outputs.outputs) if output[0] != "stderr"]
        return {
            "status": outputs.status,
            "shown": _join(shown),
            "stderr": "".join(line for line in stderr if not line.startswith("%%scale:")),
            **_clean(json.loads(ast.literal_eval(look["data"]["text/plain"]))),
        }


def _clean(value):
    if isinstance(value, str):
        for pattern, replacement in _VARYING:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, (list, tuple)) else value


def _join(outputs):
    """Join texts that only something on the other stream parted."""
    joined = []
    for output in outputs:
        if output[0] == "stdout" and joined and joined[-1][0] == "stdout":
            joined[-1] = ["stdout", joined[-1][1] + output[1]]
        else:
            joined.append(output)
    return joined


def try_programs(pair, examples, *, number=None, database=None):
    """Try so many programs; raise for the smallest that differs."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=database,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.reuse, Phase.generate, Phase.shrink],
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(program=PROGRAM)
    def run(program):
        tried.append(len(program))
        try:
            pair.check(program, prelude_is_there=len(program) % 2 == 0)
        except AssertionError as error:
            if not failed:  # what it shrinks to may differ for another reason
                print(f"program {len(tried)}: {program}\n{error}", file=sys.stderr)  # noqa: T201
            failed.append(program)
            raise

    tried, failed = [], []
    (run if number is None else seed(number)(run))()
    return len(tried)


def _main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=5000, metavar="N")
    parser.add_argument("--seed", type=int, default=None, metavar="N")
    parser.add_argument("--cache", metavar="DIRECTORY", help="remember what differed, try it first")
    arguments = parser.parse_args()
    database = DirectoryBasedExampleDatabase(arguments.cache) if arguments.cache else None
    with tempfile.TemporaryDirectory() as directory:
        pair = Pair(directory)
        try:
            tried = try_programs(pair, arguments.examples, number=arguments.seed, database=database)
        finally:
            pair.close()
    here = sum("ran here" in note for note in pair.notes)
    stayed = sum("stays on the cluster" in note for note in pair.notes)
    print(  # noqa: T201
        f"{tried} programs, no difference; noted: {here} cells ran here, {stayed} values stayed"
    )


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _main()
