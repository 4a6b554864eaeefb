"""The laptop goes away at every step of a cell elsewhere: its link is cut, it sleeps, it dies.

All steps are tried side by side, each by a notebook of its own, as they mostly wait. How long links
are cut and laptops sleep is said by ``JUPYTER_SCALE_CUTS_S``, such as ``5,60``.
"""

import os
import re
import signal

import pytest

import linksteps
from laptop import Laptop, assert_clean, profile_text
from sshlab import Network, SshLab
from waiting import eventually, let_pass

pytestmark = [pytest.mark.absences, pytest.mark.timeout(900)]

CUTS_S = [float(text) for text in os.environ.get("JUPYTER_SCALE_CUTS_S", "5,60,180").split(",")]
PATIENCE_S = 120
#: What waits in a cluster is kept for so long, and its link is waited for.
KEPT_S = 90
#: After so long at most nobody waits for that link any more: silence has to be noticed first.
GIVEN_UP_S = KEPT_S + 60
UNSTARTED = ("before the request", "while uploading")
CASES = [(cut, step) for cut in CUTS_S for step in (*linksteps.STEPS, "asleep")]

LONG_CELL = """
%%scale
for number in range(3):
    print('line', number, flush=True)
home = os.environ['HOME']
os.mkdir(home + '/begun')
while not os.path.exists(home + '/go'):
    time.sleep(0.1)
data['rows'].append(2)
print('line 3')
"""


