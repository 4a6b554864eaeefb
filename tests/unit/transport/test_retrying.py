"""What waits for a link: how often it is tried, and when it is given up."""

import threading

import pytest

from jupyter_scale.errors import HostError, HostKeyError, HostLost
from jupyter_scale.transport.ssh import retrying
from jupyter_scale.transport.ssh.retrying import retry

LOST = HostLost("h1", "connection", "the connection is broken")
AWAY = HostError("h1", "connect", "h1:22 did not answer")
NAMELESS = HostError("h1", "resolve", "no address is known")
KEY = HostKeyError("h1", "its key has changed", "", fingerprint="SHA256:x", accept="")
WRONG = HostError("h1", "command", "it did not answer as expected")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(retrying, "_PAUSES_S", (0.0,))


def trying(errors, **options):
    """Fail with these errors, one after the other, then pass; return what came of it, and when."""
    left, told = list(errors), []

    def act():
        if left:
            raise left.pop(0)
        return "done"

    try:
        return retry(act, told.append, options.pop("patience_s", 60), **options), told
    except HostError as error:
        return error, told


def test_what_passes_is_not_waited_for():
    assert trying([]) == ("done", [])


def test_a_link_that_breaks_is_waited_for():
    errors = [LOST, AWAY, NAMELESS, AWAY]
    assert trying(errors) == ("done", errors)


def test_a_host_that_cannot_be_reached_at_first_is_told():
    assert trying([AWAY]) == (AWAY, [])


def test_one_that_was_in_use_is_waited_for():
    assert trying([AWAY], is_known=True) == ("done", [AWAY])


@pytest.mark.parametrize("error", [KEY, WRONG])
def test_what_is_not_the_links_fault_is_told(error):
    assert trying([error], is_known=True) == (error, [])
    assert trying([LOST, error]) == (error, [LOST])


def test_nobody_waits_for_ever():
    assert trying([LOST, AWAY], patience_s=0.0)[0] in (LOST, AWAY)
    assert trying([AWAY] * 10**6, patience_s=0.05, is_known=True)[0] is AWAY


def test_a_link_that_breaks_again_and_again_is_given_up():
    result, told = trying([LOST] * 1000)
    assert result is LOST
    assert len(told) < 100


def test_who_does_not_want_it_any_more_is_heard():
    is_over = threading.Event()
    is_over.set()
    assert trying([LOST], is_over=is_over) == (LOST, [])
