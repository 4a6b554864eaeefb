"""The feed with many pages, and with one that does not read what it is sent."""

import asyncio
import base64
import json
import os
import struct

import pytest

from jupyter_scale.server.feed import CLOSE_SLOW, MOST_UNREAD
from jupyter_scale.server.views import World

FEED = ("jupyter-scale", "api", "feed")
LONG = "x" * 100_000


@pytest.fixture
def feed(jp_serverapp):
    """What the extension's pages are told; here it is told a world of ours."""
    return jp_serverapp.web_app.settings["jupyter_scale_feed"]


async def next_profiles(socket, before):
    """Return the profiles of the next delta, and its number, which follows the one before."""
    while True:
        frame = json.loads(await asyncio.wait_for(socket.read_message(), 60))
        if frame["type"] != "loads":
            assert before is None or frame["seq"] == before + 1
            return frame["profiles"], frame["seq"]


async def read_until(socket, last):
    """Read frames without a gap up to the one that tells these profiles."""
    profiles, seq = await next_profiles(socket, None)
    while profiles != last:
        profiles, seq = await next_profiles(socket, seq)
    return seq


async def test_fifty_pages_are_told_the_same(jp_ws_fetch, feed):
    sockets = [await jp_ws_fetch(*FEED) for _ in range(50)]
    for number in range(20):
        feed.publish(World(profiles=(f"p{number}",)))
        await asyncio.sleep(0)
    numbers = await asyncio.gather(*(read_until(socket, ["p19"]) for socket in sockets))
    assert len(set(numbers)) == 1
    for socket in sockets:
        socket.close()


async def test_a_page_that_does_not_read_is_closed_and_holds_up_nobody(
    jp_ws_fetch, jp_http_port, jp_base_url, jp_auth_header, feed
):
    reader, writer = await connect_raw(jp_http_port, jp_base_url, jp_auth_header)
    other = await jp_ws_fetch(*FEED)
    before = None
    for number in range(3 * MOST_UNREAD):
        feed.publish(World(profiles=(f"p{number}", LONG)))
        profiles = None
        while profiles is None or profiles[0] != f"p{number}":
            profiles, before = await next_profiles(other, before)
    other.close()
    frames = [frame async for frame in raw_frames(reader)]
    opcode, payload = frames[-1]
    assert opcode == 8
    assert struct.unpack("!H", payload[:2]) == (CLOSE_SLOW,)
    assert b"too slowly" in payload
    assert MOST_UNREAD <= len(frames) < 3 * MOST_UNREAD  # what had been written is delivered
    writer.close()


async def connect_raw(port, base_url, headers):
    """Open a WebSocket that reads only when it is told to: tornado's own client always reads."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {base_url}jupyter-scale/api/feed HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    status = await asyncio.wait_for(reader.readline(), 20)
    assert b" 101 " in status
    while await asyncio.wait_for(reader.readline(), 20) != b"\r\n":
        pass
    return reader, writer


async def raw_frames(reader):
    """Yield ``(opcode, payload)`` up to the frame that closes."""
    opcode = None
    while opcode != 8:
        first, second = await asyncio.wait_for(reader.readexactly(2), 60)
        opcode, size = first & 15, second & 127
        if size >= 126:
            wide = 2 if size == 126 else 8
            size = int.from_bytes(await reader.readexactly(wide))
        yield opcode, await asyncio.wait_for(reader.readexactly(size), 60)
