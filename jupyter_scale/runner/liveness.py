"""Whether a connection still carries anything, both ways; pure.

A connection may be dead without a sign: a proxy that forgot it, a machine that is gone. So both
ends send a beat again and again, and look once in each. What counts is progress: on a slow link a
beat waits behind what was sent before, and that arrives all the time.

Looks are counted, not seconds: a process that sleeps does not look, and judges nobody by that.
"""

from __future__ import annotations


class Liveness:
    """Judges one connection.

    Parameters
    ----------
    most_missed
        So many looks in turn may find nothing new.
    """

    def __init__(self, most_missed: int) -> None:
        self._most_missed = most_missed
        self._received_bytes = self._arrived_bytes = 0
        self._silent_looks = self._stuck_looks = 0

    def look(self, received_bytes: int, sent_bytes: int = 0, arrived_bytes: int = 0) -> bool:
        """Look once a beat; tell whether the connection still carries what it is given.

        Parameters
        ----------
        received_bytes
            What has come from the other end so far.
        sent_bytes
            What was given to the connection so far.
        arrived_bytes
            What of that the other end has said it has received.
        """
        has_heard = received_bytes != self._received_bytes
        has_moved = arrived_bytes != self._arrived_bytes or arrived_bytes >= sent_bytes
        self._received_bytes, self._arrived_bytes = received_bytes, arrived_bytes
        self._silent_looks = 0 if has_heard else self._silent_looks + 1
        self._stuck_looks = 0 if has_moved else self._stuck_looks + 1
        return max(self._silent_looks, self._stuck_looks) < self._most_missed
