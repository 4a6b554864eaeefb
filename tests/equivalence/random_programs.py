"""Runs random notebooks plainly and with ``%%scale``, and compares all that is seen of each cell.

``python tests/equivalence/random_programs.py --examples 5000`` says how many programs agreed, and
prints the smallest that did not. With ``--loops`` the programs loop, and it says what became of
their loops. The tests run a few hundred of each.
"""

import argparse
import ast
import collections
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.strategies import SearchStrategy

from equivalence import generator, loop_generator
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
        import hashlib, numpy, random
        names = [n for n in ip.user_ns if n[0] != "_" and n not in own]
        states = repr((random.getstate(), numpy.random.get_state())).encode()
        seen = portrait(ip.user_ns, names, live=ip.user_ns)
        return json.dumps({{**seen, "(generators)": hashlib.md5(states).hexdigest()}})
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
_LOOPS = (
    "(lambda run: __import__('json').dumps([dict(loop) for loop in run.loops] if run else []))"
    "(getattr(__import__('sys').modules.get('jupyter_scale'), 'last_run', None))"
)
_VARYING = [
    (re.compile(r"/ipykernel_\d+/\d+"), "/ipykernel_N"),
    (re.compile(r"0x[0-9a-f]+"), "0x"),
]


class Kind(NamedTuple):
    """A kind of programs: what runs first, what is drawn, and how many workers it takes."""

    prelude: str
    programs: SearchStrategy
    workers: int


#: These words are others in each program: a verdict on a loop is remembered for its code.
_OWN = re.compile(r"\b(slow|run)__(?!\w)")
STATEMENTS = Kind(generator.PRELUDE, generator.PROGRAM, 1)
#: A cell's first line may say how it is put on the cluster.
_OPTIONS = re.compile(r"# scale (--.*)")
LOOPS = Kind(loop_generator.PRELUDE, loop_generator.LOOP_PROGRAM, 2)


class Pair:
    """A kernel in which cells run plainly, and one in which they run on the cluster."""

    def __init__(self, directory, kind=STATEMENTS):
        self.directory, self.kind = Path(directory), kind
        self.notes = []
        #: One report for each loop that `last_run` told of.
        self.loops = []
        self.number = 0
        for name in ("plain", "scaled"):
            (self.directory / name).mkdir(parents=True)
        self.plain = Notebook(self.directory / "plain")
        self.scaled = Notebook(self.directory / "scaled")
        self.plain.run("pass")  # cells are counted
        up = f"%scale up --workers {kind.workers}"
        self.scaled.run(f"%load_ext jupyter_scale\n%scale quiet\n{up}")
        for notebook in (self.plain, self.scaled):
            outputs = notebook.run(_PREPARE)
            assert outputs.status == "ok", outputs.traceback
            notebook.run(kind.prelude)  # everything is imported from now on

    def close(self):
        for notebook in (self.plain, self.scaled):
            notebook.close()

    def check(self, cells, *, prelude_is_there):
        """Run a program on both sides; an AssertionError tells the first difference."""
        self.number += 1
        self._align()
        for number, (text, is_there) in enumerate([(self.kind.prelude, prelude_is_there), *cells]):
            source = _OWN.sub(rf"\1_{self.number}", text)
            notes = len(self.notes)
            wanted, got, loops = self._see(source, is_there=is_there)
            self.loops += loops if number else []
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

    def _see(self, source, *, is_there):
        """Return what is seen of a cell, plainly and with ``%%scale``, and its loops' reports."""
        expressions = {"look": _LOOK, "loops": _LOOPS}
        plain = self.plain.start(source, user_expressions=expressions)
        options = _OPTIONS.match(source)
        line = f"%%scale {options[1] if options else ''}\n" if is_there else ""
        scaled = self.scaled.start(line + source, user_expressions=expressions)
        wanted, got = self._seen(self.plain, plain), self._seen(self.scaled, scaled)
        loops = _value(_expressions(self.scaled, scaled)["loops"])
        return wanted, got, loops if is_there else []

    def _seen(self, notebook, run):
        outputs = run.finish()
        look = _expressions(notebook, run)["look"]
        stderr = _clean(outputs.stderr).splitlines(keepends=True)
        self.notes += [line for line in stderr if line.startswith("%%scale:")]
        shown = [output for output in _clean(outputs.outputs) if output[0] != "stderr"]
        return {
            "status": outputs.status,
            "shown": _join(shown),
            "stderr": "".join(line for line in stderr if not line.startswith("%%scale:")),
            **_clean(_value(look)),
        }


def _expressions(notebook, run):
    """Return what became of a run's expressions; a cell that failed has not evaluated them."""
    if not run.expressions:
        probe = notebook.start("", user_expressions={"look": _LOOK, "loops": _LOOPS})
        probe.finish()
        run.expressions = probe.expressions
    return run.expressions


def _value(expression):
    assert expression["status"] == "ok", expression
    return json.loads(ast.literal_eval(expression["data"]["text/plain"]))


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
    @given(program=pair.kind.programs)
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


def what_became(loops):
    """Return, for people, how many loops spread and why the others did not."""
    spread = sum(loop["spread"] > 0 for loop in loops)
    whys = collections.Counter(re.sub(r"line \d+|'.*?'", "_", loop["why"]) for loop in loops)
    del whys[""]
    lines = [f"{len(loops)} loops were considered, {spread} spread; the others:"]
    return "\n".join(lines + [f"{count:6} {why}" for why, count in whys.most_common()])


def _main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].replace("%", "%%"))
    parser.add_argument("--examples", type=int, default=5000, metavar="N")
    parser.add_argument("--seed", type=int, default=None, metavar="N")
    parser.add_argument("--loops", action="store_true", help="programs that loop")
    parser.add_argument("--cache", metavar="DIRECTORY", help="remember what differed, try it first")
    arguments = parser.parse_args()
    database = DirectoryBasedExampleDatabase(arguments.cache) if arguments.cache else None
    with tempfile.TemporaryDirectory() as directory:
        pair = Pair(directory, LOOPS if arguments.loops else STATEMENTS)
        try:
            tried = try_programs(pair, arguments.examples, number=arguments.seed, database=database)
        finally:
            pair.close()
            if arguments.loops:
                print(what_became(pair.loops))  # noqa: T201
    here = sum("ran here" in note for note in pair.notes)
    stayed = sum("stays on the cluster" in note for note in pair.notes)
    print(  # noqa: T201
        f"{tried} programs, no difference; noted: {here} cells ran here, {stayed} values stayed"
    )


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _main()
