"""Parcels cross as messages: inline when small, through shared memory when large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_scale.runner import cargo
from jupyter_scale.shipping.fingerprint import CHUNK_BYTES
from jupyter_scale.shipping.parcel import Parcel, UnknownTokensError
from jupyter_scale.shipping.quotes import Quote


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
    if not is_shared:
        assert body["inline"] == [b"first", parts[0] + parts[2]]

    def recall(quotes: Sequence[Quote], buffers: Sequence[memoryview]) -> None:
        assert tuple(quotes) == parcel.quotes
        assert bytes(buffers[1][chunk : 2 * chunk]) == bytes(chunk)
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
