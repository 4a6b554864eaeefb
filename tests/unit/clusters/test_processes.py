"""Processes: lifelines, ready lines, and ends, with real ones."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jupyter_scale.errors import StartError
from jupyter_scale.model.cluster import Owner
from jupyter_scale.transport.lifeline import (
    current_owner,
    heartbeat_path,
    is_alive,
    owner_of,
    wait_ended,
    watch,
    watch_heartbeat,
)
from jupyter_scale.transport.local import child_environment, python_argv, spawn
from jupyter_scale.transport.processes import MARK, end_groups, kill_marked, marked

SLEEP = "import time; time.sleep(60)"
READY = "import json, os; print(json.dumps({'pid': os.getpid()}), flush=True)\n"


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", SLEEP])
    yield process
    process.kill()
    process.wait(5)


@pytest.fixture
def begin(tmp_path):
    children = []

    def begin(code, **kwargs):
        child = spawn(
            [sys.executable, "-c", code],
            log_path=tmp_path / "log",
            env=child_environment("unit-test"),
            cwd=tmp_path,
            **kwargs,
        )
        children.append(child)
        return child

    yield begin
    for child in children:
        child.end(0.0)
    kill_marked("unit-test")


def test_this_process_is_alive():
    assert current_owner().pid == os.getpid()
    assert is_alive(current_owner())


def test_another_process_of_the_same_pid_is_not_the_owner():
    assert not is_alive(Owner(os.getpid(), current_owner().created - 100))


def test_watch_sees_a_kill_9_also_of_a_zombie(sleeper):
    owner, died = owner_of(sleeper.pid), threading.Event()
    watch(owner, died.set)
    assert not died.wait(0.2)
    sleeper.send_signal(signal.SIGKILL)  # not waited for: it stays a zombie
    assert died.wait(5)
    assert not is_alive(owner)


def test_watch_calls_once(sleeper):
    deaths = []
    thread = watch(owner_of(sleeper.pid), lambda: deaths.append(1))
    sleeper.kill()
    thread.join(5)
    assert deaths == [1]


@pytest.mark.parametrize("owner", [Owner(2**22 + 1, 1.0), Owner(os.getpid(), 1.0)])
def test_watch_calls_at_once_for_the_dead(owner):
    died = threading.Event()
    watch(owner, died.set)
    assert died.wait(5)


def test_wait_ended_returns_the_living(sleeper):
    living = owner_of(sleeper.pid)
    assert wait_ended([living, Owner(2**22 + 1, 1.0)], 0.05) == [living]


def test_the_ready_line_and_what_follows(begin):
    child = begin(READY + "print('{\"event\": 1}', flush=True)\n" + SLEEP)
    assert child.wait_ready(10) == {"pid": child.pid}
    assert child.read_message(10) == {"event": 1}
    assert child.read_message(0.0) is None
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("import sys; print('oh', file=sys.stderr); sys.exit(3)", ["exit status 3", "    oh"]),
        ("import os; os.kill(os.getpid(), 9)", ["ended by signal SIGKILL"]),
        ("print('hello')", ["not a JSON object"]),
        ('print(\'{"error": "no", "next_step": "Yes."}\')', ["no", "Yes."]),
        ("import sys, time; print('hm', file=sys.stderr); time.sleep(9)", ["said nothing", "hm"]),
    ],
)
def test_a_process_that_does_not_get_ready(begin, code, parts):
    child = begin(code, what="the thing", ready_timeout_s=1.0)
    with pytest.raises(StartError) as caught:
        child.wait_ready()
    for part in ("the thing did not start", *parts):
        assert part in str(caught.value)


def test_only_the_last_lines_are_shown(begin):
    child = begin("import sys\nfor i in range(99): print('line', i, file=sys.stderr)\nsys.exit(1)")
    with pytest.raises(StartError) as caught:
        child.wait_ready(10)
    assert caught.value.last_lines == tuple(f"line {i}" for i in range(84, 99))


def test_a_program_that_does_not_exist(tmp_path):
    with pytest.raises(StartError, match="No such file"):
        spawn(["/does/not/exist"], log_path=tmp_path / "log", env={}, cwd=tmp_path)


def test_the_log_is_private(begin, tmp_path):
    begin("pass")
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
"""


