"""Bounded waits for tests."""

import time

#: All may take three times as long as on a quiet machine, but not minutes longer: others work on
#: this one, and tests run beside each other.
TIMES, MOST_S = 3, 60


def deadline_in(seconds):
    """Return when something that is done within that time on a quiet machine has failed."""
    return time.monotonic() + min(TIMES * seconds, seconds + MOST_S)


def eventually(predicate, timeout_s):
    """Tell whether a condition comes true, as it does on a quiet machine within that time."""
    deadline = deadline_in(timeout_s)
    while not predicate():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def stays(predicate, seconds):
    """Tell whether a condition holds for so long."""
    until = time.monotonic() + seconds
    while predicate():
        if time.monotonic() > until:
            return True
        time.sleep(0.05)
    return False


def let_pass(seconds):
    """Let time pass, where how much of it passes is what is tested."""
    time.sleep(seconds)
