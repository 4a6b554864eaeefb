"""A TCP relay that does to connections what bad links do: it drops, holds back, closes one way.

It runs in threads of whoever makes it. Up is to the host, down is from it.
"""

import contextlib
import socket
import threading

_UP, _DOWN = "up", "down"
BOTH = (_UP, _DOWN)


class Relay:
    """Listens on a port of loopback, and carries connections to a place."""

    def __init__(self, host, port):
        self._place = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.pairs = []
        _in_thread(self._accept)

    def _accept(self):
        while True:
            sock, _ = self._listener.accept()
            with contextlib.suppress(OSError):
                self.pairs.append(Pair(sock, socket.create_connection(self._place)))

    @property
    def newest(self):
        """What carries the latest connection."""
        return self.pairs[-1]


class Pair:
    """One connection; all of it is carried until told otherwise."""

    def __init__(self, caller, host):
        for sock in (caller, host):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ways = {_UP: _Way(caller, host), _DOWN: _Way(host, caller)}
        for way in self._ways.values():
            _in_thread(way.carry)

    def drop(self, *ways):
        """Swallow what comes from now on: who sends it sees nothing of that."""
        for name in ways:
            self._ways[name].drop()

    def hold(self, *ways):
        """Keep what comes from now on, also the end."""
        for name in ways:
            self._ways[name].hold()

    def close(self, *ways):
        """End these ways only."""
        for name in ways:
            self._ways[name].close()

    def release(self):
        """Let what was held back arrive, and carry what follows."""
        for way in self._ways.values():
            way.release()


class _Way:
    """One direction of a connection."""

    def __init__(self, source, sink):
        self._source, self._sink = source, sink
        self._held, self._is_dropping = None, False
        #: What becomes of data; and whose turn it is to send, which may wait for a reader.
        self._lock, self._sending = threading.Lock(), threading.Lock()

    def carry(self):
        with contextlib.suppress(OSError):
            while True:
                data = self._source.recv(1 << 16)
                with self._sending:
                    if self._passes(data):
                        self._pass_on(data)
                if not data:
                    return

    def _passes(self, data):
        with self._lock:
            if self._held is not None:
                self._held.append(data)
                return False
            return not self._is_dropping

    def _pass_on(self, data):
        if data:
            self._sink.sendall(data)
        else:
            self._sink.shutdown(socket.SHUT_WR)

    def drop(self):
        with self._lock:
            self._is_dropping = True

    def hold(self):
        with self._lock:
            self._held = []

    def close(self):
        with self._lock, contextlib.suppress(OSError):
            self._is_dropping = True
            self._sink.shutdown(socket.SHUT_WR)

    def release(self):
        with self._sending, contextlib.suppress(OSError):
            with self._lock:
                held, self._held = self._held or [], None
            for data in held:
                self._pass_on(data)


def _in_thread(function):
    threading.Thread(target=function, name="relay", daemon=True).start()
