"""Questions of threads that must not ask the user themselves, answered by one that may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_ANSWER_S = 300.0
_ATTENDED_S = 3.0


class _Question:
    def __init__(self, prompt: str) -> None:
        self.prompt, self.answer = prompt, ""
        self.is_answered = threading.Event()


class Questions:
    """Takes questions, for whoever calls `answer` now and then.

    Attributes
    ----------
    tell : callable
        Wakes up who answers; set by whoever waits for more than questions.
    """

    def __init__(self) -> None:
        self.tell: Callable[[], None] = lambda: None
        self._open: list[_Question] = []
        self._attended_at = -_ATTENDED_S

    @property
    def are_open(self) -> bool:
        """Tell whether there is one."""
        return bool(self._open)

    def ask(self, prompt: str) -> str:
        """Return the answer; empty when nobody answers questions just now."""
        if time.monotonic() - self._attended_at > _ATTENDED_S:
            return ""
        question = _Question(prompt)
        self._open.append(question)
        self.tell()
        question.is_answered.wait(_ANSWER_S)
        return question.answer

    def answer(self, ask: Callable[[str], str] | None) -> None:
        """Ask the user, in this thread, what is open; without a way to, all answers are empty."""
        # Whoever gets no answers had better not wait for one.
        self._attended_at = -_ATTENDED_S if ask is None else time.monotonic()
        while self._open:
            question = self._open.pop(0)
            try:
                question.answer = ask(question.prompt) if ask is not None else ""
            finally:
                question.is_answered.set()
            if ask is not None:
                self._attended_at = time.monotonic()
