"""The WebSocket: who may connect, what comes, and how it ends."""

import asyncio
import json
import time

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_scale.model.feed import FEED_VERSION
from jupyter_scale.server.feed import heartbeat_s

FEED = ("jupyter-scale", "api", "feed")


@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"Authorization": "token wrong"}])
async def test_refused(jp_ws_fetch, headers):
    with pytest.raises(HTTPClientError) as refusal:
        await jp_ws_fetch(*FEED, headers=headers)
    assert refusal.value.code == 403


async def test_a_page_of_another_origin(jp_ws_fetch, cookie_headers):
    (await jp_ws_fetch(*FEED, headers=dict(cookie_headers))).close()
    with pytest.raises(HTTPClientError) as refusal:
        await jp_ws_fetch(*FEED, headers={**cookie_headers, "Origin": "http://evil.example"})
    assert refusal.value.code == 403


async def test_the_key_of_kernels_does_not_open_the_feed(jp_ws_fetch, jp_serverapp):
    key = jp_serverapp.web_app.settings["jupyter_scale_key"]
    with pytest.raises(HTTPClientError):
        await jp_ws_fetch(*FEED, headers={"Authorization": "", "X-Jupyter-Scale-Key": key})


async def read(socket):
    text = await asyncio.wait_for(socket.read_message(), 20)
    assert text is not None, socket.close_reason
    return json.loads(text)


async def next_view(socket, before):
    """Read frames up to the next that tells of the only cluster: its view, and the frame."""
    while True:
        frame = await read(socket)
        if frame["type"] == "loads":
            continue
        assert (frame["type"], frame["seq"]) == ("delta", before["seq"] + 1)
        assert frame["sent_at"] >= before["sent_at"]
        if frame["clusters"]:
            return frame["clusters"][0], frame
        before = frame  # the profiles were read


async def next_loads(socket, before):
    """Read frames up to the next that tells of load: that, and the delta before it."""
    while (frame := await read(socket))["type"] != "loads":
        before = frame
    return frame, before


async def read_until_silence(socket, before, seconds):
    """Return the last delta before so long a silence."""
    try:
        while True:
            async with asyncio.timeout(seconds):
                frame = await read(socket)
            before = before if frame["type"] == "loads" else frame
    except TimeoutError:
        return before


async def test_a_snapshot_then_deltas(jp_ws_fetch, jp_fetch):
    socket = await jp_ws_fetch(*FEED)
    frame = await read(socket)
    assert (frame["type"], frame["version"]) == ("snapshot", FEED_VERSION)
    assert abs(frame["sent_at"] - time.time()) < 5
    await socket.write_message('{"type":"watch","visible":true,"nodes":[]}')
    assert frame["clusters"] == frame["runs"] == []
    answer = await jp_fetch(
        "jupyter-scale", "api", "clusters", method="POST", body='{"workers": 1}'
    )
    cluster = json.loads(answer.body)["id"]
    view = None
    while view is None or view["status"] != "running":
        view, frame = await next_view(socket, frame)
        assert view["id"] == cluster
        assert view["status"] in ("starting", "running"), view["error"]
    name = view["nodes"][0]["name"]
    loads, frame = await next_loads(socket, frame)  # somebody watches, so load is sampled
    assert (loads["cluster"], [row[0] for row in loads["rows"]]) == (cluster, [name])
    assert loads["rows"][0][-1] is None
    watched = {"type": "watch", "visible": True, "nodes": [[cluster, name]]}
    await socket.write_message(json.dumps(watched))
    loads, frame = await next_loads(socket, frame)
    assert loads["rows"][0][-1] is not None
    await socket.write_message('{"type":"watch","visible":false,"nodes":[]}')
    frame = await read_until_silence(socket, frame, 2.5)  # longer than samples take
    await jp_fetch("jupyter-scale", "api", "clusters", cluster, method="DELETE")
    while cluster not in frame.get("gone_clusters", []):
        frame = await read(socket)
    socket.close()


@pytest.mark.parametrize("message", ["{", "[]", "hello", '{"type": "more"}', b"\x00"])
async def test_a_malformed_message_ends_the_connection(jp_ws_fetch, message):
    socket = await jp_ws_fetch(*FEED)
    await read(socket)
    await socket.write_message(message, binary=isinstance(message, bytes))
    while await asyncio.wait_for(socket.read_message(), 10) is not None:
        pass
    assert socket.close_code == 4400
    assert "takes {" in socket.close_reason


async def test_a_page_is_given_a_sign_of_life_as_often_as_it_asks_for(jp_ws_fetch):
    socket = await jp_ws_fetch(*FEED, params={"heartbeat": "0.01"})
    heard_at, heard = [], asyncio.Event()

    def note_ping(_data):
        heard_at.append(time.monotonic())
        if len(heard_at) == 3:
            heard.set()

    socket.on_ping = note_ping
    await read(socket)
    await asyncio.wait_for(heard.wait(), 20)
    assert heard_at[-1] - heard_at[0] > 1  # but not oftener than the server is ready to
    socket.close()


@pytest.mark.parametrize(
    ("text", "seconds"), [("", None), ("nan", None), ("x", None), ("2.5", 2.5), ("-3", 1)]
)
def test_how_often_a_page_may_ask_for_it(text, seconds):
    assert heartbeat_s(text) == seconds


async def test_nothing_is_sent_when_nothing_changes(jp_ws_fetch):
    socket = await jp_ws_fetch(*FEED)
    await read(socket)
    frames = []
    try:
        async with asyncio.timeout(3):
            while True:
                frames.append(await read(socket))
    except TimeoutError:
        assert [frame["profiles"] for frame in frames] in ([], [["local"]])  # they were read
    socket.close()
