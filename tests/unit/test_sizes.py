"""Sizes as people write them."""

from __future__ import annotations

import pytest

from jupyter_scale.model.run import RunReport, parse_bytes


@pytest.mark.parametrize(
    ("text", "count"),
    [("500MB", 500_000_000), ("1.5 GB", 1_500_000_000), ("2GiB", 2**31), ("4096", 4096),
     ("0", 0), ("10kb", 10_000), ("3 t", 3 * 10**12)],
)  # fmt: skip
def test_sizes(text: str, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "MB", "5XB", "-5MB", "1,5GB", "5 M B", "nan"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="expected a size such as 500MB or 2GiB, not"):
        parse_bytes(text)


def test_slow_checks_are_in_the_line() -> None:
    report = RunReport("cluster", workers=2, slow_checks={"rows": 1.2}, seconds={"total": 2.0})
    assert report.summary() == "cluster · 2 workers · sent 0 B · checked rows 1.2 s · 2.0 s"
