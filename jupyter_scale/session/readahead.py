"""Parts of files that come one after the other, asked for before they are needed.

So the way there and back is waited for once, not with each part.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from jupyter_scale.model.messages import FileRequest

PART_BYTES = 1 << 20
#: So many are on their way at most; an interrupt has to wait for what is.
AHEAD = 4


class Asked(Protocol):
    """A part that was asked for."""

    def wait(self) -> bytes:
        """Return it.

        Raises
        ------
        OSError
            When it cannot be read there.
        """
        ...

    def forget(self) -> None:
        """Let it come in vain."""
        ...


Ask = Callable[[FileRequest], Asked]


def parts_of(path: str, size_bytes: int) -> list[FileRequest]:
    """Return what to ask for to have a whole file."""
    return [
        FileRequest(path, offset, min(PART_BYTES, size_bytes - offset))
        for offset in range(0, size_bytes, PART_BYTES)
    ]


class ReadAhead:
    """Asks for parts in their order, and gives them out in that order.

    Parameters
    ----------
    parts : iterable of FileRequest
        All that may be wanted.
    ask : callable
        Asks for one, and returns at once.
    """

    def __init__(self, parts: Iterable[FileRequest], ask: Ask) -> None:
        self._ask = ask
        self._later = deque(parts)
        self._asked: deque[tuple[FileRequest, Asked]] = deque()

    def take(self, part: FileRequest) -> bytes:
        """Return a part; those before it that nobody has taken are not wanted any more.

        Raises
        ------
        OSError
            When it cannot be read there.
        """
        while self._asked and self._asked[0][0] != part:
            self._asked.popleft()[1].forget()
        if not self._asked:
            while self._later[0] != part:
                self._later.popleft()
        while self._later and len(self._asked) < AHEAD:
            following = self._later.popleft()
            self._asked.append((following, self._ask(following)))
        return self._asked.popleft()[1].wait()

    def close(self) -> None:
        """Let what was asked for come in vain."""
        while self._asked:
            self._asked.popleft()[1].forget()
