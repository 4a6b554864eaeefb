"""SIGINT in the shell process: it reaches the cell's own code, and nothing else.

Laws
----
1. Outside a cell's own code an interrupt is only remembered; the cell that it was meant for gets it
   when its code begins, and a later cell never does.
2. While a message is being written to the link an interrupt waits: half a message would end the
   conversation.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType


class InterruptGate:
    """Decides when SIGINT becomes KeyboardInterrupt; a context in which the cell's code runs."""

    def __init__(self) -> None:
        self._is_open = False
        self._is_waiting = False
        self._shields = 0
        self._main = threading.get_ident()
        self.shield = Shield(self)
        #: Told of each interrupt that reaches the cell's code; must not wait for anything.
        self.on_interrupt: Callable[[], object] = lambda: None

    def install(self) -> None:
        """Take SIGINT over; again after an event loop had it."""
        signal.signal(signal.SIGINT, self._on_signal)

    def forget(self) -> None:
        """Forget an interrupt that was meant for an earlier cell."""
        self._is_waiting = False

    def __enter__(self) -> None:
        """Open; an interrupt that came since `forget` counts now."""
        self._is_open = True
        self._raise_waiting()

    def __exit__(self, *_exc: object) -> None:
        """Close."""
        self._is_open = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._is_waiting = True
        self._raise_waiting()

    def _raise_waiting(self) -> None:
        if self._is_waiting and self._is_open and self._shields == 0:
            self._is_waiting = False
            self.on_interrupt()
            raise KeyboardInterrupt

    def _enter_shield(self) -> None:
        if threading.get_ident() == self._main:
            self._shields += 1

    def _leave_shield(self, *, is_clean: bool) -> None:
        if threading.get_ident() == self._main:
            self._shields -= 1
            if is_clean:
                self._raise_waiting()


class Shield:
    """A context that no interrupt tears: one that comes meanwhile is raised at its end."""

    def __init__(self, gate: InterruptGate) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        """Hold interrupts back."""
        self._gate._enter_shield()  # noqa: SLF001 - the two are one mechanism

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Raise what was held back, unless something else is on its way already."""
        self._gate._leave_shield(is_clean=kind is None)  # noqa: SLF001
