"""How loops are cut: every iteration once, tasks that shrink, and lists only where that is safe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_scale.runner.host import batches


@given(
    iterations=st.integers(0, 3000),
    seconds=st.floats(1e-7, 10),
    workers=st.integers(1, 64),
)
def test_sizes_cover_every_iteration_once_and_never_grow(
    iterations: int, seconds: float, workers: int
) -> None:
    sizes = batches.sizes(iterations, seconds, workers)
    assert sum(sizes) == iterations
    assert all(size >= 1 for size in sizes)
    assert sizes == sorted(sizes, reverse=True)


@given(iterations=st.integers(1, 3000), seconds=st.floats(1e-7, 0.2))
def test_no_task_takes_much_longer_than_aimed_at(iterations: int, seconds: float) -> None:
    assert max(batches.sizes(iterations, seconds, 2)) * seconds <= batches.TASK_S * 1.0001


def test_long_iterations_travel_alone() -> None:
    assert batches.sizes(5, 3.0, 2) == [1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("iterations", "seconds", "expected"),
    [
        (40, 0.1, True),
        (1, 10.0, False),  # nothing to share
        (20_000, 1e-6, False),  # 20 ms in all
        (20_000, 1e-5, True),
    ],
)
def test_spreading_is_decided_by_the_time_that_is_left(
    iterations: int, seconds: float, *, expected: bool
) -> None:
    assert batches.is_worth_spreading(iterations, seconds) is expected


@given(st.integers(0, 500))
def test_probes_cover_a_loop_that_is_never_measured(iterations: int) -> None:
    assert sum(batches.probe_sizes(iterations)) == iterations


@pytest.mark.parametrize(
    ("iterable", "expected"),
    [
        ([1], True),
        (range(3), True),
        ({"a": 1}.items(), True),
        (enumerate([1, 2]), True),
        (zip([1], (2,), strict=False), True),
        (enumerate(zip([1], [2], strict=False), 5), True),
        ((x for x in [1]), False),
        (enumerate(x for x in [1]), False),
        (zip([1], iter(lambda: 1, 1), strict=False), False),
        (map(str, [1]), False),
    ],
)
def test_items_are_taken_first_only_where_nobody_can_notice(
    iterable: object, *, expected: bool
) -> None:
    assert batches.can_list(iterable) is expected


def test_looking_at_an_iterator_does_not_consume_it() -> None:
    pairs = enumerate([7, 8])
    next(pairs)
    assert batches.can_list(pairs)
    assert list(pairs) == [(1, 8)]
