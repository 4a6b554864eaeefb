"""Passphrases for many hosts at once: one question at a time, and each only once."""

from __future__ import annotations

import threading
from collections import Counter

from jupyter_scale.transport.ssh.authentication import Ask


class AskOnce:
    """Asks on behalf of hosts that are called side by side, most of them with the same key.

    The answers live as long as this object, in memory only, as they do in an agent: connections
    that break can be made anew without asking again.

    Parameters
    ----------
    ask : callable or None
        Asks the user; None where nobody can be asked.
    """

    def __init__(self, ask: Ask | None) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, int], str] = {}

    def for_host(self) -> Ask | None:
        """Return what one host asks with.

        The second time that a host puts the same question its first answer was wrong, so the answer
        is the one that others got at their second time.
        """
        ask = self._ask
        if ask is None:
            return None
        times: Counter[str] = Counter()

        def ask_once(prompt: str) -> str:
            times[prompt] += 1
            key = (prompt, times[prompt])
            with self._lock:
                answer = self._answers.get(key) or ask(prompt)
                if answer:  # nobody may have been there; the next one asks again
                    self._answers[key] = answer
                return answer

        return ask_once
