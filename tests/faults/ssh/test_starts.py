"""A start over SSH that is disturbed at each of its steps: what is said, and what is left."""

import subprocess
import sys
from pathlib import Path

import pytest

from gates import MAKING, OPTIONS, PRELOAD, PYTHON, Gate
from laptop import Laptop, assert_clean, write_profile
from smallsite import make_small_site
from sshlab import Network, SshLab
from waiting import eventually


@pytest.fixture
def lab(possible, tmp_path):
    """Two machines whose steps can be held."""
    lab = SshLab(tmp_path)
    lab.add(options=OPTIONS)
    lab.add(options=OPTIONS)
    yield lab
    lab.close()


@pytest.fixture
def open_laptop(lab, tmp_path):
    opened = []

    def open_laptop():
        laptop = Laptop(lab, tmp_path / "notebooks", tmp_path / "home")
        opened.append(laptop)
        laptop.run("%load_ext jupyter_scale")
        return laptop

    yield open_laptop
    for laptop in opened:
        laptop.close()


def write_gated_profile(lab, tmp_path, step, pool=""):
    """Write a profile of the two machines; an environment is made only where that is the step."""
    python = "" if step == MAKING else PYTHON
    pool += f'\nworker_preload = ["{PRELOAD}"]'
    write_profile(tmp_path / "notebooks", lab, ["h1", "h2"], pool=pool, python=python)


def close_gates(lab, step, name):
    """Close the gate of a machine; of each, where what comes after it would take long."""
    gates = {
        other: Gate(machine, step)
        for other, machine in lab.machines.items()
        if other == name or step == MAKING
    }
    for other, machine in lab.machines.items():
        if other not in gates:
            Gate(machine, "").open()
    return gates


def scale(laptop, *arguments):
    """Run ``jupyter scale`` in a terminal of the laptop."""
    command = [sys.executable, "-m", "jupyter_scale.cli", *arguments]
    done = subprocess.run(
        command, env=laptop.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done
    return done.stdout


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("connecting", "h2"),
        ("checking", "h2"),
        (MAKING, "h2"),
        ("laying", "h2"),
        ("starting", "h1"),  # of the scheduler
        ("starting", "h2"),  # of workers elsewhere
        ("joining", "h2"),
    ],
)
def test_a_machine_that_dies_in_a_start_is_named(lab, tmp_path, open_laptop, step, name):
    write_gated_profile(lab, tmp_path, step)
    gates = close_gates(lab, step, name)
    laptop = open_laptop()
    laptop.begin("%scale up lab")
    for gate in gates.values():
        gate.wait()
    machine = lab.machines[name]
    machine.kill()
    error = laptop.answer(90)["error"]
    assert error.startswith(f"StartError: host {name} failed: "), error
    assert "sshd" in error or "Is it still running" in error
    for gate in gates.values():
        gate.open()
    machine.start()
    scale(laptop, "down")
    assert_clean(lab)


@pytest.mark.parametrize("step", ["laying", "starting"])
def test_another_machine_has_the_scheduler_of_one_that_dies(lab, tmp_path, open_laptop, step):
    write_gated_profile(lab, tmp_path, step, pool="min = 1")
    gates = close_gates(lab, step, "h1")
    laptop = open_laptop()
    laptop.begin("%scale up lab")
    gates["h1"].wait()
    lab.machines["h1"].kill()
    assert "is up: 1 worker." in laptop.result(90)
    laptop.run("%%scale\nimport socket\nwhere = socket.gethostname()")
    assert laptop.run("print(where)") == "h2\n"
    gates["h1"].open()
    lab.machines["h1"].start()
    laptop.run("%scale down")
    assert_clean(lab)


@pytest.mark.parametrize(
    ("step", "name"),
    [("connecting", "h2"), ("laying", "h2"), ("starting", "h1"), ("joining", "h2")],
)
def test_a_start_whose_laptop_has_died_goes_on_or_begins_anew(
    lab, tmp_path, open_laptop, step, name
):
    write_gated_profile(lab, tmp_path, step)
    gates = close_gates(lab, step, name)
    laptop = open_laptop()
    laptop.begin("%scale up lab")
    gates[name].wait()
    laptop.kill()
    gates[name].open()
    second = open_laptop()
    assert "2 workers" in second.run("%scale up lab")
    second.run("%%scale\nx = 1")
    second.run("%scale down")
    assert_clean(lab)


@pytest.mark.slow
@pytest.mark.parametrize("is_late", [False, True])
def test_a_start_goes_on_when_the_laptop_has_moved(possible, tmp_path, is_late):
    """The links break without a sign; what holds their other ends goes on, or only when it is late.

    So that the steps need not wait one after the other, each machine is at another one.
    """
    lab = SshLab(tmp_path, Network())
    steps = {"h1": "starting", "h2": "checking", "h3": "laying"}
    for _ in steps:
        lab.add(options=OPTIONS)
    gates = {name: Gate(lab.machines[name], step) for name, step in steps.items()}
    write_profile(tmp_path / "notebooks", lab, list(steps), python=PYTHON)
    laptop = Laptop(lab, tmp_path / "notebooks", tmp_path / "home")
    try:
        laptop.run("%load_ext jupyter_scale")
        laptop.begin("%scale up lab")
        for gate in gates.values():
            gate.wait()
        lab.network.move_client()
        callers = {name: machine.callers() for name, machine in lab.machines.items()}
        for name, gate in gates.items():
            if is_late:
                assert eventually(lambda n=name: lab.machines[n].callers() > callers[n], 60)
            gate.open()
        assert "is up: 3 workers." in laptop.result(90)
        laptop.run("%%scale\nx = 1")
        laptop.run("%scale down")
        assert_clean(lab)
    finally:
        laptop.close()
        lab.close()


