"""The stream under an SSH connection: a socket, or a channel of the host before.

It reads ahead, which spares two system calls for every packet, and it notices silence: paramiko
reads from it again and again with a short time limit, and when nothing comes for a while, whatever
is sent meanwhile, a request goes out that has to be answered. The limit is counted in tries, not in
seconds: a laptop that slept, or a process that was stopped, has not been silent.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import subprocess
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from jupyter_scale.transport.processes import end_groups
from jupyter_scale.transport.ssh.config import HostConfig

_READ_BYTES = 1 << 18
_TRY_S = 0.1

Place = tuple[int, Any]
"""Family and address, as sockets want them."""


class Stream(Protocol):
    """What a link needs of what is below it; sockets and paramiko's channels have it."""

    def recv(self, size: int, /) -> bytes:
        """Return what came, nothing at the end; TimeoutError when nothing came in time."""

    def send(self, data: bytes, /) -> int:
        """Return how much was sent; TimeoutError when nothing could be."""

    def settimeout(self, timeout_s: float | None, /) -> None:
        """Set the time limit of both."""

    def close(self) -> None:
        """Close it."""


class Link:
    """A stream as paramiko wants one.

    Parameters
    ----------
    stream
        Connected; it is this object's from now on.
    silence_s : float
        After so long without a byte, or without being able to send one, it counts as broken.
    command : subprocess.Popen or None
        The command at its other end, which ends with it.

    Attributes
    ----------
    why_ended : str
        What became of it, as a sentence; empty while nothing did.
    """

    def __init__(
        self, stream: Stream, silence_s: float, command: subprocess.Popen[bytes] | None = None
    ) -> None:
        self._stream, self._command = stream, command
        self._most_tries = max(2, round(silence_s / _TRY_S))
        self._silent_tries = self._tries_to_ask = 0
        self._ask: Callable[[], None] | None = None
        self._ahead, self._used = b"", 0
        self._is_broken = self._closed = False  # paramiko looks at the second
        self.why_ended = ""
        stream.settimeout(_TRY_S)

    def watch(self, ask: Callable[[], None], quiet_s: float) -> None:
        """Notice silence from now on; before, while the user may be asked, it means nothing.

        Parameters
        ----------
        ask : callable
            Has the other end answer; called in the reading thread.
        quiet_s : float
            After so long without a byte it is asked.
        """
        self._tries_to_ask = max(1, round(quiet_s / _TRY_S))
        self._ask = ask

    def settimeout(self, timeout_s: float) -> None:
        """Ignore what paramiko asks for: it is the same tenth of a second."""

    def recv(self, size: int) -> bytes:
        """Return at most `size` bytes, or none at the end of the stream.

        Raises
        ------
        TimeoutError
            Nothing came for now.
        ConnectionError
            Nothing came for too long.
        """
        if self._used >= len(self._ahead):
            self._ahead, self._used = self._read(), 0
        piece = self._ahead[self._used : self._used + size]
        self._used += len(piece)
        return piece

    def _read(self) -> bytes:
        try:
            data = self._stream.recv(_READ_BYTES)
        except TimeoutError:
            if self._is_broken:
                raise self._break() from None
            if self._ask is not None:
                self._count_silence(self._ask)
            raise
        except OSError as error:
            self._note_end(str(error.strerror or error))
            # paramiko's thread dies of errors without a number
            raise ConnectionAbortedError(errno.ECONNABORTED, str(error)) from error
        self._silent_tries = 0
        if not data:
            self._note_end("its other end closed it")
        return data

    def _count_silence(self, ask: Callable[[], None]) -> None:
        self._silent_tries += 1
        if self._silent_tries >= self._most_tries:
            raise self._break()
        if self._silent_tries % self._tries_to_ask == 0:
            ask()

    def send(self, data: bytes) -> int:
        """Send some of `data`; return how much.

        Raises
        ------
        ConnectionError
            Nothing could be sent for too long.
        """
        for _ in range(self._most_tries):
            if self._is_broken or self._closed:
                break
            try:
                return self._stream.send(data)
            except TimeoutError:
                continue
            except OSError as error:
                self._is_broken = True  # the reading thread is to see it as well
                self._note_end(str(error.strerror or error))
                raise
        raise self._break()

    def _break(self) -> ConnectionError:
        self._is_broken = True
        self._note_end(f"it was silent for {self._most_tries * _TRY_S:.0f} s")
        return ConnectionAbortedError(errno.ECONNABORTED, self.why_ended)

    def _note_end(self, why: str) -> None:
        if not self.why_ended and not self._closed:
            self.why_ended = why

    def close(self) -> None:
        """Close it, and end the command; closed already is fine."""
        if self._closed:
            return
        self._closed = True
        if isinstance(self._stream, socket.socket):
            with contextlib.suppress(OSError):  # the other side was faster
                self._stream.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads it
        with contextlib.suppress(OSError, EOFError):  # the host before it has gone with its machine
            self._stream.close()
        if self._command is not None:
            end_groups([self._command.pid], grace_s=1.0)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._command.wait(1.0)


def look_up(config: HostConfig) -> list[Place]:
    """Return the addresses of a host.

    Raises
    ------
    OSError
        It has none, or nobody can tell.
    """
    found = socket.getaddrinfo(
        config.hostname, config.port, config.family, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )
    return [(family, address) for family, _, _, _, address in found]


def connect(places: Sequence[Place], timeout_s: float) -> socket.socket:
    """Return a socket that is connected to the first address that answers.

    Raises
    ------
    OSError
        What the last one failed with.
    """
    failure = OSError("it has no address")
    for family, address in places:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout_s / len(places))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def start_command(command: str) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start a ProxyCommand, by the shell as OpenSSH does; return our end and the process.

    Raises
    ------
    OSError
        When the system refuses.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
    except BaseException:
        ours.close()
        raise
    return ours, process
