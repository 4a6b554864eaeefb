"""Where items come from: taken ahead only where nobody can notice, and given back in order."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_scale.runner.host.loops.sources import Source, can_take_ahead
from jupyter_scale.runner.host.recorded import Written


def source(
    iterable: Iterable[Any], shown: list[Any] | None = None, *, shared: bool = False
) -> Source:
    shown = [] if shown is None else shown
    return Source(iterable, shown.extend, is_shared=shared)


@pytest.mark.parametrize(
    ("iterable", "expected"),
    [
        ([1], True),
        (range(3), True),
        ({"a": 1}.items(), True),
        (enumerate([1, 2]), True),
        (zip([1], (2,), strict=False), True),
        (enumerate(zip([1], [2], strict=False), 5), True),
        (itertools.product([1], [2]), True),
        (np.zeros(3), True),
        (pd.Series([1]), True),
        ((x for x in [1]), False),
        (enumerate(x for x in [1]), False),
        (map(int, ["1"]), True),
        (zip([1], iter(lambda: 1, 1), strict=False), False),
        (map(print, [1]), False),
    ],
)
def test_items_are_taken_ahead_only_where_nobody_can_notice(
    iterable: object, *, expected: bool
) -> None:
    assert can_take_ahead(iterable) is expected


def test_looking_at_an_iterator_does_not_consume_it() -> None:
    pairs = enumerate([7, 8])
    next(pairs)
    assert can_take_ahead(pairs)
    assert list(pairs) == [(1, 8)]


@given(st.lists(st.integers(), max_size=30), st.lists(st.integers(1, 7)), st.data())
def test_every_item_comes_once_and_in_order(
    items: list[int], sizes: list[int], data: st.DataObject
) -> None:
    some = source(items)
    seen: list[int] = []
    for size in sizes:
        taken = some.take(size)
        if data.draw(st.booleans()):
            some.put_back(taken)
        else:
            seen += taken.items
        assert some.taken == len(seen)
        assert some.left == len(items) - len(seen)
        assert some.has_more() is (len(seen) < len(items))
        everything = some.take(len(items) + 1)
        assert everything.items == items[len(seen) :]
        some.put_back(everything)
    assert seen + list(some.uncounted()) == items


def talking() -> Iterator[int]:
    print("a")  # noqa: T201
    yield 1
    yield 2
    print("b")  # noqa: T201
    yield 3
    print("c")  # noqa: T201
    raise ValueError("the end")


def test_what_making_an_item_writes_comes_right_before_it() -> None:
    shown: list[Any] = []
    some = source(talking(), shown)
    one = some.take(10)
    assert (one.items, one.prelude) == ([1, 2], [Written("stdout", "a"), Written("stdout", "\n")])
    two = some.take(10)
    assert (two.items, two.prelude) == ([3], [Written("stdout", "b"), Written("stdout", "\n")])
    some.put_back(two)
    assert not shown
    assert next(some) == 3
    assert shown == two.prelude
    assert some.has_more()
    with pytest.raises(ValueError, match="the end"):
        next(some)
    assert shown[2:] == [Written("stdout", "c"), Written("stdout", "\n")]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: iter(lambda: 1, 2), "items come from a callable_iterator"),
        (lambda: map(print, [1]), "items come from a map"),
    ],
)
def test_unknown_iterators_are_left_alone(make: Any, why: str) -> None:
    assert source(make()).why == why


def test_a_generator_that_others_can_reach_is_left_alone() -> None:
    assert source((x for x in [1]), shared=True).why
    assert not source(x for x in [1]).why


def test_rows_of_a_frame_are_taken_ahead() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": list("xy")})
    for rows in (frame.itertuples(), frame.iterrows(), enumerate(frame.iterrows()), frame.items()):
        assert source(rows).why == ""
    assert [tuple(row) for row in source(frame.itertuples()).take(5).items] == [
        (0, 1, "x"),
        (1, 2, "y"),
    ]


def test_items_of_an_object_are_known_to_be_its() -> None:
    d, xs = {"a": 1}, [1]
    assert source(d.items()).comes_from([d])
    assert source(enumerate(zip(xs, d.values(), strict=False))).comes_from([d])
    assert source(enumerate(xs)).comes_from([xs])
    assert not source(enumerate(xs)).comes_from([d])
    assert not source(range(len(xs))).comes_from([xs])


def test_a_progress_bar_counts_iterations_that_are_done() -> None:
    tqdm = pytest.importorskip("tqdm")
    with Path("/dev/null").open("w", encoding="utf-8") as nowhere:
        bar = tqdm.tqdm([1, 2, 3], file=nowhere)
        some = source(enumerate(bar, 5))
        assert some.take(3).items == [(5, 1), (6, 2), (7, 3)]
        assert bar.n == 0
        some.show(2)
        assert bar.n == 2
        some.close()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda xs: xs,
        enumerate,
        lambda xs: zip(xs, xs, strict=True),
        lambda xs: enumerate(zip(xs, xs, strict=True), 5),
        reversed,
        lambda xs: map(str, xs),
        deque,
        lambda xs: dict.fromkeys(xs).items(),
    ],
)
@pytest.mark.parametrize("ahead", [1, 4, 99])
def test_after_going_back_items_are_those_of_now(wrap: Any, ahead: int) -> None:
    xs, ys = list(range(8)), list(range(8))
    made, plain = source(wrap(xs)), iter(wrap(ys))
    assert list(made.some(2)) == [next(plain), next(plain)]
    made.settle()
    made.mark()
    used = made.take(1)
    assert used.items == [next(plain)]
    taken = made.take(ahead)
    made.put_back(taken)
    made.go_back()
    for values in xs, ys:
        values[5] = -1
    assert list(made) == list(plain)
    assert made.taken == 8


@pytest.mark.parametrize(
    "make", [list, tuple, range, iter, enumerate, set, lambda n: zip(n, n, strict=True)]
)
@pytest.mark.parametrize("asked", [1, 3, 5, 6, 9])
def test_items_in_place_are_counted(make: Any, asked: int) -> None:
    values = range(5) if make is range else make(range(5))
    made = source(values)
    many = min(asked, 5)
    assert len(list(made.some(asked))) == many
    made.settle()
    assert made.taken == many
    assert len(list(made.some(9))) == 5 - many
    made.settle()
    assert made.taken == 5


def test_items_that_were_not_asked_for_are_not_counted() -> None:
    for values in (range(9), list(range(9))):
        made = source(values)
        run = made.some(6)
        assert (next(run), next(run)) == (0, 1)
        made.settle()
        assert made.taken == 2


def test_results_of_a_pool_are_not_taken_ahead():
    with ThreadPoolExecutor(1) as executor:
        results = executor.map(abs, [1, 2])
        assert source(results).why == "items come from a pool"
        finished = as_completed([executor.submit(abs, 3)])
        assert source(enumerate(finished)).why == "items come from a pool"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: [1, 2, 3, 4], 3),
        (lambda: (1, 2, 3, 4), 3),
        (lambda: range(4), 3),
        (lambda: "abcd", 3),
        (lambda: {1: 1, 2: 2, 3: 3, 4: 4}, 3),
        (lambda: {1, 2, 3, 4}, 3),
        ({1: 1, 2: 2, 3: 3, 4: 4}.items, 3),
        (lambda: enumerate([1, 2, 3, 4]), 3),
        (lambda: zip([1, 2, 3, 4], "abcd", strict=False), 3),
        (lambda: zip([1, 2, 3, 4], range(100), strict=False), None),
        (lambda: reversed([1, 2, 3, 4]), 3),
    ],
)
def test_how_far_it_is_where_nobody_counts(make: Callable[[], Any], expected: int | None) -> None:
    some = source(make())
    items = some.uncounted()
    assert some.reached() in (0, None)
    for _ in range(3):
        next(items)
    assert some.reached() == expected


def test_how_far_it_is_in_a_list_that_grows() -> None:
    items = [1, 2, 3]
    some = source(items)
    rest = some.uncounted()
    next(rest)
    items += [0, 0]
    next(rest)
    assert some.reached() == 2


def test_how_far_it_is_after_it_went_back() -> None:
    some = source([1, 2, 3, 4, 5, 6])
    some.mark()
    some.put_back(some.take(6))
    some.go_back()
    rest = some.uncounted()
    assert [next(rest), next(rest)] == [1, 2]
    assert some.reached() == 2
    assert [*rest] == [3, 4, 5, 6]


def test_how_far_it_is_where_items_are_counted() -> None:
    some = source([1, 2, 3, 4])
    assert [next(some.some(3)), next(some)] == [1, 2]
    assert some.reached() == 2
