"""The laptop goes away at every step of a cell elsewhere: its link is cut, it sleeps, it dies.

How long links are cut and laptops sleep is said by ``JUPYTER_SCALE_CUTS_S``, such as ``60,180``; by
itself it is a few seconds, so that the tests can be run often.
"""

import os
import signal

import pytest

import linksteps
from laptop import Laptop, assert_clean, write_profile
from sshlab import Network, SshLab
from waiting import eventually

CUTS_S = [float(text) for text in os.environ.get("JUPYTER_SCALE_CUTS_S", "2").split(",")]
PATIENCE_S = 120


@pytest.fixture(scope="module")
def lab(possible, tmp_path_factory):
    lab = SshLab(tmp_path_factory.mktemp("lab"), Network())
    lab.add()
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def folder(lab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    write_profile(folder, lab, ["h1"])
    return folder


@pytest.fixture(scope="module")
def open_here(lab, folder, tmp_path_factory):
    """Open a notebook of the one laptop, which uses its cluster."""
    home, opened = tmp_path_factory.mktemp("laptop"), []

    def open_here():
        laptop = Laptop(lab, folder, home)
        opened.append(laptop)
        laptop.run("%load_ext jupyter_scale\n" + linksteps.prepare())
        laptop.run("%scale up lab")
        return laptop

    yield open_here
    last = open_here()
    last.run("%scale down")
    assert_clean(lab)
    for laptop in opened:
        laptop.close()


@pytest.fixture(scope="module")
def laptop(open_here):
    laptop = open_here()
    laptop.run("%%scale\nready = len(text)")
    return laptop


@pytest.fixture
def gate(tmp_path):
    """Where the notebook's process says that it has come to a step, and waits."""
    directory = tmp_path / "gate"
    directory.mkdir()
    return directory


WAIT = """
import pathlib
def wait(connection, gate=pathlib.Path({gate!r})):
    (gate / 'here').mkdir()
    while not (gate / 'go').exists():
        time.sleep(0.01)
reached = hooks['at']({step!r}, wait)
text = text + 'c'
data = {{'rows': [1]}}
"""


def begin(laptop, step, gate, remote):
    laptop.run(WAIT.format(gate=str(gate), step=step))
    laptop.begin(linksteps.cell(remote))
    assert eventually((gate / "here").exists, 60)


def let_pass(seconds):
    """Let so much time pass: it is the length of an absence that is tested."""
    assert not eventually(lambda: False, seconds)


def assert_whole(laptop, out, step):
    shown = [line for line in out.splitlines(keepends=True) if line.startswith("line ")]
    assert "".join(shown) == linksteps.LINES
    laptop.run("%%scale\nagain = data['rows'] * 2")
    size = int(laptop.run("print(len(text))"))
    said = laptop.run("print(reached, data['rows'], again, back == text[::-1])")
    assert said == f"[{step!r}] {[1, size]} {[1, size] * 2} True\n"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seconds", CUTS_S)
@pytest.mark.parametrize("step", linksteps.STEPS)
def test_its_link_is_cut(lab, laptop, gate, step, seconds, request):
    remote = lab.machines["h1"].home / f"cell-{abs(hash(request.node.name))}"
    begin(laptop, step, gate, remote)
    lab.network.cut(1)
    (gate / "go").mkdir()
    let_pass(seconds)
    lab.network.mend(1)
    assert_whole(laptop, laptop.result(seconds + PATIENCE_S), step)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seconds", CUTS_S)
def test_it_sleeps_while_a_cell_streams(lab, laptop, gate, seconds, request):
    step = "while streaming"
    remote = lab.machines["h1"].home / f"cell-{abs(hash(request.node.name))}"
    begin(laptop, step, gate, remote)
    (gate / "go").mkdir()
    os.kill(laptop.process.pid, signal.SIGSTOP)
    let_pass(seconds)
    os.kill(laptop.process.pid, signal.SIGCONT)
    assert_whole(laptop, laptop.result(seconds + PATIENCE_S), step)


@pytest.mark.parametrize("step", ["while uploading", "while streaming", "while results travel"])
def test_its_kernel_is_killed(lab, open_here, gate, step):
    """What had not come whole is not begun; what had is there for the next one."""
    first = open_here()
    remote = lab.machines["h1"].home / f"killed-{step.replace(' ', '-')}"
    begin(first, step, gate, remote)
    first.kill()
    second = open_here()
    if step == "while uploading":
        assert not remote.exists()
        assert "running" not in second.run("%scale runs")
        return
    shown = second.run("%scale attach")
    lines = [line for line in shown.splitlines(keepends=True) if line.startswith("line ")]
    assert "".join(lines) == linksteps.LINES
    assert second.run("print(data['rows'] == [1, len(back)], len(back))") == (
        f"True {linksteps.LONG + 1}\n"
    )
    second.close()
