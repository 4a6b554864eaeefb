"""The Jupyter server is killed while cells of its kernels run on a cluster that it owns.

Its kernels end by themselves; another server takes the cluster over, and a kernel of that finds
what the cells have shown and left.
"""

import os
import re
import signal

import pytest

import linksteps
from labserver import LabServer
from waiting import eventually

pytestmark = [pytest.mark.absences, pytest.mark.timeout(400)]

PROFILES = "[clusters.one]\n[[clusters.one.pools]]\nworkers = 1\n"
UNSTARTED = ("before the request", "while uploading")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = LabServer(tmp_path_factory.mktemp("lab"), PROFILES)
    lab.start()
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def places(lab):
    """What each step's cell makes when it begins, once."""
    return {step: lab.directory / step.replace(" ", "-") for step in linksteps.STEPS}


@pytest.fixture(scope="module")
def following(lab, places, tmp_path_factory):
    """A kernel of the next server; the first was killed with a cell at every step."""
    cluster = lab.start_cluster(profile="one")["id"]
    pids = set()
    for step, place in places.items():
        gate = tmp_path_factory.mktemp("gate")
        kernel = lab.start_kernel(f"{place.name}.ipynb")
        pids.add(kernel.pid)
        assert kernel.run(linksteps.prepare()).status == "ok"
        assert kernel.run("%%scale\nready = len(text)").status == "ok"
        assert kernel.run(linksteps.waiting(step, gate)).status == "ok"
        kernel.start(linksteps.cell(place, mark=step))
        assert eventually((gate / "here").exists, 60), step
    os.kill(lab.process.pid, signal.SIGKILL)
    lab.process.wait(10)
    # They look whether their parent lives.
    assert eventually(lambda: not pids & {process.pid for process in lab.processes()}, 30)
    lab.start()
    assert lab.comes_up("one")
    assert lab.clusters()["one"]["id"] == cluster
    return lab.start_kernel("following.ipynb")


def run_of(kernel, step):
    """Return the id of a step's run, "" if there is none."""
    listed = kernel.run("%scale runs").stdout
    found = re.search(rf"^(\w+) .*mark = '{step}'$", listed, re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.parametrize("step", linksteps.STEPS)
def test_killed(lab, following, places, step):
    run = run_of(following, step)
    assert places[step].exists() == (step not in UNSTARTED)
    if step in UNSTARTED:
        assert not run
        return
    following.run("data = back = mark = None")
    fetched = following.run(f"%scale fetch {run}")
    assert linksteps.lines_in(fetched.stdout) == linksteps.LINES, fetched
    shown = following.run("print(data['rows'] == [1, len(back)], len(back), mark, number)")
    assert shown.stdout == f"True {linksteps.LONG + 1} {step} 39\n"
    [kept] = lab.runtime.rglob(f"runs/{run}*")
    # What it has shown stays for a page, as it is known under which cell; what it left does not.
    assert {path.name for path in kept.iterdir()} <= {"run.json", "output"}


def test_nothing_of_the_killed_kernels_stays(lab, following, places):
    """Their runners have ended, as all was fetched; the kernel that lives has its own."""
    assert following.run("%%scale\n40 + 2").result["text/plain"] == "42"
    assert eventually(lambda: len(lab.runners()) == 1, 30), lab.runners()
    assert not any(places[step].exists() for step in UNSTARTED)
    listed = following.run("%scale runs").stdout
    assert not re.search(r"^\w+ +running ", listed, re.MULTILINE), listed
