"""Random notebooks are the same with and without ``%%scale``, after every cell."""

import pytest

from equivalence.random_programs import LOOPS, STATEMENTS, Pair, try_programs, what_became

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: So many of the loops have to spread, or the programs show nothing.
SPREAD_AT_LEAST = 6


@pytest.fixture
def pair(tmp_path, request):
    pair = Pair(tmp_path, request.param)
    yield pair
    pair.close()


# Always the same ones: chance has its place in the script.


@pytest.mark.parametrize("pair", [STATEMENTS], indirect=True, ids=["statements"])
def test_random_programs(pair):
    assert try_programs(pair, 200, number=2026) >= 200


@pytest.mark.parametrize("pair", [LOOPS], indirect=True, ids=["loops"])
def test_random_loops(pair):
    assert try_programs(pair, 60, number=2026) >= 60
    spread = sum(loop["spread"] > 0 for loop in pair.loops)
    assert spread >= SPREAD_AT_LEAST, what_became(pair.loops)
