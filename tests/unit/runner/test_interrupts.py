"""An interrupt reaches the cell that it was meant for, whole messages and nothing else."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from jupyter_scale.runner.host.interrupts import InterruptGate


@pytest.fixture
def gate() -> Iterator[InterruptGate]:
    before = signal.getsignal(signal.SIGINT)
    made = InterruptGate()
    made.install()
    yield made
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_it_stops_the_cells_code(gate: InterruptGate) -> None:
    with pytest.raises(KeyboardInterrupt), gate:
        interrupt()


def test_before_the_code_it_waits(gate: InterruptGate) -> None:
    interrupt()
    with pytest.raises(KeyboardInterrupt), gate:
        pytest.fail("the code began")


def test_it_is_raised_once(gate: InterruptGate) -> None:
    interrupt()
    with pytest.raises(KeyboardInterrupt), gate:
        pass
    with gate:
        pass


def test_a_later_cell_does_not_get_it(gate: InterruptGate) -> None:
    interrupt()
    gate.forget()
    with gate:
        pass


def test_a_message_is_written_to_its_end(gate: InterruptGate) -> None:
    written = []

    def write() -> None:
        with gate, gate.shield:
            written.append("first half")
            interrupt()
            written.append("second half")
        written.append("after")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert written == ["first half", "second half"]


def test_shields_nest(gate: InterruptGate) -> None:
    written = []

    def write() -> None:
        with gate, gate.shield:
            with gate.shield:
                interrupt()
            written.append("still whole")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert written == ["still whole"]


def test_an_error_inside_a_shield_is_not_hidden(gate: InterruptGate) -> None:
    def fail() -> None:
        with gate.shield:
            interrupt()
            msg = "the cell's own"
            raise ValueError(msg)

    with gate, pytest.raises(ValueError, match="the cell's own"):
        fail()


def test_shields_of_other_threads_do_not_count(gate: InterruptGate) -> None:
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with gate.shield:
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    with pytest.raises(KeyboardInterrupt), gate:
        interrupt()
    done.set()
    thread.join(10)