@pytest.fixture(scope="module")
def lab(possible, tmp_path_factory):
    """Two machines: the link to h1 is cut, that to h2 is not."""
    lab = SshLab(tmp_path_factory.mktemp("lab"), Network())
    lab.add()
    lab.add()
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def folder(lab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    profiles = [
        profile_text(lab, ["h1"], name="cut"),
        profile_text(lab, ["h1"], name="brief", more=f'keep_for = "{KEPT_S}s"'),
        profile_text(lab, ["h2"], name="whole"),
    ]
    (folder / "scale.toml").write_text("\n".join(profiles))
    return folder


@pytest.fixture(scope="module")
def open_all(lab, folder, tmp_path_factory):
    """Open notebooks of the one laptop side by side, each on a cluster."""
    home, opened, used = tmp_path_factory.mktemp("laptop"), [], []

    def open_all(cluster, count=1):
        laptops = [Laptop(lab, folder, home) for _ in range(count)]
        opened.extend(laptops)
        each(laptops, "%load_ext jupyter_scale\n" + linksteps.prepare())
        used.append(cluster)
        laptops[0].run(f"%scale up {cluster}")  # it starts it, or joins it as the others do
        each(laptops[1:], f"%scale up {cluster}")
        each(laptops, "%%scale\nready = len(text)")
        return laptops

    yield open_all
    for cluster in set(used):
        [last] = open_all(cluster)
        last.run("%scale down")
    assert_clean(lab)
    for laptop in opened:
        laptop.close()


def each(laptops, source):
    """Run a cell in every notebook, side by side."""
    for laptop in laptops:
        laptop.begin(source)
    return [laptop.result(PATIENCE_S) for laptop in laptops]


def bring_to_steps(machine, notebooks, directory):
    """Let each notebook's next cell come to its step, and wait there; return their gates."""
    gates = {}
    for name, laptop in notebooks.items():
        gate = gates[name] = directory / name.replace(" ", "-")
        gate.mkdir(parents=True)
        step = "while streaming" if name == "asleep" else name
        laptop.run(linksteps.waiting(step, gate))
        laptop.begin(linksteps.cell(place_of(machine, directory, name), mark=name))
    for gate in gates.values():
        assert eventually((gate / "here").exists, PATIENCE_S), gate
    return gates


def place_of(machine, directory, name):
    """Return what a cell makes there, once."""
    return machine.home / f"{directory.name}-{name.replace(' ', '-')}"


# -- its process dies ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def killed(lab, open_all, tmp_path_factory):
    """Kill a notebook's process at every step; return the next one, and what it is told."""
    machine, before = lab.machines["h1"], set(of_clusters(lab, "runners/*"))
    directory = tmp_path_factory.mktemp("killed")
    doomed = dict(zip(linksteps.STEPS, open_all("brief", len(linksteps.STEPS)), strict=True))
    left = set(of_clusters(lab, "runners/*")) - before
    assert len(left) == len(doomed)
    bring_to_steps(machine, doomed, directory)
    for laptop in doomed.values():
        laptop.kill()
    [following] = open_all("brief")
    places = {step: place_of(machine, directory, step) for step in doomed}
    return following, places, left


def of_clusters(lab, pattern):
    """Return what there is on h1 in the directories of clusters."""
    return list((lab.machines["h1"].home / ".cache/jupyter-scale/clusters").rglob(pattern))


def run_of(listed, step):
    """Return the id of a step's run, "" if there is none."""
    found = re.search(rf"^(\w+) .*mark = '{step}'$", listed, re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.parametrize("step", linksteps.STEPS)
def test_its_process_was_killed(lab, killed, step):
    """What had not come whole is not begun; what had is there for the next one."""
    following, places, _ = killed
    run = run_of(following.run("%scale runs"), step)
    assert places[step].exists() == (step not in UNSTARTED)
    if step in UNSTARTED:
        assert not run
        return
    following.run("del data\nback = mark = None")
    assert linksteps.lines_in(following.run(f"%scale fetch {run}")) == linksteps.LINES
    size = linksteps.LONG + 1
    said = following.run("print(data['rows'] == [1, len(back)], len(back), mark, number)")
    assert said == f"True {size} {step} 39\n"
    [kept] = of_clusters(lab, f"runs/{run}*")
    assert [path.name for path in kept.iterdir()] == ["run.json"]  # what it took is given back


# -- it is away ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def notebooks(open_all):
    """One notebook for each step, and those that sleep or are left alone."""
    found = dict(zip(linksteps.STEPS, open_all("cut", len(linksteps.STEPS)), strict=True))
    [found["asleep"]] = open_all("whole")
    return found


@pytest.fixture(scope="module")
def absence(lab, notebooks, open_all, tmp_path_factory):
    """Be away for so long, once; then every notebook's answer is to be read."""
    done = {}

    def absence(seconds):
        if seconds in done:
            return
        done[seconds] = True
        directory = tmp_path_factory.mktemp("gates")
        left = open_all("brief") if seconds >= GIVEN_UP_S else []
        gates = bring_to_steps(lab.machines["h1"], notebooks, directory)
        for laptop in left:
            laptop.begin(LONG_CELL)
            assert eventually((lab.machines["h1"].home / "begun").exists, PATIENCE_S)
            notebooks["given up"] = laptop
        lab.network.cut(1)
        for gate in gates.values():
            (gate / "go").mkdir()
        os.kill(notebooks["asleep"].process.pid, signal.SIGSTOP)
        let_pass(seconds)
        os.kill(notebooks["asleep"].process.pid, signal.SIGCONT)
        lab.network.mend(1)

    return absence


@pytest.mark.parametrize(("seconds", "step"), CASES)
def test_it_was_away(notebooks, absence, seconds, step):
    """Output in order and once, names as the plain cell leaves them, and the next cell goes on."""
    absence(seconds)
    laptop = notebooks[step]
    assert linksteps.lines_in(laptop.result(PATIENCE_S)) == linksteps.LINES
    laptop.run("%%scale\nagain = data['rows'] * 2")
    size = int(laptop.run("print(len(text))"))
    said = laptop.run("print(len(reached), data['rows'], again, back == text[::-1])")
    assert said == f"1 {[1, size]} {[1, size] * 2} True\n"


@pytest.mark.skipif(max(CUTS_S) < GIVEN_UP_S, reason="nobody is away for so long")
def test_who_was_away_for_too_long_fetches_the_cell(lab, notebooks, absence):
    """The notebook is told that nobody waits any more; the cell goes on, and is fetched."""
    absence(max(CUTS_S))
    laptop = notebooks.pop("given up")
    answer = laptop.answer(PATIENCE_S)
    assert linksteps.lines_in(answer["out"]) == "line 0\nline 1\nline 2\n"
    assert "nobody waits for the cell any more: it goes on there" in answer["error"]
    assert laptop.run("print(data['rows'])") == "[1]\n"
    assert "running" in laptop.run("%scale runs")
    (lab.machines["h1"].home / "go").mkdir()
    shown = laptop.run("%scale attach")
    assert linksteps.lines_in(shown) == "line 0\nline 1\nline 2\nline 3\n"
    assert laptop.run("print(data['rows'])") == "[1, 2]\n"
    laptop.close()


def test_nothing_of_those_that_were_killed_stays(killed):
    """A runner cannot know whether its notebook comes back: it waits while results are kept.

    This comes last, so that the absences are what is waited for.
    """
    following, places, left = killed
    assert eventually(lambda: not any(path.exists() for path in left), KEPT_S + 60), left
    assert not any(places[step].exists() for step in UNSTARTED)
    listed = following.run("%scale runs")
    assert not re.search(r"^\w+ +running ", listed, re.MULTILINE), listed
