"""Files of a cell on another machine: put in their places, never over what is the user's."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from jupyter_scale.model.messages import FileRequest, FolderChange
from jupyter_scale.session.homecoming import BESIDE, Homecoming, Receiver
from jupyter_scale.session.readahead import PART_BYTES


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Part:
    """A part that is read when it is waited for."""

    def __init__(self, node: Node, part: FileRequest) -> None:
        self.node, self.part = node, part

    def wait(self) -> bytes:
        return self.node.read(self.part)

    def forget(self) -> None:
        self.node.forgotten += 1


class Node:
    """The cluster's copy: contents by path, and what it had when the cell began."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, bytes] = {}
        self.known: dict[str, str] = {}
        self.limit_bytes = 1000
        self.said: list[str] = []
        self.forgotten = 0

    def read(self, part: FileRequest) -> bytes:
        return self.files[part.path][part.offset : part.offset + part.length]

    def ask(self, part: FileRequest) -> Part:
        return Part(self, part)

    def take(self, **change: list[str]) -> Homecoming:
        put = [(path, len(content), 0o755) for path, content in self.files.items()]
        receiver = Receiver(self.folder, self.known, self.ask, self.limit_bytes, self.said.append)
        return receiver.take(FolderChange(put, **change))  # type: ignore[arg-type]

    def left(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.folder)): path.read_text()
            for path in self.folder.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def node(tmp_path: Path) -> Node:
    folder = tmp_path / "nb"
    folder.mkdir()
    return Node(folder)


def test_new_files_and_directories(node: Node) -> None:
    node.files = {"a.txt": b"first of all", "in/side/b.txt": b"b"}
    home = node.take(made=["empty/one"])
    assert node.left() == {"a.txt": "first of all", "in/side/b.txt": "b"}
    assert (node.folder / "empty" / "one").is_dir()
    assert (node.folder / "a.txt").stat().st_mode & 0o100
    assert home.seen["a.txt"] == (sha256(b"first of all"), 12)
    assert home.received_bytes == 13
    assert home.notes == []


@pytest.mark.parametrize(
    ("here", "was", "left", "is_noted"),
    [
        (None, None, {"x": "new"}, False),
        ("old", "old", {"x": "new"}, False),
        ("edited", "old", {"x": "edited", "x" + BESIDE: "new"}, True),
        ("other", None, {"x": "other", "x" + BESIDE: "new"}, True),
        ("new", "old", {"x": "new"}, False),
        (None, "old", {"x": "new"}, False),
    ],
)
def test_what_is_changed_here_is_kept(
    node: Node, here: str | None, was: str | None, left: dict[str, str], *, is_noted: bool
) -> None:
    if here is not None:
        (node.folder / "x").write_text(here)
    if was is not None:
        node.known["x"] = sha256(was.encode())
    node.files = {"x": b"new"}
    home = node.take()
    assert node.left() == left
    assert bool(home.notes) == is_noted
    assert home.written == ([] if is_noted else ["x"])


def test_removed_files_and_directories(node: Node) -> None:
    (node.folder / "d").mkdir()
    (node.folder / "full").mkdir()
    for name, content in {"gone": "a", "edited": "b", "unknown": "c", "full/f": "d"}.items():
        (node.folder / name).write_text(content)
    node.known = {"gone": sha256(b"a"), "edited": sha256(b"before")}
    home = node.take(removed=["gone", "edited", "unknown", "never"], gone=["d", "full"])
    assert node.left() == {"edited": "b", "unknown": "c", "full/f": "d"}
    assert not (node.folder / "d").exists()
    assert len(home.notes) == 2


@pytest.mark.parametrize("path", ["../x", "/tmp/x", "a/../../x", "link/x"])
def test_nothing_outside_is_touched(node: Node, path: str) -> None:
    outside = node.folder.parent / "x"
    outside.write_text("mine")
    (node.folder / "link").symlink_to(node.folder.parent)
    node.known = {path: sha256(b"mine")}
    node.files = {path: b"theirs"}
    home = node.take(removed=[path], made=[path + "d"], gone=[path + "d"])
    assert outside.read_text() == "mine"
    assert not list(node.folder.parent.glob("xd"))
    assert "leads out of here" in home.notes[0]


def test_a_link_out_of_the_folder_is_not_followed(node: Node) -> None:
    outside = node.folder.parent / "x"
    outside.write_text("mine")
    (node.folder / "x").symlink_to(outside)
    node.known = {"x": sha256(b"mine")}
    node.files = {"x": b"theirs"}
    node.take()
    assert outside.read_text() == "mine"
    assert (node.folder / ("x" + BESIDE)).read_text() == "theirs"


def test_too_much_stays(node: Node) -> None:
    node.files = {"large": bytes(2000), "small": b"1"}
    home = node.take()
    assert node.left() == {"small": "1"}
    assert "'large' (2.0 kB) stays on the cluster" in home.notes[0]


def test_a_file_that_cannot_be_read_leaves_no_draft(node: Node) -> None:
    def fail(*_part: object) -> bytes:
        raise OSError("it is gone")

    node.files = {"x": b"123"}
    node.read = fail  # type: ignore[method-assign]
    home = node.take()
    assert list(node.folder.iterdir()) == []
    assert home.notes == ["'x' stays on the cluster: it is gone"]


def test_a_file_in_many_parts(node: Node) -> None:
    content = bytes(range(256)) * 20_000
    node.limit_bytes = len(content)
    node.files = {"x": content}
    home = node.take()
    assert (node.folder / "x").read_bytes() == content
    assert home.seen["x"] == (sha256(content), len(content))
    assert node.said[0] == "bringing x home: 1.0 MB of 5.1 MB"


def test_a_file_that_has_become_shorter_comes_as_it_is(node: Node) -> None:
    node.limit_bytes = 10 * PART_BYTES
    node.files = {"x": bytes(3 * PART_BYTES), "y": b"y"}
    put = [("x", 9 * PART_BYTES, 0o644), ("y", 1, 0o644)]
    receiver = Receiver(node.folder, {}, node.ask, node.limit_bytes, node.said.append)
    home = receiver.take(FolderChange(put))
    assert (node.folder / "x").read_bytes() == node.files["x"]
    assert (node.folder / "y").read_bytes() == b"y"
    assert home.received_bytes == 3 * PART_BYTES + 1


def test_an_interrupt_leaves_the_rest_there(node: Node) -> None:
    def interrupt(part: FileRequest) -> bytes:
        if part.path == "b":
            raise KeyboardInterrupt
        return node.files[part.path]

    node.files = dict.fromkeys("abc", b"new")
    node.read = interrupt  # type: ignore[method-assign]
    home = node.take()
    assert node.left() == {"a": "new"}
    assert "interrupted: 2 files stay" in home.notes[0]
    assert node.forgotten == 1
