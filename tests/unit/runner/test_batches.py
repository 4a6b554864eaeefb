"""How loops are cut: tasks that take about as long as aimed at, and shrink towards the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_scale.runner.host.loops import batches


@given(
    iterations=st.integers(0, 3000),
    seconds=st.floats(1e-7, 10),
    workers=st.integers(1, 64),
)
def test_sizes_cover_every_iteration_once_and_never_grow(
    iterations: int, seconds: float, workers: int
) -> None:
    left, sizes = iterations, []
    while left > 0:
        sizes.append(batches.next_size(left, seconds, workers))
        left -= sizes[-1]
    assert sum(sizes) == iterations
    assert all(size >= 1 for size in sizes)
    assert sizes == sorted(sizes, reverse=True)


@given(left=st.none() | st.integers(1, 3000), seconds=st.floats(1e-7, 0.2))
def test_no_task_takes_much_longer_than_aimed_at(left: int | None, seconds: float) -> None:
    assert batches.next_size(left, seconds, 2) * seconds <= batches.TASK_S * 1.5


def test_long_iterations_travel_alone() -> None:
    assert batches.next_size(5, 3.0, 2) == 1


@pytest.mark.parametrize(
    ("left", "each", "so_far", "expected"),
    [
        (40, 0.1, 0.1, True),
        (1, 10.0, 10.0, False),  # nothing to share
        (20_000, 1e-6, 0.005, False),  # 20 ms in all
        (20_000, 1e-5, 0.005, True),
        (None, 0.01, 0.01, False),
        (None, 0.01, 0.06, True),
        (10**8, 3e-6, 0.005, False),  # giving them away costs as much as is saved
        (None, 3e-6, 10.0, False),
    ],
)
def test_spreading_is_decided_by_the_time_that_is_left(
    left: int | None, each: float, so_far: float, *, expected: bool
) -> None:
    assert batches.is_worth_spreading(left, each, so_far, cost_each=2e-6) is expected


@given(st.integers(1, 10_000), st.floats(1e-10, 1.0))
def test_the_next_probe_takes_no_longer_than_a_probe_may(size: int, each: float) -> None:
    following = batches.next_probe(size, each)
    assert 1 <= following <= 2 * size
    assert following == 1 or following * each <= batches.PROBE_S
