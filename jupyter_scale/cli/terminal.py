"""What a command writes, and what it asks: on a terminal, into a file or a pipe."""

from __future__ import annotations

import contextlib
import getpass
import json
import sys
import termios
from collections.abc import Callable, Iterator
from typing import Self

Ask = Callable[[str], str]


def say(text: str) -> None:
    """Write lines for people to standard output, at once."""
    print(text, flush=True)


def complain(text: str) -> None:
    """Write lines to standard error."""
    print(f"jupyter scale: {text}", file=sys.stderr, flush=True)


def write_json(value: object) -> None:
    """Write a JSON document to standard output."""
    print(json.dumps(value, indent=2))


class Progress:
    """Steps as they happen: on a terminal a step is written over as it goes on, else line by line.

    Use it as a context: a line that is not ended is then.
    """

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._step: str | None = None

    def show(self, step: str, message: str) -> None:
        """Show how far a step has come."""
        if not self._is_terminal:
            say(message)
            return
        if self._step is not None:
            sys.stdout.write("\r\x1b[K" if step == self._step else "\n")
        sys.stdout.write(message)
        sys.stdout.flush()
        self._step = step

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._step is not None:
            self._step = None
            say("")


@contextlib.contextmanager
def asking() -> Iterator[Ask | None]:
    """Yield what asks for passphrases, None where nobody sits at a terminal.

    A question may be open in another thread when the block ends: the terminal shows what is typed
    again all the same.
    """
    if not sys.stdin.isatty():
        yield None
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield _ask
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _ask(prompt: str) -> str:
    try:
        return getpass.getpass(prompt)
    except EOFError:
        return ""
