"""Interrupts in the shell process: they reach the cell's own code, and nothing else.

SIGINT is the cell's. `LOOK` says that somebody wants one loop stopped; whether that still goes on
is decided when it arrives.

Laws
----
1. Outside a cell's own code an interrupt is only remembered; the cell that it was meant for gets it
   when its code begins, and a later cell never does.
2. While a message is being written to the link an interrupt waits: half a message would end the
   conversation.
3. An interrupt for one loop counts while that goes on, or never.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

#: Nobody else uses it, it does nothing where nobody listens, and it ends a wait of the main thread.
LOOK = signal.SIGURG


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
        #: Asked, with interrupts held back, whether a `LOOK` was meant for a loop that goes on.
        self.is_meant: Callable[[], bool] = lambda: False
        self._must_look = False
        self._listeners = 0
        self._handled_before: Any = None

    def install(self) -> None:
        """Take SIGINT over; again after an event loop had it."""
        signal.signal(signal.SIGINT, self._on_signal)

    def listen(self) -> None:
        """Take `LOOK` over, until as many have called `listen_no_more`."""
        self._listeners += 1
        if self._handled_before is None:
            self._handled_before = signal.signal(LOOK, self._on_look)

    def listen_no_more(self) -> None:
        """Let go of `LOOK`, if nobody else listens; only the main thread can."""
        self._listeners -= 1
        if not self._listeners and threading.get_ident() == self._main:
            if signal.getsignal(LOOK) == self._on_look:
                signal.signal(LOOK, self._handled_before)
            self._handled_before = None

    def forget(self) -> None:
        """Forget an interrupt that was meant for an earlier cell."""
        self._is_waiting = self._must_look = False

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

    def _on_look(self, _number: int, _frame: FrameType | None) -> None:
        self._must_look = True
        self._raise_waiting()

    def _raise_waiting(self) -> None:
        if self._shields:
            return
        is_meant = False
        if self._must_look:
            self._must_look = False
            with self.shield:
                is_meant = self.is_meant()
        if self._is_waiting and self._is_open:
            self._is_waiting = False
            self.on_interrupt()
            raise KeyboardInterrupt
        if is_meant:
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
