"""Parts of files that are asked for before they are needed."""

from __future__ import annotations

import pytest

from jupyter_scale.model.messages import FileRequest
from jupyter_scale.session.readahead import AHEAD, PART_BYTES, ReadAhead, parts_of


class Host:
    """Notes what is asked for, waited for and forgotten."""

    def __init__(self) -> None:
        self.asked: list[FileRequest] = []
        self.waiting: list[FileRequest] = []
        self.most = 0

    def ask(self, part: FileRequest) -> Asked:
        self.asked.append(part)
        self.waiting.append(part)
        self.most = max(self.most, len(self.waiting))
        return Asked(self, part)


class Asked:
    def __init__(self, host: Host, part: FileRequest) -> None:
        self.host, self.part = host, part

    def wait(self) -> bytes:
        self.host.waiting.remove(self.part)
        if self.part.path == "gone":
            raise FileNotFoundError(self.part.path)
        return f"{self.part.path}{self.part.offset}".encode()

    def forget(self) -> None:
        self.host.waiting.remove(self.part)


def test_the_parts_of_a_file() -> None:
    assert parts_of("x", 0) == []
    assert parts_of("x", PART_BYTES) == [FileRequest("x", 0, PART_BYTES)]
    assert parts_of("x", PART_BYTES + 1)[1] == FileRequest("x", PART_BYTES, 1)


def test_parts_come_in_order_while_others_are_on_their_way() -> None:
    host = Host()
    parts = parts_of("x", 9 * PART_BYTES)
    ahead = ReadAhead(parts, host.ask)
    assert [ahead.take(part) for part in parts] == [b"x%d" % part.offset for part in parts]
    assert host.asked == parts
    assert host.most == AHEAD


def test_what_is_left_out_is_not_waited_for() -> None:
    host = Host()
    gone, there = parts_of("gone", 7 * PART_BYTES), parts_of("there", 10)
    ahead = ReadAhead([*gone, *there], host.ask)
    with pytest.raises(FileNotFoundError):
        ahead.take(gone[0])
    assert ahead.take(there[0]) == b"there0"
    assert host.waiting == []
    assert host.asked == [*gone[:AHEAD], *there]


def test_nothing_is_waited_for_after_the_end() -> None:
    host = Host()
    parts = parts_of("x", 9 * PART_BYTES)
    ahead = ReadAhead(parts, host.ask)
    ahead.take(parts[0])
    ahead.close()
    assert host.waiting == []
