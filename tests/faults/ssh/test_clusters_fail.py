"""Clusters over SSH when something goes wrong: what is said, and that nothing is lost or left."""

import contextlib
import os
import time
from pathlib import Path

import psutil
import pytest

from laptop import Laptop, assert_clean, is_clean_there, why_unclean, write_profile
from sshlab import Network, SshLab
from waiting import eventually, let_pass


@pytest.fixture
def lab(possible, tmp_path):
    """Two machines, each on a link that can be cut."""
    lab = SshLab(tmp_path, Network())
    lab.add()
    lab.add()
    yield lab
    lab.close()


@pytest.fixture
def folder(lab, tmp_path):
    write_profile(tmp_path / "notebooks", lab, ["h1", "h2"])
    return tmp_path / "notebooks"


def test_an_unknown_key_stops_with_the_command_that_accepts_it(lab, open_laptop):
    lab.known_hosts.write_text("")
    error = open_laptop().fails("%scale up lab")
    assert "SHA256:" in error
    assert "known_hosts" in error
    assert "h1" in error
    assert "h2" in error  # all are told at once
    assert_clean(lab)


def test_a_host_that_is_down_is_named_and_nothing_is_left_on_the_others(lab, open_laptop):
    lab.machines["h2"].kill()
    error = open_laptop().fails("%scale up lab")
    assert "h2" in error
    assert_clean(lab)


def test_a_python_of_another_version_is_refused(lab, folder, open_laptop):
    fake = lab.machines["h2"].home / "python"
    fake.write_text('#!/bin/sh\necho "{\\"error\\": \\"no\\"}"\nexit 1\n')
    fake.chmod(0o755)
    write_profile(folder, lab, ["h1", "h2"], python="/root/python")
    error = open_laptop().fails("%scale up lab")
    assert "h2" in error or "h1" in error
    assert_clean(lab)


def test_a_full_disk_is_told(possible, tmp_path):
    lab = SshLab(tmp_path)
    try:
        lab.add(disks={".cache": "512k"})
        write_profile(tmp_path / "notebooks", lab, ["h1"])
        laptop = Laptop(lab, tmp_path / "notebooks", tmp_path / "home")
        laptop.run("%load_ext jupyter_scale")
        error = laptop.fails("%scale up lab")
        assert "h1" in error
        assert "disk" in error.lower() or "space" in error.lower()
        laptop.close()
        assert_clean(lab)
    finally:
        lab.close()


@pytest.mark.slow
def test_a_link_that_is_cut_for_a_while_changes_nothing(lab, open_laptop):
    seconds = 10
    laptop = open_laptop()
    laptop.run("%scale up lab")
    laptop.run("%%scale\nx = 1")
    laptop.begin(f"%%scale\nfor i in range({seconds + 5}):\n    time.sleep(1)\nx += i")
    assert eventually(lambda: lab.machines["h1"].find("jupyter_scale.runner.host.shell"), 10)
    lab.network.cut(1)
    let_pass(seconds)
    lab.network.mend(1)
    laptop.result(90)
    assert laptop.run("print(x)") == f"{seconds + 5}\n"
    laptop.run("%scale down")
    assert_clean(lab)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_link_that_is_cut_for_ever_fails_the_cell_and_leaves_the_notebook(
    lab, folder, open_laptop
):
    write_profile(folder, lab, ["h1", "h2"], more='keep_for = "10s"')
    laptop = open_laptop()
    laptop.run("%scale up lab")
    laptop.run("%%scale\nx = [1]")
    laptop.begin("%%scale\nx.append(2)\ntime.sleep(600)")
    lab.network.cut(1)
    answer = laptop.answer(120)
    assert "RunnerLost" in answer["error"]
    assert laptop.run("print(x)") == "[1]\n"
    assert "h1" in laptop.fails("%scale down", 120)
    lab.network.mend(1)
    laptop.run("%scale down", 120)
    assert_clean(lab)


def test_a_worker_that_is_killed_is_replaced_and_its_iterations_run_again(lab, open_laptop):
    laptop = open_laptop()
    laptop.run("%scale up lab")
    laptop.run("def slow(i):\n    time.sleep(0.2)\n    return i * i, socket.gethostname()")
    laptop.begin("%%scale\nr = [slow(i) for i in range(60)]")
    assert eventually(lambda: workers(lab, "h2"), 10)
    workers(lab, "h2")[0].kill()
    laptop.result(60)
    assert laptop.run("print([a for a, _ in r] == [i * i for i in range(60)])") == "True\n"
    assert eventually(lambda: "2 of 2" in laptop.run("%scale"), 30)
    laptop.run("%scale down")
    assert_clean(lab)


def workers(lab, name):
    """Return the worker processes of a machine: children of its fork server, or spawned ones."""
    found = []
    for node in lab.machines[name].find("jupyter_scale.providers.node"):
        for process in node.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                own, parents = " ".join(process.cmdline()), " ".join(process.parent().cmdline())
                if "spawn_main" in own or ("forkserver" in own and "forkserver" in parents):
                    found.append(process)
    return found


