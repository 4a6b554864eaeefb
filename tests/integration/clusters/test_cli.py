"""``jupyter scale`` in a terminal."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from jupyter_scale.clusters import store
from jupyter_scale.model.cluster import Ownership, Status
from jupyter_scale.transport.lifeline import is_alive
from jupyter_scale.transport.processes import marked
from waiting import eventually

PROFILES = """
[clusters.pair]
idle_timeout = "20m"
[[clusters.pair.pools]]
workers = 2
[clusters.broken]
[[clusters.broken.pools]]
workers = 1
worker_preload = ["no_such_module"]
[clusters.wrong]
provider = "nowhere"
"""


@pytest.fixture(autouse=True)
def profiles(own_jupyter, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "scale.toml").write_text(PROFILES)


@pytest.fixture
def begin(tmp_path):
    """Return a function that begins a command."""
    begun = []

    def begin(*arguments, **options):
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_scale.cli", *arguments],
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                "cwd": tmp_path,
                **options,
            },
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture
def scale(begin):
    """Return a function that runs a command, and returns its exit status and what it wrote."""
    seen = set()

    def scale(*arguments):
        process = begin(*arguments)
        out, err = process.communicate(timeout=60)
        seen.update(store.cluster_ids())
        return process.returncode, out, err

    yield scale
    scale("down")
    assert store.cluster_ids() == []
    assert [marked(cluster) for cluster in seen] == [[]] * len(seen)


def the_cluster():
    [cluster] = store.cluster_ids()
    return store.load(cluster)


def test_up_look_down(scale):
    status, out, err = scale("up", "pair")
    assert (status, err) == (0, "")
    state = the_cluster()
    assert out.splitlines()[0] == "making certificates"
    assert "workers 2/2\n" in out
    assert f"Cluster pair is up ({state.id})." in out
    assert state.status is Status.RUNNING
    assert state.ownership is Ownership.SERVER
    assert not is_alive(state.owner)  # the command has ended, and the cluster goes on

    _, out, _ = scale("ls")
    assert out.startswith(f"{state.id}  pair         running   2 of 2 workers, up ")
    [shown] = json.loads(scale("ls", "--json")[1])
    assert (shown["id"], shown["status"], shown["workers"]) == (state.id, "running", 2)
    assert shown["is_alive"]
    assert not shown["owner"]["is_alive"]
    assert shown["address"] == state.scheduler_address

    status, out, _ = scale("status", "pair")
    assert status == 0
    assert "cluster  pair (local), running\n" in out
    assert "when nothing ran for 20 min, or when no owner was heard for 2 h" in out
    assert "node     local: running, pool pool1, 2 workers\n" in out
    assert json.loads(scale("status", state.id, "--json")[1]) != []

    status, out, _ = scale("down", "pair")
    assert (status, out) == (0, f"Ended {state.id} (pair).\n")
    assert scale("ls")[1] == "No clusters.\n"
    assert json.loads(scale("ls", "--json")[1]) == []
    assert scale("down")[:2] == (0, "No clusters.\n")


def test_up_again_takes_it_over(scale):
    scale("up", "pair", "--workers", "1")
    state = the_cluster()
    status, out, _ = scale("up", "pair")
    assert status == 0
    assert out.endswith(f"Cluster pair runs already ({state.id}).\n")
    assert "making certificates" not in out
    assert the_cluster().owner != state.owner
    status, out, _ = scale("up", "pair", "--workers", "2")
    assert "It gets 2 workers on each node." in out
    assert eventually(lambda: json.loads(scale("ls", "--json")[1])[0]["workers"] == 2, 20)


def lose(state):
    """Kill all of a cluster but what removes its semaphores, and then ends by itself."""
    for process in marked(state.id):
        with contextlib.suppress(psutil.NoSuchProcess):
            lost = psutil.Process(process.pid)
            if "resource_tracker" not in " ".join(lost.cmdline()):
                lost.kill()
    assert eventually(lambda: not marked(state.id), 10)


def test_up_after_a_crash_starts_anew(scale):
    scale("up", "pair", "--workers", "1")
    state = the_cluster()
    lose(state)
    [shown] = json.loads(scale("ls", "--json")[1])
    assert (shown["status"], shown["is_alive"]) == ("running", False)
    assert " lost " in scale("ls")[1]
    status, out, _ = scale("up", "pair", "--workers", "1")
    assert status == 0, out
    assert f"The one that was up ({state.id}) has ended" in out
    assert the_cluster().id != state.id


def test_one_that_another_process_owns(scale, begin):
    owner = "import sys, time; from jupyter_scale.clusters.cluster import Cluster\n"
    owner += "from jupyter_scale.model.cluster import Ownership\n"
    owner += "from jupyter_scale.model.profile import Pool, Profile\n"
    owner += "profile = Profile('pair', 'local', (Pool('p', workers=1),))\n"
    owner += "cluster = Cluster.create(profile, ownership=Ownership.SERVER)\n"
    owner += "cluster.start(); print('up', flush=True); time.sleep(100)\n"
    process = subprocess.Popen([sys.executable, "-c", owner], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "up\n"
        status, out, _ = scale("up", "pair", "--workers", "3")
        assert status == 0
        assert f"runs already ({the_cluster().id}), owned by process {process.pid}." in out
        assert "It has 1 workers: change that in the panel" in out
        assert len(store.cluster_ids()) == 1
    finally:
        process.kill()
        process.communicate()


def test_a_start_that_fails_leaves_nothing(scale):
    status, out, err = scale("up", "broken")
    assert status == 1
    assert "What was begun has been ended." in out
    assert "no_such_module" in err
    assert store.cluster_ids() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_start_that_is_given_up_leaves_nothing(begin, number):
    process = begin("up", "pair")
    assert process.stdout.readline() == "making certificates\n"
    assert process.stdout.readline() == "starting scheduler\n"
    [cluster] = store.cluster_ids()
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Given up: what was begun has been ended." in out
    assert marked(cluster) == []
    assert store.cluster_ids() == []


def test_progress_on_a_terminal_is_in_place(begin, scale):
    ours, its = pty.openpty()
    process = begin("up", "pair", stdout=its)
    os.close(its)
    shown = b""
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait(20) == 0
    assert b"making certificates\r\nstarting scheduler" in shown
    assert b"workers 0/2\r\x1b[Kworkers" in shown


def test_logs(scale, begin):
    scale("up", "pair")
    state = the_cluster()
    directory = Path(state.directory)
    worker = directory / "workers" / "7.log"  # of one that is there no more: nobody else writes
    worker.write_text("".join(f"line {i}\n" for i in range(100)))
    assert scale("logs", "pair", "--worker", "7", "-n", "2")[1] == "line 98\nline 99\n"
    (directory / "node.log").write_text("the node's\n")
    assert scale("logs", "pair")[:2] == (0, "the node's\n")
    assert scale("logs", state.id, "--node", "local")[1] == "the node's\n"
    (directory / "runners" / "s1").mkdir()
    (directory / "runners" / "s1" / "runner.log").write_text("the runner's\n")
    assert scale("logs", "pair", "--session", "s1")[1] == "the runner's\n"
    status, _, err = scale("logs", "pair", "--worker", "9")
    assert status == 1
    assert "the log of worker 9 of cluster pair" in err
    assert scale("logs", "pair", "--worker", "../../state")[0] == 1
    assert "its nodes are: local" in scale("logs", "pair", "--node", "h7")[2]

    follower = begin("logs", "pair", "--worker", "7", "-f", "-n", "1")
    assert follower.stdout.readline() == "line 99\n"
    with worker.open("a") as file:
        file.write("one more\nand another\n")
    assert follower.stdout.readline() == "one more\n"
    assert follower.stdout.readline() == "and another\n"
    scale("down")
    assert follower.wait(10) == 0


def test_names_that_are_wrong(scale):
    for arguments in (["status", "nope"], ["logs", "nope"], ["down", "nope"]):
        status, _, err = scale(*arguments)
        assert status == 1
        assert "There is no cluster 'nope'; `jupyter scale ls` shows" in err
    status, _, err = scale("up", "pear")
    assert status == 1
    assert "did you mean 'pair'?" in err
    assert "There is no provider 'nowhere'" in scale("doctor", "wrong")[2]


def test_clean(scale):
    assert scale("clean")[:2] == (0, "Nothing was left on this machine.\n")
    scale("up", "pair", "--workers", "1")
    state = the_cluster()
    lose(state)
    assert scale("clean")[1] == f"Removed: {state.id}\n"
    status, out, err = scale("clean", "--environments")
    assert (status, out) == (
        0,
        "Nothing was left on this machine.\nNo profile names hosts.\n",
    )
    assert "There is no provider 'nowhere'" in err


def test_doctor_of_this_machine(scale):
    status, out, _ = scale("doctor", "pair")
    assert status == 0
    assert "this machine: cores: " in out
    assert " checks: " in out.splitlines()[-1]
    checks = json.loads(scale("doctor", "pair", "--json")[1])
    assert {check["step"] for check in checks} == {
        *("cores", "memory", "shared memory", "disk", "GPU")
    }


def test_whoever_stops_reading_is_no_error():
    command = f"{sys.executable} -m jupyter_scale.cli status --json | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
