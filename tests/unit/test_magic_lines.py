"""The magic lines: what they accept, and one line with the usage for what they do not."""

from __future__ import annotations

import pytest

from jupyter_scale.errors import UsageError
from jupyter_scale.lines import cell_parser, line_parser, parse_line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--bogus", "--bogus"),
        ("extra", "extra"),
        ('"unclosed', "No closing quotation"),
        ("--strictly", "--strictly"),
        ("--detach 1x", "'1x'"),
        ("--then true", "--then"),
    ],
)
def test_cell_line_errors_are_one_line_with_usage(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_line(cell_parser(), line)
    text = str(caught.value)
    assert message in text
    assert "Usage: %%scale" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("upp", "upp"),
        ("up --workers 0", "from 1 on, not '0'"),
        ("up --workers many", "from 1 on, not 'many'"),
        ("up a b", "b"),
        ("quiet maybe", "maybe"),
        ("down now", "now"),
        ("free", "NAME"),
        ("free a-b", "'a-b'"),
        ("get 1x", "'1x'"),
        ("data x", "x"),
    ],
)
def test_line_errors_are_one_line_with_usage(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_line(line_parser(), line)
    text = str(caught.value)
    assert message in text
    assert "Usage: %scale" in text
    assert "\n" not in text


def test_lines_that_are_right() -> None:
    assert parse_line(cell_parser(), "") is not None
    options = parse_line(cell_parser(), "--strict --serial")
    assert options is not None
    assert options.strict
    assert options.serial
    for line, name in (("", None), ("--detach", ""), ("--detach job", "job")):
        said = parse_line(cell_parser(), line)
        assert said is not None
        assert said.detach == name
    up = parse_line(line_parser(), "up lab --workers 3")
    assert up is not None
    assert (up.command, up.profile, up.workers) == ("up", "lab", 3)
    status = parse_line(line_parser(), "")
    assert status is not None
    assert status.command is None


@pytest.mark.parametrize("line", ["--help", "-h"])
def test_help_is_printed_and_nothing_else_happens(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse_line(cell_parser(), line) is None
    assert "--strict" in capsys.readouterr().out
    assert parse_line(line_parser(), f"up {line}") is None
    assert "--workers" in capsys.readouterr().out
