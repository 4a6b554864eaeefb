"""Two sides of a journey, the other one in a process of its own."""

import pytest

pytest.register_assert_rewrite("replicas")

from replicas import Two  # noqa: E402


@pytest.fixture(scope="module")
def bench():
    two = Two()
    yield two
    two.close()


@pytest.fixture
def two(bench):
    bench.begin()
    return bench
