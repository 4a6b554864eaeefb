"""The WebSocket: who may connect, what comes, and how it ends."""

import asyncio
import json

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_scale.model.feed import FEED_VERSION

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


async def test_a_snapshot_then_deltas(jp_ws_fetch, jp_fetch):
    socket = await jp_ws_fetch(*FEED)
    frame = await read(socket)
    assert (frame["type"], frame["version"]) == ("snapshot", FEED_VERSION)
    assert frame["clusters"] == frame["runs"] == []
    answer = await jp_fetch(
        "jupyter-scale", "api", "clusters", method="POST", body='{"workers": 1}'
    )
    cluster = json.loads(answer.body)["id"]
    seq, status = frame["seq"], ""
    while status != "running":
        frame = await read(socket)
        if frame["type"] == "snapshot":  # the profiles were read
            seq = frame["seq"]
            continue
        assert frame["seq"] == seq + 1
        seq = frame["seq"]
        [view] = frame["clusters"]
        assert view["id"] == cluster
        status = view["status"]
        assert status in ("starting", "running"), view["error"]
    await jp_fetch("jupyter-scale", "api", "clusters", cluster, method="DELETE")
    while cluster not in frame.get("gone_clusters", []):
        frame = await read(socket)
    socket.close()


@pytest.mark.parametrize("message", ["{", "[]", "hello", '{"type": "more"}', b"\x00"])
async def test_a_message_of_a_panel_ends_the_connection(jp_ws_fetch, message):
    socket = await jp_ws_fetch(*FEED)
    await read(socket)
    await socket.write_message(message, binary=isinstance(message, bytes))
    while await asyncio.wait_for(socket.read_message(), 10) is not None:
        pass
    assert socket.close_code == 4400
    assert "takes no messages" in socket.close_reason


async def test_nothing_is_sent_when_nothing_changes(jp_ws_fetch):
    socket = await jp_ws_fetch(*FEED)
    await read(socket)
    frames = []
    try:
        async with asyncio.timeout(3):
            while True:
                frames.append(await read(socket))
    except TimeoutError:
        assert [frame["type"] for frame in frames] in ([], ["snapshot"])  # profiles were read
    socket.close()
