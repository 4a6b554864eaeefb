"""Carries bytes between sockets and channels: one thread for all of them.

A channel has no file descriptor that could be waited for. It rings instead, from paramiko's reading
thread, when something came, when it ended, and when it may be sent more; the ring wakes the loop
through a pair of sockets. No more is read from either side than the other one takes.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable

from jupyter_scale.transport.ssh.connection import Channel, close_channel
from jupyter_scale.transport.ssh.execution import FAILURES

_READ_BYTES = 1 << 17
_PIECE_BYTES = 1 << 15
_ALL = 1 << 30
_JOIN_S = 5.0
_RESET = struct.pack("ii", 1, 0)
_NEITHER, _READ, _WRITE = 0, selectors.EVENT_READ, selectors.EVENT_WRITE


class _Window(threading.Condition):
    """A channel's condition for more room to send; it rings too."""

    def __init__(self, channel: Channel, ring: Callable[[], None]) -> None:
        super().__init__(channel.lock)
        self._ring = ring

    def notify_all(self) -> None:
        super().notify_all()
        self._ring()


class _Bell(threading.Event):
    """What a channel's buffer rings; that it is empty is told to nobody."""

    def __init__(self, ring: Callable[[], None]) -> None:
        super().__init__()
        self._ring = ring

    def set(self) -> None:
        self._ring()

    def clear(self) -> None:
        """Ignore it."""


class _Pair:
    """A socket and a channel; the first letters are those of the direction, up to the host."""

    def __init__(self, sock: socket.socket, channel: Channel) -> None:
        self.sock, self.channel = sock, channel
        self.up, self.down = memoryview(b""), memoryview(b"")
        self.is_up_over = self.is_down_over = False
        self.interest = _NEITHER

    @property
    def is_over(self) -> bool:
        return self.is_up_over and self.is_down_over

    @property
    def wanted(self) -> int:
        """Return what its socket is to be watched for."""
        reads = not self.is_up_over and not self.up and self.channel.send_ready()
        return (_READ if reads else _NEITHER) | (_WRITE if self.down else _NEITHER)

    def carry_up(self) -> None:
        """Send what the socket has, as far as the channel takes it."""
        if not self.up and not self.is_up_over and self.channel.send_ready():
            with contextlib.suppress(BlockingIOError):
                data = self.sock.recv(_READ_BYTES)
                self.up = memoryview(data)
                self.is_up_over = not data
                if not data:
                    self.channel.shutdown_write()
        while self.up:
            try:
                sent = self.channel.send(bytes(self.up[:_PIECE_BYTES]))
            except TimeoutError:
                return  # it rings when there is room
            if not sent:
                raise BrokenPipeError
            self.up = self.up[sent:]

    def carry_down(self) -> None:
        """Write what the channel has, as far as the socket takes it."""
        while not self.is_down_over:
            has_ended = bool(self.channel.eof_received) or self.channel.closed
            if not self.down and self.channel.recv_ready():
                self.down = memoryview(self.channel.recv(_ALL))
            elif not self.down:
                if has_ended and not self.channel.recv_ready():
                    self._end_down()
                return
            with contextlib.suppress(BlockingIOError):
                self.down = self.down[self.sock.send(self.down) :]
            if self.down:
                return  # the selector tells when there is room

    def _end_down(self) -> None:
        if not self.channel.eof_received:
            raise ConnectionResetError  # the other end, or the whole connection, broke
        self.is_down_over = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
        self.is_up_over |= self.channel.closed

    def close(self, *, is_broken: bool) -> None:
        """Close both; a broken one looks broken to the socket's other end, not ended."""
        close_channel(self.channel)
        end_socket(self.sock, is_broken=is_broken)


def end_socket(sock: socket.socket, *, is_broken: bool) -> None:
    """Close a socket, with a reset if something broke."""
    with contextlib.suppress(OSError):
        if is_broken:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        else:
            sock.shutdown(socket.SHUT_RDWR)
    sock.close()


class Pump:
    """A loop in a thread of its own; it also accepts.

    Parameters
    ----------
    name : str
        Of its thread.
    listener
        Where connections come in.
    on_accept : callable
        Given each, in the loop's thread: it must not wait.
    """

    def __init__(
        self, name: str, listener: socket.socket, on_accept: Callable[[socket.socket], None]
    ) -> None:
        self._listener, self._on_accept = listener, on_accept
        self._wake, self._waker = socket.socketpair()
        self._rung: deque[_Pair] = deque()
        self._is_awake = False
        self._is_closing = False
        self._pairs: set[_Pair] = set()
        self._selector = selectors.DefaultSelector()
        for sock in (listener, self._wake, self._waker):
            sock.settimeout(0)
        self._selector.register(listener, _READ)
        self._selector.register(self._wake, _READ)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """Return how many connections there are."""
        return len(self._pairs)

    def add(self, sock: socket.socket, channel: Channel) -> None:
        """Carry between a socket and a channel until both have ended; both are its own now."""
        sock.settimeout(0)
        channel.settimeout(0.0)
        pair = _Pair(sock, channel)

        def ring() -> None:
            self._ring(pair)

        channel.out_buffer_cv = _Window(channel, ring)
        channel.in_buffer.set_event(_Bell(ring))
        ring()

    def _ring(self, pair: _Pair) -> None:
        self._rung.append(pair)
        self._rouse()

    def _rouse(self) -> None:
        if not self._is_awake:
            self._is_awake = True
            with contextlib.suppress(OSError):
                self._waker.send(b"!")

    def close(self) -> None:
        """End the loop, and everything that it carries."""
        self._is_closing = True
        with contextlib.suppress(OSError):
            self._waker.send(b"!")
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not self._is_closing:
            for key, events in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._wake:
                    self._answer()
                elif key.data in self._pairs:  # not dropped by what came before it in this round
                    self._serve(key.data, events)
        while self._rung:
            self._pairs.add(self._rung.popleft())
        for pair in self._pairs:
            pair.close(is_broken=True)
        self._pairs.clear()
        self._selector.close()
        self._wake.close()
        self._waker.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            self._on_accept(self._listener.accept()[0])

    def _answer(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)
        # Until the flag falls, rings only leave their pair here, which spares a call for each.
        for pair in {self._rung.popleft() for _ in range(len(self._rung))}:
            if pair.sock.fileno() >= 0:
                self._pairs.add(pair)
                self._serve(pair, _READ | _WRITE)
        self._is_awake = False
        if self._rung:
            self._rouse()

    def _serve(self, pair: _Pair, events: int) -> None:
        try:
            if events & _WRITE or not pair.down:
                pair.carry_down()
            if events & _READ:
                pair.carry_up()
        except FAILURES:
            self._drop(pair, is_broken=True)
            return
        if pair.is_over:
            self._drop(pair, is_broken=False)
        elif (wanted := pair.wanted) != pair.interest:
            self._watch(pair, wanted)

    def _watch(self, pair: _Pair, wanted: int) -> None:
        if not pair.interest:
            self._selector.register(pair.sock, wanted, pair)
        elif not wanted:
            self._selector.unregister(pair.sock)
        else:
            self._selector.modify(pair.sock, wanted, pair)
        pair.interest = wanted

    def _drop(self, pair: _Pair, *, is_broken: bool) -> None:
        if pair.interest:
            self._selector.unregister(pair.sock)
        self._pairs.discard(pair)
        pair.close(is_broken=is_broken)
