"""Parcels cross as messages: inline when small, through shared memory when large."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jupyter_scale.runner import cargo
from jupyter_scale.runner.host.loops.pieces import Known, pack_piece, unpack_piece
from jupyter_scale.shipping.fingerprint import (
    CHUNK_BYTES,
    OBSERVED_BYTES,
    chunk_digests,
    digest_chunk,
)
from jupyter_scale.shipping.parcel import Parcel, UnknownTokensError
from jupyter_scale.shipping.quotes import Hashed, Quote


def make_parcel(*buffers: bytes) -> Parcel:
    views = tuple(memoryview(buffer) for buffer in buffers)
    return Parcel(4, ("a", "b"), (7, 8), ("gone",), b"stream", views)


def no_recall(quotes: Sequence[Quote], _buffers: Sequence[memoryview]) -> None:
    assert not quotes


def contents(parcel: Parcel) -> tuple[object, ...]:
    return (
        parcel.number,
        parcel.names,
        parcel.patches,
        parcel.deletes,
        parcel.stream,
        [bytes(buffer) for buffer in parcel.buffers],
    )


@pytest.mark.parametrize("buffers", [(), (b"x" * 10,), (b"a" * 70_000, b"", b"b" * 3)])
@pytest.mark.parametrize("is_shared", [True, False])
def test_round_trip(tmp_path: Path, buffers: tuple[bytes, ...], *, is_shared: bool) -> None:
    shared = tmp_path if is_shared else None
    parcel = make_parcel(*buffers)
    back = cargo.from_body(cargo.to_body(parcel, shared), shared, no_recall)
    assert contents(back) == contents(parcel)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_shared", [True, False])
def test_quoted_chunks_do_not_travel(tmp_path: Path, *, is_shared: bool) -> None:
    chunk = CHUNK_BYTES
    parts = [bytes([n]) * chunk for n in range(3)] + [b"tail"]
    parcel = replace(
        make_parcel(b"first", b"".join(parts)),
        quotes=(
            Quote((1, chunk, 2 * chunk), b"digest"),
            Quote((1, 3 * chunk, 3 * chunk + 4), (1, 0, 4)),
        ),
    )
    shared = tmp_path if is_shared else None
    body = cargo.to_body(parcel, shared)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2 * chunk + 1000
    if not is_shared:
        assert body["inline"] == [[b"first"], [parts[0], parts[2]]]

    def recall(quotes: Sequence[Quote], buffers: Sequence[memoryview]) -> None:
        assert tuple(quotes) == parcel.quotes
        buffers[1][chunk : 2 * chunk] = parts[1]
        buffers[1][3 * chunk :] = b"tail"

    back = cargo.from_body(body, shared, recall)
    assert contents(back) == contents(parcel)
    assert back.nbytes == parcel.nbytes == len(b"stream" + b"first") + 2 * chunk
    assert list(tmp_path.iterdir()) == []


def test_a_segment_does_not_outlive_a_recall_that_fails(tmp_path: Path) -> None:
    parcel = replace(make_parcel(b"a" * 200_000), quotes=(Quote((0, 0, 200_000), b"digest"),))
    body = cargo.to_body(parcel, tmp_path)

    def recall(quotes: Sequence[Quote], _buffers: Sequence[memoryview]) -> None:
        raise UnknownTokensError([], [b"digest"])

    with pytest.raises(UnknownTokensError):
        cargo.from_body(body, tmp_path, recall)
    assert list(tmp_path.iterdir()) == []


def test_large_buffers_do_not_go_through_the_message(tmp_path: Path) -> None:
    body = cargo.to_body(make_parcel(b"a" * 200_000), tmp_path)
    assert body["inline"] == []
    assert len(list(tmp_path.iterdir())) == 1


def test_a_mapping_is_private(tmp_path: Path) -> None:
    body = cargo.to_body(make_parcel(b"a" * 200_000), tmp_path)
    first = cargo.from_body(body, tmp_path, no_recall, is_last=False)
    second = cargo.from_body(body, tmp_path, no_recall)
    first.buffers[0][0] = 0
    assert second.buffers[0][0] == ord("a")
    assert list(tmp_path.iterdir()) == []


def test_a_segment_is_named_only_within_its_directory(tmp_path: Path) -> None:
    body = cargo.to_body(make_parcel(b"a" * 200_000), tmp_path) | {"segment": "../etc/passwd"}
    with pytest.raises(ValueError, match="segment"):
        cargo.from_body(body, tmp_path, no_recall)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A memory file system of 1 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_what_finds_no_room_in_shared_memory_goes_through_the_message(small: Path) -> None:
    parcel = make_parcel(b"a" * 700_000, b"b" * 700_000)
    body = cargo.to_body(parcel, small)
    assert list(small.iterdir()) == []
    assert body["segment"] is None
    assert contents(cargo.from_body(body, small, no_recall)) == contents(parcel)


def test_there_is_room_again(small: Path) -> None:
    parcel = make_parcel(b"a" * 700_000)
    first, second, third = (cargo.to_body(parcel, small) for _ in range(3))
    assert (first["segment"] is None, second["segment"] is None) == (False, True)
    assert contents(cargo.from_body(second, small, no_recall)) == contents(parcel)
    assert contents(cargo.from_body(first, small, no_recall)) == contents(parcel)
    assert third["segment"] is None
    assert cargo.to_body(parcel, small)["segment"] is not None


def test_a_piece_of_a_loop_that_finds_no_room_is_sent(small: Path) -> None:
    value = np.arange(200_000.0)
    piece, _ = pack_piece(value, {}, small, Known())
    assert (piece.segment, piece.sizes, list(small.iterdir())) == (None, (1_600_000,), [])
    assert (unpack_piece(piece, {}, small, Known(), is_last=True)[0] == value).all()


def test_no_room_for_what_travels_of_a_buffer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fake: the system refuses to write."""

    def refuse(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuse)
    parcel = replace(make_parcel(b"a" * 300_000), quotes=(Quote((0, 0, 150_000), b"digest"),))
    body = cargo.to_body(parcel, tmp_path)
    assert (body["segment"], list(tmp_path.iterdir())) == (None, [])

    def recall(_quotes: Sequence[Quote], buffers: Sequence[memoryview]) -> None:
        buffers[0][:150_000] = b"a" * 150_000

    assert contents(cargo.from_body(body, tmp_path, recall)) == contents(parcel)


