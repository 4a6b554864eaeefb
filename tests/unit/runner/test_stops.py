"""The stop of one loop reaches that, or nothing; and it is always answered."""

import os
import signal
import socket

import pytest

from jupyter_scale.model.stops import StopAnswer, StopLoop, from_message, to_message
from jupyter_scale.runner.host.interrupts import LOOK, InterruptGate
from jupyter_scale.runner.host.link import ShellLink
from jupyter_scale.runner.host.loops.standing import Standing
from jupyter_scale.runner.host.stops import Stops


class Lab:
    """The main thread of a shell, and the supervisor's end of its link."""

    def __init__(self):
        ours, theirs = socket.socketpair()
        self.gate = InterruptGate()
        self.gate.install()
        self.there = ShellLink(theirs)
        self.standing = Standing(ShellLink(ours), self.gate)

    def ask(self, loop, stop="a"):
        self.there.send({"id": 0, "kind": "stop", "body": {"id": stop, "loop": loop}})

    def press(self, loop, stop="a"):
        self.ask(loop, stop)
        os.kill(os.getpid(), LOOK)

    def said(self):
        return [(each["kind"], each["body"]) for each in self.there.receive_waiting()]


@pytest.fixture
def lab():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(LOOK)
    yield Lab()
    for number, handler in zip((signal.SIGINT, LOOK), before, strict=True):
        signal.signal(number, handler)


def answer(stop, *, is_stopped):
    return ("stopped", {"id": stop, "is_stopped": is_stopped})


def over(loop, *, is_whole):
    return ("loop over", {"loop": loop, "is_whole": is_whole})


def test_a_loop_that_goes_on_is_stopped_once(lab):
    with lab.gate:
        loop = lab.standing.begin()
        with pytest.raises(KeyboardInterrupt):
            lab.press(loop)
        lab.press(loop, "b")  # it cleans up
        lab.standing.end(loop, is_whole=False)
        lab.standing.end(loop, is_whole=True)
    assert lab.said() == [
        answer("a", is_stopped=True),
        answer("b", is_stopped=False),
        over(loop, is_whole=False),
    ]


def test_a_loop_that_cleans_up_is_not_stopped(lab):
    with lab.gate:
        loop = lab.standing.begin()
        lab.standing.leave(loop)
        lab.press(loop)
    assert lab.said() == [answer("a", is_stopped=False)]


def test_the_loop_after_it_is_not_meant(lab):
    with lab.gate:
        first = lab.standing.begin()
        lab.standing.end(first, is_whole=True)
        second = lab.standing.begin()
        assert second != first
        lab.press(first)
    assert lab.said() == [over(first, is_whole=True), answer("a", is_stopped=False)]


def test_a_loop_in_another_one_may_be_meant_or_the_outer_one(lab):
    with lab.gate:
        outer, inner = lab.standing.begin(), lab.standing.begin()
        with pytest.raises(KeyboardInterrupt):
            lab.press(inner)
        lab.standing.end(inner, is_whole=False)
        with pytest.raises(KeyboardInterrupt):
            lab.press(outer)


def test_where_no_loop_goes_on_the_signal_does_nothing(lab):
    before = signal.getsignal(LOOK)
    loop = lab.standing.begin()
    assert signal.getsignal(LOOK) != before
    lab.standing.end(loop, is_whole=True)
    assert signal.getsignal(LOOK) == before
    with lab.gate:
        lab.press(loop)
    lab.said()
    [asked] = lab.standing._link.receive_waiting()
    lab.standing.refuse(asked["body"])
    assert lab.said() == [answer("a", is_stopped=False)]


def test_a_message_that_is_being_written_is_not_torn(lab):
    written = []

    def write():
        with lab.gate.shield:
            written.append("first half")
            lab.press(loop)
            written.append("second half")

    loop = lab.standing.begin()
    with lab.gate, pytest.raises(KeyboardInterrupt):
        write()
    assert written == ["first half", "second half"]


def test_an_interrupt_of_the_cell_that_comes_meanwhile_is_not_lost(lab):
    loop = lab.standing.begin()
    with lab.gate:
        look = lab.gate.is_meant

        def look_and_interrupt():
            is_meant = look()
            os.kill(os.getpid(), signal.SIGINT)
            return is_meant

        lab.gate.is_meant = look_and_interrupt
        with pytest.raises(KeyboardInterrupt):
            lab.press(loop + 1)
    assert lab.said() == [answer("a", is_stopped=False)]


def test_a_handler_of_the_users_stays(lab):
    loop = lab.standing.begin()
    signal.signal(LOOK, signal.SIG_IGN)
    lab.standing.end(loop, is_whole=True)
    assert signal.getsignal(LOOK) == signal.SIG_IGN


STOP = StopLoop(id="a", session="s", run="r", loop=3)


class Asked:
    """A runner's stops, its shell, and what was answered."""

    def __init__(self):
        self.answers, self.shell = [], []
        self.stops = Stops(lambda said: self.answers.append((said.id, said.status)))

    def take(self):
        self.stops.take(STOP, self.shell.append)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([("answered", {"id": "a", "is_stopped": True})], "stopped"),
        ([("answered", {"id": "a", "is_stopped": False})], "late"),
        ([("over", 3)], "late"),
        ([("over", 2), ("ended",)], "late"),
        ([("answered", {"id": "a", "is_stopped": True}), ("over", 3), ("ended",)], "stopped"),
        ([("over", 3), ("answered", {"id": "a", "is_stopped": False})], "late"),
    ],
)
def test_each_is_answered_once(events, expected):
    asked = Asked()
    asked.take()
    assert asked.shell == [{"id": "a", "loop": 3}]
    assert asked.answers == []
    for name, *arguments in events:
        getattr(asked.stops, name)(*arguments)
    assert asked.answers == [("a", expected)]


def test_what_is_known_to_have_ended_is_answered_at_once():
    asked = Asked()
    asked.stops.take(STOP, None)
    assert asked.answers == [("a", "late")]


def test_what_is_said_of_stops_travels_as_plain_values():
    assert from_message(to_message(STOP), StopLoop) == STOP
    told = StopAnswer(id="a", status="late")
    assert from_message(to_message(told), StopAnswer) == told
    for other in (None, "text", {}, {"version": 1}, {**to_message(STOP), "version": 2}):
        assert from_message(other, StopLoop) is None
    assert from_message(to_message(STOP), StopAnswer) is None