@pytest.mark.slow
@pytest.mark.parametrize("step", ["opening a session", "checking"])
def test_a_cell_whose_laptop_moves_before_it_has_begun_runs_once(possible, tmp_path, step):
    """Its session is being opened, or files that it names are on their way."""
    lab = SshLab(tmp_path, Network())
    machine = lab.add(options=OPTIONS)
    Gate(machine, step).open()
    write_profile(tmp_path / "notebooks", lab, ["h1"], python=PYTHON)
    laptop = Laptop(lab, tmp_path / "notebooks", tmp_path / "home")
    try:
        laptop.run("%load_ext jupyter_scale")
        laptop.run("%scale up lab")
        if step == "checking":
            laptop.run("%%scale\nx = 0")
        (tmp_path / "notebooks" / "rows.csv").write_text("1,2\n" * 100_000)
        gate = Gate(machine, step)
        laptop.begin("%%scale\nprint('once')\nx = len(open('rows.csv').read())")
        gate.wait()
        lab.network.move_client()
        callers = machine.callers()
        assert eventually(lambda: machine.callers() > callers, 60)
        gate.open()
        assert laptop.result(90).count("once\n") == 1
        assert laptop.run("print(x)") == "400000\n"
        laptop.run("%scale down")
        assert_clean(lab)
    finally:
        laptop.close()
        lab.close()


def test_an_environment_whose_laptop_has_died_is_given_up(lab, tmp_path, open_laptop):
    write_gated_profile(lab, tmp_path, MAKING)
    gates = close_gates(lab, MAKING, "h1")
    laptop = open_laptop()
    laptop.begin("%scale up lab")
    for gate in gates.values():
        gate.wait()
    laptop.kill()
    assert eventually(lambda: not any(m.processes() for m in lab.machines.values()), 30)
    scale(laptop, "down")
    assert_clean(lab)


def test_a_laptop_that_dies_while_a_session_opens_leaves_a_cluster(lab, tmp_path, open_laptop):
    step = "opening a session"
    write_gated_profile(lab, tmp_path, step)
    gates = close_gates(lab, step, "h1")
    laptop = open_laptop()
    laptop.run("%scale up lab")
    laptop.begin("%%scale\nx = 1")
    gates["h1"].wait()
    laptop.kill()
    gates["h1"].open()
    second = open_laptop()
    assert "2 workers" in second.run("%scale up lab")
    second.run("%%scale\nx = 1")
    second.run("%scale down")
    assert_clean(lab)


#: Interpreters of this machine, which its guests see as well; beside ours there may be others.
PYTHONS = [
    *Path("/usr").glob("bin/python3*"),
    *Path("/usr/local").glob("bin/python3*"),
    *Path(sys.base_prefix).glob("bin/python3*"),
    *Path.home().glob(".pyenv/versions/*/bin/python3*"),
]


def test_a_machine_without_python_is_told_what_it_needs(fresh, tmp_path):
    fresh.add(hidden={python.resolve() for python in PYTHONS})
    write_profile(tmp_path / "notebooks", fresh, ["h1"], python="")
    laptop = Laptop(fresh, tmp_path / "notebooks", tmp_path / "home")
    laptop.run("%load_ext jupyter_scale")
    error = laptop.fails("%scale up lab")
    assert "h1" in error
    assert "This host has no Python 3.8 or newer" in error
    assert "Install python3 there" in error
    assert_clean(fresh)
    laptop.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_machine_that_reaches_no_index_gets_the_laptops_packages(fresh, tmp_path):
    closed = "UV_DEFAULT_INDEX=http://127.0.0.1:9/simple"
    fresh.add(options=f"SetEnv UV_HTTP_TIMEOUT=5 {closed} PIP_INDEX_URL={closed.partition('=')[2]}")
    write_profile(tmp_path / "notebooks", fresh, ["h1"], python="")
    site = make_small_site(tmp_path / "small" / "site-packages")
    path = f"{site}:{Path(__file__).parents[2]}:{Path(__file__).parents[3]}"
    home = tmp_path / "home"
    laptop = Laptop(fresh, tmp_path / "notebooks", home, options=("-S",), PYTHONPATH=path)
    laptop.run("%load_ext jupyter_scale")
    said = laptop.run("%scale up lab", timeout_s=240)
    assert "h1 reaches no package index: collecting wheels" in said
    assert "is up: 1 worker." in said
    laptop.run("%%scale\nimport sys, distributed\nfound = sys.prefix, distributed.__version__")
    laptop.run("import distributed")
    assert laptop.run("print(found[1] == distributed.__version__)") == "True\n"
    assert laptop.run("print('/.cache/jupyter-scale/environments/' in found[0])") == "True\n"
    laptop.run("%scale down")
    assert_clean(fresh)
    laptop.close()
