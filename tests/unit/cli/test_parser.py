"""What can be written after ``jupyter scale``."""

import pytest

from jupyter_scale.cli import main
from jupyter_scale.cli.doctor import show, summarise
from jupyter_scale.cli.parser import build_parser
from jupyter_scale.model.checkup import Check, CheckStatus

COMMANDS = ["up", "ls", "status", "logs", "extend", "down", "clean", "doctor"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"examples:\n  jupyter scale {command}" in shown
    assert "%%" not in shown


@pytest.mark.parametrize(
    "line",
    [
        "",
        "fly",
        "up",
        "up a b",
        "up a --workers 0",
        "up a --workers many",
        "logs",
        "logs a --worker 0 --session s",
        "doctor",
        "ls --jso",
    ],
)
def test_what_cannot_be_understood_has_status_2(line, capsys):
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert "usage: jupyter scale" in capsys.readouterr().err


def test_the_old_name_of_ls():
    assert build_parser().parse_args(["list"]).command == "ls"


def test_a_check_as_text():
    check = Check("h1", "disk", CheckStatus.FAILED, "full", "Free some\n    rm x")
    assert show(check, has_signs=True) == "✗ h1: disk: full\n        Free some\n            rm x"
    assert show(check, has_signs=False).startswith("FAILED  h1: disk: full\n")
    fine = Check("h1", "name", CheckStatus.OK, "good")
    assert summarise([fine, fine, check]) == "3 checks: 2 fine, 1 failed."
