"""A link as from home to a cluster: a TCP relay that takes its time and counts bytes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import Self

_PIECE_BYTES = 1 << 14
_QUEUE_S = 0.02  # so much waits for the link; then the sender has to


class Relay:
    """Forwards connections to a host, late and no faster than a link.

    It runs in a thread of its own. Each direction has the whole rate, and half of the round trip.

    Parameters
    ----------
    host, port : str, int
        Where connections lead to.
    round_trip_s : float
        How long an answer takes at least.
    bytes_per_s : float
        The rate.

    Attributes
    ----------
    port : int
        Where it listens, on 127.0.0.1.
    sent_bytes : int
        What has gone to the host so far.
    """

    def __init__(self, host: str, port: int, round_trip_s: float, bytes_per_s: float) -> None:
        self._place = (host, port)
        self._delay_s, self._bytes_per_s = round_trip_s / 2, bytes_per_s
        self._loop = asyncio.new_event_loop()
        self._free_at = {True: 0.0, False: 0.0}
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0
        self.sent_bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_server(self._connect, "127.0.0.1", 0, limit=_PIECE_BYTES)
        server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.port = server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * self._delay_s)  # as the handshake of TCP
        other_reader, other_writer = await asyncio.open_connection(*self._place, limit=_PIECE_BYTES)
        await asyncio.gather(
            self._forward(reader, other_writer, is_sent=True),
            self._forward(other_reader, writer, is_sent=False),
        )

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_sent: bool
    ) -> None:
        """Pass on what comes: each piece when the link has taken it, and the delay is over."""
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(_PIECE_BYTES):
                begun = max(time.monotonic(), self._free_at[is_sent])
                free_at = self._free_at[is_sent] = begun + len(piece) / self._bytes_per_s
                self.sent_bytes += len(piece) * is_sent
                self._loop.call_at(free_at + self._delay_s, _write, writer, piece)
                await asyncio.sleep(free_at - time.monotonic() - _QUEUE_S)
        self._loop.call_later(2 * self._delay_s, writer.close)


def _write(writer: asyncio.StreamWriter, piece: bytes) -> None:
    if not writer.is_closing():
        writer.write(piece)
