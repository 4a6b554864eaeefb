"""Progress as text, and its words."""

from __future__ import annotations

import pytest

from jupyter_scale.model.messages import LoopProgress
from jupyter_scale.model.run import RunReport, format_bytes, format_seconds
from jupyter_scale.widgets import ProgressView, TextView, describe


def test_describe_tells_what_is_left() -> None:
    assert (
        describe(LoopProgress(0, 3, 40, 10, 2), 2.0)
        == "line 3: 10/40, about 6.0 s left · 2 workers"
    )
    assert describe(LoopProgress(0, 3, 40, 40, 2), 2.0) == "line 3: 40/40 · 2 workers"
    assert describe(LoopProgress(0, 3, 0, 7, 1, failed=2), 2.0) == "line 3: 7, 2 failed · 1 worker"


def test_text_bar_overwrites_itself_and_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    bar = TextView()
    bar.loop(3, "a long text", 0.5)
    bar.loop(3, "short", 1.0)
    assert not bar.close({"text/plain": "the summary is for the end"})
    written = capsys.readouterr().err
    assert "[############............] a long text" in written
    assert written.endswith("\r")
    assert written.rsplit("\r", 2)[1].strip() == ""


def test_without_a_kernel_progress_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    view = ProgressView()
    view.update(LoopProgress(0, 1, 4, 4, 2))
    view.close()
    assert "4/4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_345, "12 kB"),
        (999_999, "1.0 MB"),
        (3_000_000, "3.0 MB"),
        (5_200_000_000, "5.2 GB"),
        (5_200_000_000_000, "5.2 TB"),
    ],
)
def test_format_bytes(count: int, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0021, "2 ms"), (0.25, "0.2 s"), (4.06, "4.1 s"), (135, "2 min 15 s")]
)
def test_format_seconds(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_summary_says_what_the_cell_did() -> None:
    report = RunReport(
        where="cluster",
        sent_bytes=3_000_000,
        reused_bytes=1_200_000_000,
        seconds={"total": 4.1},
        workers=8,
        loops=({"spread": 10}, {"spread": 0}, {"spread": 3}),
    )
    assert (
        report.summary()
        == "cluster · 8 workers · sent 3.0 MB, reused 1.2 GB · 2 loops spread · 4.1 s"
    )
    local = RunReport("local", "input() asks", seconds={"total": 0.5})
    assert local.summary() == "ran here · input() asks · 0.5 s"
