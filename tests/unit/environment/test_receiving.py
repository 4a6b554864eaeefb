"""Files that come in: what waits for its link holds nobody up, and leaves nothing."""

import hashlib
import io
import os
import threading
import zlib

import pytest

from jupyter_scale.environment.node.mirror import change_mirror
from jupyter_scale.environment.node.report import Refused
from waiting import eventually


def change_of(data):
    digest = hashlib.sha256(data).hexdigest()
    file = {"path": "x.txt", "sha256": digest, "size_bytes": len(data), "mode": 0o644}
    return {"put": [file], "remove": [], "contents": [digest]}


def packed(data):
    return io.BytesIO(zlib.compress(data))


def drafts(directory):
    return list(directory.parent.glob("*.draft-*"))


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "mirrors" / "files-1"


@pytest.fixture
def pipe():
    """Both ends of a link, as files."""
    near, far = os.pipe()
    with os.fdopen(near, "rb", buffering=0) as read, os.fdopen(far, "wb", buffering=0) as write:
        yield read, write


def test_whoever_waits_for_a_dead_link_does_not_hold_up_the_next(directory, pipe):
    near, far = pipe
    dead = [b"never all of it"]

    def receive():
        with pytest.raises(Refused, match="ended too early"):
            change_mirror(directory, change_of(dead[0]), near)
        dead.clear()

    waiting = threading.Thread(target=receive)
    waiting.start()
    assert eventually(lambda: drafts(directory), 5)
    change_mirror(directory, change_of(b"the next"), packed(b"the next"))
    assert (directory / "x.txt").read_bytes() == b"the next"
    assert len(drafts(directory)) == 1  # of who waits
    far.close()
    waiting.join(5)
    assert not dead
    assert drafts(directory) == []
    assert (directory / "x.txt").read_bytes() == b"the next"


def test_what_a_crash_left_is_removed(directory):
    left = directory.with_name("files-1.draft-crashed")
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    change_mirror(directory, change_of(b"new"), packed(b"new"))
    assert drafts(directory) == []
