"""The tape of tasks: every task is in a band, and bands stay few."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_scale.monitor.tape import BANDS_PER_S, MOST_BANDS, WINDOW_S, Tape, longest_s

durations = st.floats(0.001, 3.0)
pauses = st.floats(0.0, 0.5)


def bands(tape, now=1e9, since=0):
    return [band for _, band in tape.read(since, now)]


@given(st.lists(st.tuples(pauses, durations, st.sampled_from("ab"), st.booleans()), max_size=60))
def test_each_task_is_in_one_band(tasks):
    tape, now = Tape(), 1000.0
    for pause, seconds, session, failed in tasks:
        tape.take("w", session, now + pause, now + pause + seconds, failed=failed)
        now += pause + seconds
    found = bands(tape, now + 1)
    assert sum(band.tasks for band in found) == len(tasks)
    assert sum(band.failed for band in found) == sum(failed for *_, failed in tasks)
    assert sum(band.busy_s for band in found) == pytest.approx(sum(s for _, s, *_ in tasks))
    for band in found:
        assert band.tasks == 1 or band.stop - band.start <= longest_s(1) + 1e-6
    assert all(a.stop <= b.start + 1e-6 for a, b in pairwise(found))


def test_a_pause_that_can_be_seen_is_seen():
    tape = Tape()
    for start in (1000.0, 1000.1, 1000.3):
        tape.take("w", "s", start, start + 0.1, failed=False)
    assert [(b.start, b.tasks) for b in bands(tape, 1002.0)] == [(1000.0, 2), (1000.3, 1)]


def test_a_hundred_thousand_short_tasks_are_few_bands():
    tape = Tape()
    for number in range(100_000):
        start = 1000.0 + number * 0.001
        tape.take("w", "s", start, start + 0.0009, failed=False)
    assert len(bands(tape, 1101.0)) <= 210


def test_many_workers_give_no_more_than_so_many_bands_a_second():
    tape, seconds = Tape(), 20
    for half in range(seconds * 5):
        for worker in range(4000):
            start = 1000.0 + half / 5
            tape.take(f"w{worker}", "s", start, start + 0.2, failed=False)
    assert len(bands(tape, 1000.0 + seconds)) <= 1.5 * seconds * BANDS_PER_S


def test_what_may_still_grow_waits_and_nothing_is_read_twice():
    tape = Tape()
    tape.take("w", "s", 1000.0, 1000.1, failed=False)
    assert bands(tape, 1000.2) == []
    [(number, band)] = tape.read(0, 1001.0)
    assert (band.start, band.stop) == (1000.0, 1000.1)
    tape.take("w", "s", 1000.15, 1000.2, failed=False)
    assert bands(tape, 1001.0, since=number)[0].start == 1000.15


def test_what_is_kept_is_bounded_in_time_and_number():
    tape = Tape()
    for number in range(MOST_BANDS + 500):
        tape.take("w", "s" if number % 2 else "t", 1000.0, 1000.0, failed=False)
    assert len(bands(tape, 1002.0)) == MOST_BANDS
    assert bands(tape, 1003.0 + WINDOW_S) == []