def test_a_directory_that_has_gone(tmp_path: Path) -> None:
    assert cargo.to_body(make_parcel(b"a" * 200_000), tmp_path / "gone")["segment"] is None


def test_large_buffers_go_in_pieces_that_a_message_can_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cargo, "_PIECE_BYTES", 1000)
    parcel = replace(make_parcel(bytes(range(250)) * 18), quotes=(Quote((0, 2100, 2200), b"d"),))
    body = cargo.to_body(parcel, None)
    assert [len(piece) for piece in body["inline"][0]] == [1000, 1000, 100, 1000, 1000, 300]

    def recall(_quotes: Sequence[Quote], buffers: Sequence[memoryview]) -> None:
        buffers[0][2100:2200] = parcel.buffers[0][2100:2200]

    assert contents(cargo.from_body(body, None, recall)) == contents(parcel)


@pytest.mark.skipif(sys.platform != "linux", reason="pages can be observed on Linux only")
def test_digests_travel_so_that_what_is_mapped_is_not_hashed(tmp_path: Path) -> None:
    count = OBSERVED_BYTES // CHUNK_BYTES
    wrong = (b"w" * 16,) * count  # nobody else would compute these
    parcel = replace(make_parcel(b"a" * OBSERVED_BYTES), hashed=(Hashed(0, 0, wrong),))
    back = cargo.from_body(cargo.to_body(parcel, tmp_path), tmp_path, no_recall)
    array = np.frombuffer(back.buffers[0], dtype=np.uint8)
    assert chunk_digests(memoryview(array)) == wrong
    array[CHUNK_BYTES + 5] = 0
    now = chunk_digests(memoryview(array))
    assert now[1] == digest_chunk(memoryview(array)[CHUNK_BYTES : 2 * CHUNK_BYTES])
    # A page may belong to two chunks.
    assert now[3:] == wrong[3:]
