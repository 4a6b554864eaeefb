"""A loop on the workers leaves what the plain loop leaves, and spreads where it should."""

import re

import pytest

from equivalence.loops import CASES
from equivalence.random_programs import LOOPS, Pair

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    pair = Pair(tmp_path_factory.mktemp("loops"), LOOPS)
    yield pair
    pair.close()


@pytest.fixture(scope="module")
def became():
    """Return what each case's loops became."""
    return {}


def require(pair, *options):
    """Skip where ``%%scale`` does not know an option yet."""
    known = pair.scaled.run("%%scale --help\npass").stdout if options else ""
    for option in options:
        if option not in known:
            pytest.skip(f"%%scale has no {option} yet")


@pytest.mark.parametrize("name", CASES)
def test_same(pair, became, name):
    case = CASES[name]
    require(pair, *re.findall(r"^# scale (--\S+)", "\n".join(case.cells), re.MULTILINE))
    before = len(pair.loops)
    pair.check(
        [(cell, not cell.startswith("# plain")) for cell in case.cells], prelude_is_there=False
    )
    became[name] = reports = pair.loops[before:]
    does_spread = any(report["spread"] for report in reports)
    if not case.is_later:
        why = [(report["spread"], report["why"]) for report in reports]
        assert case.wanted in ("either", "spreads" if does_spread else "in order"), why


def test_what_spreads_now_is_said_to(became):
    later = {name: reports for name, reports in became.items() if CASES[name].is_later}
    now = [name for name, reports in later.items() if any(report["spread"] for report in reports)]
    assert now == [], "take away 'not yet'"


def test_seeded_for_each_iteration(pair):
    require(pair, "--seed-each")
    pair.scaled.run("import random, time, numpy as np\ndef slow_0(k): time.sleep(0.01); return 0")
    drawn = []
    for options in ("--seed-each", "--seed-each", "--seed-each --serial"):
        outputs = pair.scaled.run(
            f"%%scale {options}\nrandom.seed(5); np.random.seed(5)\n"
            "r = [random.random() + np.random.rand() + slow_0(k) for k in range(12)]"
        )
        assert outputs.status == "ok", outputs.traceback
        drawn.append(pair.scaled.value("r"))
        loops = "__import__('jupyter_scale').last_run.loops"
        spread = pair.scaled.value(f"sum(loop['spread'] for loop in {loops})")
        assert (int(spread) > 0) == ("--serial" not in options)
    assert drawn == drawn[:1] * 3
    assert pair.scaled.value("len(set(r))") == "12"
