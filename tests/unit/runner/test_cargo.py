"""Parcels cross as messages: inline when small, through shared memory when large."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_scale.runner import cargo
from jupyter_scale.shipping.parcel import Parcel


def make_parcel(*buffers: bytes) -> Parcel:
    views = tuple(memoryview(buffer) for buffer in buffers)
    return Parcel(4, ("a", "b"), (7, 8), ("gone",), b"stream", views)


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
    back = cargo.from_body(cargo.to_body(parcel, shared), shared)
    assert contents(back) == contents(parcel)
    assert list(tmp_path.iterdir()) == []


def test_large_buffers_do_not_go_through_the_message(tmp_path: Path) -> None:
    body = cargo.to_body(make_parcel(b"a" * 200_000), tmp_path)
    assert body["inline"] == []
    assert len(list(tmp_path.iterdir())) == 1


def test_a_mapping_is_private(tmp_path: Path) -> None:
    body = cargo.to_body(make_parcel(b"a" * 200_000), tmp_path)
    first = cargo.from_body(body, tmp_path, is_last=False)
    second = cargo.from_body(body, tmp_path)
    first.buffers[0][0] = 0
    assert second.buffers[0][0] == ord("a")
    assert list(tmp_path.iterdir()) == []


def test_a_segment_is_named_only_within_its_directory(tmp_path: Path) -> None:
    body = cargo.to_body(make_parcel(b"a" * 200_000), tmp_path) | {"segment": "../etc/passwd"}
    with pytest.raises(ValueError, match="segment"):
        cargo.from_body(body, tmp_path)
