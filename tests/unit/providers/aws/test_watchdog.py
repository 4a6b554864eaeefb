"""When an instance ends itself: what is decided, and that it is done."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyter_scale.providers.aws import watchdog
from jupyter_scale.providers.aws.userdata import Limits
from jupyter_scale.transport.processes import MARK
from waiting import eventually

DEADLINE = 1_000_000.0
LIMITS = Limits(
    cluster="c1",
    deadline_at=DEADLINE,
    life_s=3600.0,
    why="max_cost of 5.00 USD is used up",
    orphan_after_s=600.0,
    never_s=1800.0,
    grace_s=120.0,
    is_spot=False,
)
FAR = {"deadline_at": time.time() + 1e6, "life_s": 1e6}


@pytest.mark.parametrize(
    ("wall", "life", "silence", "without_node", "why"),
    [
        (DEADLINE - 1, 3599, 1, 0, ""),
        (DEADLINE, 10, 1, 0, "max_cost"),
        (DEADLINE - 90_000, 3600, 1, 0, "max_cost"),  # a wrong wall clock prolongs nothing
        (0, 10, 599, 0, ""),
        (0, 10, 600, 0, "orphan_after"),
        (0, 10, 600, None, "orphan_after"),
        (0, 1799, None, None, ""),  # it boots, and gets its environment
        (0, 1800, None, None, "nobody was ever heard"),
        (0, 1800, 1, None, ""),
        (0, 1800, 1, 119, ""),
        (0, 1800, 1, 120, "its node process has ended"),
    ],
)
def test_it_is_time(wall, life, silence, without_node, why):
    said = watchdog.why_end(json.loads(LIMITS.to_json()), wall, life, silence, without_node)
    assert why in said
    assert bool(why) == bool(said)


@pytest.fixture
def instance(tmp_path):
    """A directory as on an instance, a watchdog in it, and a `shutdown` that only says so."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "shutdown").write_text('#!/bin/sh\necho "$@" >>"$OUT"\n')
    (programs / "shutdown").chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    (home / "lease").touch()
    begun = []

    def begin(**limits):
        write(home, **limits)
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "OUT": str(tmp_path / "shutdowns"),
        }
        argv = [sys.executable, "-S", watchdog.__file__, str(home)]
        begun.append(subprocess.Popen(argv, env=environment))
        return home

    yield begin
    for process in begun:
        process.kill()
        process.wait(10)


def write(home, **limits):
    text = json.dumps({**json.loads(LIMITS.to_json()), **FAR, **limits})
    (home / "limits.new").write_text(text)
    (home / "limits.new").replace(home / "limits.json")


def ended(home, timeout_s=20):
    """Return why an instance ended, and how."""
    path = home.parent / "shutdowns"
    assert eventually(lambda: path.exists() and path.read_text(), timeout_s)
    assert path.read_text() == "-h now\n"
    return (home / "ended").read_text()


def test_a_launcher_that_died_at_once(instance):
    assert "nobody was ever heard" in ended(instance(never_s=1.0))


def test_a_laptop_that_is_silent(instance):
    home = instance(orphan_after_s=3.0)
    assert eventually((home / "born").exists, 10)
    for _ in range(3):
        time.sleep(1)
        os.utime(home / "lease")
    heard = time.monotonic()
    assert "orphan_after" in ended(home)
    assert time.monotonic() - heard >= 2.0


def test_limits_are_changed_meanwhile(instance):
    home = instance()
    assert eventually((home / "born").exists, 10)
    (home / "limits.json").write_text("{")  # half written: the old ones hold
    time.sleep(watchdog.LOOK_S)
    assert not (home / "ended").exists()
    write(home, deadline_at=time.time() - 1, why="max_age")
    assert "max_age" in ended(home)


def test_the_stopwatch_goes_on_when_it_is_started_again(instance):
    home = instance()
    assert eventually((home / "born").exists, 10)
    (home / "born").write_text(repr(watchdog.clock() - 1000.0))
    again = watchdog.Watchdog(home)
    assert watchdog.clock() - again.born > 999
    (home / "born").write_text(repr(watchdog.clock() + 1000.0))  # by the clock before a reboot
    assert watchdog.clock() - watchdog.Watchdog(home).born < 10


def test_a_node_process_is_known_by_its_cluster():
    argv = [sys.executable, "-c", "import time; time.sleep(60)", "jupyter_scale.providers.node"]
    with subprocess.Popen(argv, env={**os.environ, MARK: "c-of-this-test"}) as process:
        assert eventually(lambda: watchdog.has_node("c-of-this-test"), 10)
        assert not watchdog.has_node("c-of-another-test")
        process.kill()
    assert not watchdog.has_node("c-of-this-test")


def test_it_needs_no_more_than_an_old_python():
    source = Path(watchdog.__file__).read_text()
    compile(source, "watchdog", "exec")
    lines = [line.split() for line in source.splitlines() if line.startswith(("import ", "from "))]
    imported = {words[1].partition(".")[0] for words in lines}
    assert imported <= sys.stdlib_module_names
