"""Bounded waits for tests."""

import time


def eventually(predicate, timeout_s):
    """Tell whether a condition comes true in time."""
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