@pytest.mark.timeout(400)
def test_a_machine_that_dies_in_a_loop_is_done_without(lab, open_laptop):
    laptop = open_laptop()
    laptop.run("%scale up lab")
    laptop.run("def slow(i):\n    time.sleep(0.2)\n    return i * i")
    laptop.begin("%%scale\nr = [slow(i) for i in range(60)]")
    assert eventually(lambda: workers(lab, "h2"), 10)
    lab.machines["h2"].kill()
    laptop.result(90)
    assert laptop.run("print(r == [i * i for i in range(60)])") == "True\n"
    lab.machines["h2"].start()
    assert eventually(lambda: "2 of 2" in laptop.run("%scale"), 90), laptop.run("%scale")
    laptop.run("%scale down", 90)
    assert_clean(lab)


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    ("name", "is_in_a_loop"),
    [("h2", True), ("h2", False), ("h1", False)],
    ids=["in a loop", "at rest", "the one with the scheduler"],
)
def test_a_machine_without_power_says_nothing_and_never_returns(
    lab, open_laptop, name, is_in_a_loop
):
    laptop = open_laptop()
    laptop.run("%scale up lab")
    laptop.run("def slow(i):\n    time.sleep(0.2)\n    return i * i")
    laptop.begin("%%scale\nr = [slow(i) for i in range(60)]")
    assert eventually(lambda: workers(lab, "h2"), 10)
    if not is_in_a_loop:
        laptop.result(60)
    lab.network.cut(int(name[1:]))  # so nobody hears that its processes end
    lab.machines[name].kill()
    if is_in_a_loop:
        laptop.result(150)
    assert laptop.run("print(r == [i * i for i in range(60)])") == "True\n"
    assert eventually(lambda: f"{name}: running, the link is broken" in laptop.run("%scale"), 60)
    began = time.monotonic()
    error = laptop.fails("%scale down", 120)
    assert time.monotonic() - began < 75
    assert error.partition(" could not be ended")[0].endswith(f"What runs on {name}")
    other = lab.machines["h1" if name == "h2" else "h2"]
    assert eventually(lambda: is_clean_there(other), 30), why_unclean(lab)


@pytest.mark.parametrize("what", ["jupyter_scale.providers.node", "jupyter_scale.runner.host"])
def test_a_dead_scheduler_or_runner_is_told_and_the_next_start_works(lab, open_laptop, what):
    laptop = open_laptop()
    laptop.run("%scale up lab")
    laptop.run("%%scale\nx = [1]")
    laptop.begin("%%scale\nx.append(2)\nos.mkdir(os.environ['HOME'] + '/begun')\ntime.sleep(600)")
    assert eventually((lab.machines["h1"].home / "begun").exists, 30)
    for process in lab.machines["h1"].find(what):
        with contextlib.suppress(psutil.NoSuchProcess):  # its parent was among them
            process.kill()
    if what.endswith("node"):
        laptop.interrupt()
    answer = laptop.answer(90)
    assert answer["error"], answer
    if what.endswith("node"):  # the runner lives without it: the cell was interrupted
        assert laptop.run("print(x)") == "[1, 2]\n"
        assert eventually(lambda: "failed" in laptop.run("%scale"), 10)
    else:
        assert laptop.run("print(x)") == "[1]\n"
        laptop.run("%%scale\nx.append(3)", 60)
        assert laptop.run("print(x)") == "[1, 3]\n"
    laptop.run("%scale down")
    assert_clean(lab)
    laptop.run("%scale up lab")
    laptop.run("%scale down")
    assert_clean(lab)


def test_ctrl_c_in_the_middle_of_a_start_leaves_nothing(lab, open_laptop):
    laptop = open_laptop()
    laptop.begin("%scale up lab")
    assert eventually(lambda: lab.machines["h1"].find("jupyter_scale.providers.node"), 60)
    laptop.interrupt()
    assert "KeyboardInterrupt" in laptop.answer()["error"]
    assert_clean(lab)
    laptop.run("%scale up lab")
    laptop.run("%scale down")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_link_that_is_cut_in_a_transfer_delays_it(lab, open_laptop):
    laptop = open_laptop()
    laptop.run("import numpy as np\na = np.arange(60_000_000)")
    laptop.run("%scale up lab")
    laptop.run("%%scale\nx = 1")
    laptop.begin("%%scale\ns = int(a.sum()); b = a[::-1].copy()")
    assert eventually(lambda: received(lab.machines["h1"]) > 50_000_000, 20)
    lab.network.cut(1)
    let_pass(40)
    lab.network.mend(1)
    laptop.result(110)
    assert laptop.run("print(s == a.sum(), (b == a[::-1]).all())") == "True True\n"
    laptop.run("%scale down")
    assert_clean(lab)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("is_patient", [True, False])
def test_a_link_that_is_cut_for_ever_while_files_travel_fails_the_cell(
    lab, folder, open_laptop, is_patient
):
    write_profile(folder, lab, ["h1", "h2"], more='keep_for = "10s"' * is_patient)
    (folder / "large.bin").write_bytes(os.urandom(200_000_000))
    laptop = open_laptop()
    laptop.run("%scale up lab")
    laptop.run("%%scale\nx = [1]")
    before = received(lab.machines["h1"])
    laptop.begin("%%scale\nx.append(len(open('large.bin', 'rb').read()))")
    assert eventually(lambda: received(lab.machines["h1"]) > before + 20_000_000, 30)
    lab.network.cut(1)
    if not is_patient:
        laptop.interrupt()
    error = laptop.answer(120)["error"]
    assert ("h1: " if is_patient else "KeyboardInterrupt") in error, error
    assert laptop.run("print(x)") == "[1]\n"
    lab.network.mend(1)
    if not is_patient:  # the next cell is as if nothing had been
        laptop.run("%%scale\nx.append(len(open('large.bin', 'rb').read()))")
        assert laptop.run("print(x)") == "[1, 200000000]\n"
    laptop.run("%scale down", 120)
    assert_clean(lab)


def received(machine):
    """Return how many bytes have come to a machine."""
    for line in Path(f"/proc/{machine.process.pid}/net/dev").read_text().splitlines():
        if line.strip().startswith("eth0:"):
            return int(line.split(":")[1].split()[0])
    return 0