def test_end_takes_the_whole_group_even_a_stubborn_one(begin):
    child = begin(STUBBORN + READY + SLEEP)
    child.wait_ready(10)
    group = marked("unit-test")
    assert len(group) == 2
    child.end(0.2)
    assert not any(is_alive(owner) for owner in group)
    assert child.exit_status() == -signal.SIGKILL
    end_groups([child.pid], 0.2)  # gone already is success


def test_marked_processes_are_found_outside_the_group(begin):
    away = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " start_new_session=True)\n"
    )
    child = begin(away + READY)
    child.wait_ready(10)
    wait_ended([Owner(child.pid, child.created)], 10)
    assert len(marked("unit-test")) == 1
    kill_marked("unit-test")
    assert marked("unit-test") == []


def test_the_environment_of_children(monkeypatch):
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    monkeypatch.setenv("MPLBACKEND", "module://x")
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    env = child_environment("c1")
    assert "JPY_PARENT_PID" not in env
    assert env["MPLBACKEND"] == "module://x"
    assert env[MARK] == "c1"
    assert env["PYTHONHASHSEED"].isdigit()
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    assert child_environment("c1")["PYTHONHASHSEED"] == "0"


def test_a_module_beside_the_notebook_does_not_hide_ours(tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    argv = python_argv("jupyter_scale.providers.node", "--help")
    env = child_environment("unit-test")
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, timeout=20, check=False)
    assert done.returncode == 0
    assert Path(argv[0]) == Path(sys.executable)


def test_a_node_process_that_is_given_no_arguments_ends(tmp_path):
    argv = python_argv("jupyter_scale.providers.node", "--wait", str(tmp_path))
    done = subprocess.run(argv, input=b"", capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert list(tmp_path.iterdir()) == []


def test_a_node_process_that_gets_ready_to_start_workers_leaves_pandas_alone(tmp_path):
    (tmp_path / "pandas.py").write_text("raise AssertionError('it takes half a second')")
    script = """
import multiprocessing, pathlib
from distributed.utils import get_mp_context
from jupyter_scale.providers.node.keeper import configure
multiprocessing.set_start_method("forkserver")
configure(pathlib.Path.cwd())
print(get_mp_context().get_start_method())
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == (b"forkserver\n", b"")


@pytest.mark.parametrize("mtime", [None, 1.0, 4e9], ids=["missing", "long ago", "in the future"])
def test_silence_is_counted_from_when_one_listens_whatever_the_clock_says(tmp_path, mtime):
    if mtime is not None:
        heartbeat_path(tmp_path).touch()
        os.utime(heartbeat_path(tmp_path), (mtime, mtime))
    is_silent = threading.Event()
    watch_heartbeat(tmp_path, 0.5, is_silent.set)
    assert not is_silent.wait(0.3)
    assert is_silent.wait(2)


def test_a_heartbeat_is_heard(tmp_path):
    heartbeat_path(tmp_path).touch()
    is_silent = threading.Event()
    watch_heartbeat(tmp_path, 0.6, is_silent.set)
    for _ in range(12):
        time.sleep(0.1)
        os.utime(heartbeat_path(tmp_path))
    assert not is_silent.is_set()
    assert is_silent.wait(3)


def test_the_servers_key_does_not_reach_the_clusters_processes(monkeypatch):
    monkeypatch.setenv("JUPYTER_SCALE_SERVER_KEY", "secret")
    monkeypatch.setenv("JUPYTER_SCALE_QUIET", "1")
    environment = child_environment("unit-test")
    assert "JUPYTER_SCALE_SERVER_KEY" not in environment
    assert environment["JUPYTER_SCALE_QUIET"] == "1"
