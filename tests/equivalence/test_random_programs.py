"""Two hundred random notebooks are the same with and without ``%%scale``, after every cell."""

import pytest

from equivalence.random_programs import Pair, try_programs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    pair = Pair(tmp_path_factory.mktemp("random"))
    yield pair
    pair.close()


def test_random_programs(pair):
    # Always the same ones: chance has its place in the script.
    assert try_programs(pair, 200, number=2026) >= 200
