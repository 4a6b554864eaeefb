"""A loop on the workers leaves what the plain loop leaves, and spreads where it should."""

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


@pytest.mark.parametrize("name", CASES)
def test_same(pair, became, name):
    case = CASES[name]
    before = len(pair.loops)
    pair.check(
        [(cell, not cell.startswith("# plain")) for cell in case.cells], prelude_is_there=False
    )
    became[name] = reports = pair.loops[before:]
    does_spread = any(report["spread"] for report in reports)
    if not case.is_later:
        assert case.wanted in ("either", "spreads" if does_spread else "in order"), reports


def test_what_spreads_now_is_said_to(became):
    later = {name: reports for name, reports in became.items() if CASES[name].is_later}
    now = [name for name, reports in later.items() if any(report["spread"] for report in reports)]
    assert now == [], "take away 'not yet'"
