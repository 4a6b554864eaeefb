"""The shell's output as one ordered series of events.

``sys.stdout``, ``sys.stderr`` and displays go through one `Outbox`, so their order is kept. File
descriptors 1 and 2 are for C code and child processes only; they are drained before every display
and at the end of a cell (the order between C and Python text is not promised).
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from jupyter_scale.model.messages import EventKind

_FLUSH_AFTER_S = 0.05
_FLUSH_CHARS = 1 << 16
_READ_BYTES = 1 << 16

_SHOWS = frozenset({EventKind.DISPLAY, EventKind.RESULT, EventKind.CLEAR, EventKind.ERROR})

Emit = Callable[[EventKind, dict[str, Any]], None]


class Outbox:
    """Joins small writes to the same stream; sends them before anything else goes out.

    Parameters
    ----------
    emit
        Sends an event.
    shield
        A context that no interrupt tears.
    """

    def __init__(self, emit: Emit, shield: AbstractContextManager[None]) -> None:
        self._emit, self._shield = emit, shield
        self._lock = threading.RLock()
        self._name = ""
        self._parts: list[str] = []
        self._chars = 0
        self._wake = threading.Event()
        #: How many displays, results and writes there were: "did the cell show anything?"
        self.shown = 0
        threading.Thread(target=self._flush_soon, name="jupyter-scale-flush", daemon=True).start()

    def write(self, name: str, text: str) -> None:
        """Take text for the stream `name`."""
        with self._shield, self._lock:
            self.shown += 1
            if name != self._name:
                self._flush()
                self._name = name
            self._parts.append(text)
            self._chars += len(text)
            if self._chars >= _FLUSH_CHARS:
                self._flush()
                return
        self._wake.set()

    def send(self, kind: EventKind, body: dict[str, Any]) -> None:
        """Send an event after all text written so far."""
        with self._shield, self._lock:
            self._flush()
            if kind in _SHOWS:
                self.shown += 1
            self._emit(kind, body)

    def flush(self) -> None:
        """Send the text written so far."""
        with self._shield, self._lock:
            self._flush()

    def _flush(self) -> None:
        if self._parts:
            text = "".join(self._parts)
            self._parts.clear()
            self._chars = 0
            self._emit(EventKind.STREAM, {"name": self._name, "text": text})

    def _flush_soon(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            # The first write waits a moment for company; a busy cell still shows 20 times a second.
            threading.Event().wait(_FLUSH_AFTER_S)
            self.flush()


class TextStream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of the shell.

    In a forked child it writes to the file descriptor, which the parent drains.
    """

    def __init__(self, name: str, outbox: Outbox, descriptor: int) -> None:
        super().__init__()
        self._name, self._outbox, self._descriptor = name, outbox, descriptor
        self._pid = os.getpid()

    @property
    def name(self) -> str:
        """As CPython names its standard streams."""
        return f"<{self._name}>"

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Text is UTF-8 on the wire."""
        return "UTF-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """Undecodable characters are escaped."""
        return "backslashreplace"

    def fileno(self) -> int:
        """Return the descriptor for children of the shell."""
        return self._descriptor

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return False, as in a notebook."""
        return False

    def write(self, text: str) -> int:
        """Write text; anything else raises TypeError, as a notebook's stdout does."""
        if not isinstance(text, str):
            msg = f"write() argument must be str, not {type(text).__name__}"
            raise TypeError(msg)
        if os.getpid() != self._pid:
            os.write(self._descriptor, text.encode(errors="backslashreplace"))
        elif text:
            self._outbox.write(self._name, text)
        return len(text)

    def flush(self) -> None:
        """Send what was written."""
        if os.getpid() == self._pid:
            self._outbox.flush()


class DescriptorCapture:
    """Reads what C code and children write to a descriptor, and passes it on as text.

    Parameters
    ----------
    descriptor
        1 or 2.
    write
        Takes the decoded text.
    """

    def __init__(self, descriptor: int, write: Callable[[str], None]) -> None:
        self._read_end, write_end = os.pipe()
        os.dup2(write_end, descriptor)
        os.close(write_end)
        os.set_blocking(self._read_end, False)
        self._decoder = io.IncrementalNewlineDecoder(None, translate=False)
        self._write = write
        self._lock = threading.Lock()
        name = f"jupyter-scale-fd{descriptor}"
        threading.Thread(target=self._pump, name=name, daemon=True).start()

    def drain(self) -> None:
        """Pass on all that has been written up to now."""
        with self._lock:
            for data in self._chunks():
                self._write(data.decode(errors="backslashreplace"))

    def _chunks(self) -> Iterator[bytes]:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._read_end, _READ_BYTES):
                yield data

    def _pump(self) -> None:
        while True:
            select.select([self._read_end], [], [])
            self.drain()
