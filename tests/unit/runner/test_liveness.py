"""When a connection counts as dead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_scale.runner.liveness import Liveness

MOST = 3


def looks(*rows):
    liveness = Liveness(MOST)
    return [liveness.look(*row) for row in rows]


@pytest.mark.parametrize(
    ("rows", "last"),
    [
        ([(0,), (0,), (0,)], False),  # never heard
        ([(9,), (9,), (9,)], True),
        ([(9,), (9,), (9,), (9,)], False),  # heard once, and then no more
        ([(1, 5), (2, 5), (3, 5)], False),  # heard, and does not hear
        ([(1, 5), (2, 9, 1), (3, 9, 2), (4, 9, 3), (5, 9, 3), (6, 9, 3)], True),  # slowly
        ([(1, 5, 5), (2, 5, 5), (3, 5, 5), (4, 5, 5), (5, 5, 5)], True),  # nothing to hear
        ([(1, 5, 5), (2, 5, 5), (3, 9, 5), (4, 9, 5)], True),  # just sent
    ],
)
def test_it_is_dead_after_so_many_looks_in_vain(rows, last):
    *before, now = looks(*rows)
    assert now is last
    assert all(before)


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 99), st.integers(0, 99)), max_size=30))
def test_it_lives_while_something_moves_both_ways(steps):
    liveness = Liveness(MOST)
    received = sent = arrived = 0
    for more_received, more_sent, more_arrived in steps:
        received, sent = received + more_received, sent + more_sent
        arrived = min(sent, arrived + max(1, more_arrived))
        assert liveness.look(received, sent, arrived)
