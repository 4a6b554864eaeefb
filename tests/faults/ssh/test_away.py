"""A notebook that goes away while its cell runs on other machines, and who comes instead."""

import fractions
import json
import os
import pickle
import signal
import subprocess
import sys
from functools import partial

import nbformat
import pytest

from laptop import assert_clean, write_profile
from sshlab import Network, SshLab
from waiting import eventually, let_pass


@pytest.fixture
def lab(possible, tmp_path):
    lab = SshLab(tmp_path, Network())
    lab.add()
    yield lab
    lab.close()


@pytest.fixture
def folder(lab, tmp_path):
    write_profile(tmp_path / "notebooks", lab, ["h1"], workers=2)
    return tmp_path / "notebooks"


SLOW = """
%%scale
import os, pathlib
os.mkdir(os.environ['HOME'] + '/begun')
for i in range(3):
    print('line', i)
gate = pathlib.Path(os.environ['HOME'], 'go')
while not gate.exists():
    time.sleep(0.05)
data['rows'].append(len(data['rows']))
class Model:
    def __init__(self): self.fitted = True
    def score(self): return scale_by * 2
model = Model()
print('done')
'value'
"""


def is_written_down(lab):
    """Tell whether there is a run on the first machine's disk: one has lasted for a second."""
    return any(lab.machines["h1"].home.rglob("runs/*/run.json"))


def test_the_next_kernel_finds_the_cell_of_one_that_was_killed(lab, open_laptop):
    first = open_laptop()
    first.run("%scale up lab\ndata = {'rows': [1, 2]}\nscale_by = 21")
    first.begin(SLOW)
    assert eventually(lambda: is_written_down(lab), 30)
    first.kill()
    second = open_laptop()
    assert "1 cell runs that nobody waits for" in second.run("%scale up lab")
    listed = second.run("%scale runs")
    assert "running" in listed, listed
    second.begin("scale_by = 21\n%scale attach")
    (lab.machines["h1"].home / "go").mkdir()
    shown = second.result(60)
    assert "line 0\nline 1\nline 2\ndone\n" in shown
    assert second.run("print(data, model.fitted, model.score())") == "{'rows': [1, 2, 2]} True 42\n"
    assert "fetched" in second.run("%scale runs")
    second.run("%scale down")
    assert_clean(lab)


@pytest.mark.absences
@pytest.mark.timeout(400)
def test_a_laptop_that_is_gone_without_a_word_is_missed(lab, open_laptop):
    """Nothing tells its runner so, as after a power cut; another laptop is told, and fetches it."""

    def is_attended():
        [path] = lab.machines["h1"].home.rglob("runs/*/run.json")
        return json.loads(path.read_text())["is_attended"]

    first = open_laptop()
    first.run("%scale up lab\ndata = {'rows': [1, 2]}\nscale_by = 21")
    first.begin(SLOW)
    assert eventually(lambda: is_written_down(lab), 30)
    lab.network.cut(1)
    first.kill()
    lab.network.move_client()
    lab.network.mend(1)
    second = open_laptop()
    assert is_attended()
    assert eventually(lambda: not is_attended(), 120)
    assert "1 cell runs that nobody waits for" in second.run("%scale up lab")
    (lab.machines["h1"].home / "go").mkdir()
    assert "line 0\nline 1\nline 2\ndone\n" in second.run("%scale attach")
    assert second.run("print(data['rows'])") == "[1, 2, 2]\n"
    second.run("%scale down")
    assert_clean(lab)


def test_a_detached_run_goes_on_without_its_kernel_and_is_fetched(lab, folder, open_laptop):
    first = open_laptop()
    first.run("%scale up lab\nrows = [1]")
    source = (
        "import pathlib\nrows.append(2)\ntotal = sum(rows)\nprint('begun')\n"
        "gate = pathlib.Path(os.environ['HOME'], 'go')\n"
        "while not gate.exists():\n    time.sleep(0.05)\n"
        "pathlib.Path('made', 'by').mkdir(parents=True)\n"
        "pathlib.Path('made/by/it.txt').write_text('a run')\n"
        "pathlib.Path('own.txt').write_text('of the run')\ntotal"
    )
    (folder / "own.txt").write_text("of the user")
    first.run(f"%%scale --detach job\n{source}")
    assert "running" in first.run("print(job)")
    assert first.run("print(rows)") == "[1]\n"  # it works on copies
    noted = first.run("%%scale\nseen = list(rows)")
    assert "may change 'rows'" in noted
    assert first.run("print(seen)") == "[1]\n"
    first.run("%%scale --detach other\nrows.append(9)\n1 / 0")
    failed = first.fails("other.result()", 60)
    assert "ZeroDivisionError" in failed
    assert "another" not in first.run("print(rows)")
    first.kill()
    second = open_laptop()
    second.run("%scale up lab")
    (lab.machines["h1"].home / "go").mkdir()
    assert eventually(lambda: "done" in second.run("%scale runs"), 30), second.run("%scale attach")
    listed = second.run("%scale runs").splitlines()
    run = next(line.split()[0] for line in listed if line.endswith("import pathlib"))
    assert "it has written" in second.run(f"%scale fetch {run} total")
    shown = second.run("%scale attach")
    assert "begun\n" in shown
    assert "here now: made/by/it.txt" in shown
    assert "what the cell wrote is in 'own.txt.from-cluster'" in shown
    assert (folder / "made/by/it.txt").read_text() == "a run"
    assert (folder / "own.txt").read_text() == "of the user"
    assert second.run("print(rows, total)") == "[1, 2] 3\n"
    second.run("%scale down")
    assert_clean(lab)


@pytest.mark.parametrize("how", ["its runner crashes", "its machine starts anew"])
def test_what_was_finished_is_there_after_a_crash(lab, open_laptop, how):
    machine = lab.machines["h1"]
    first = open_laptop()
    first.run("%scale up lab")
    first.run("%%scale --detach job\nhalf = 0.5\nprint('said')")
    first.run("job.wait(60)")
    first.kill()
    if how == "its machine starts anew":
        machine.kill()
        machine.start()
    else:
        for process in machine.find("jupyter_scale.runner.host"):
            process.kill()
    second = open_laptop()
    said = second.run("%scale up lab")
    assert "is up: 2 workers" in said
    assert "1 cell finished while you were away" in said
    assert "said\n" in second.run("%scale attach")
    assert second.run("print(half)") == "0.5\n"
    second.run("%scale down")
    assert_clean(lab)
    assert not (machine.home / ".cache" / "jupyter-scale" / "kept").exists()


def test_a_run_is_cancelled_from_another_kernel(lab, open_laptop):
    first = open_laptop()
    first.run("%scale up lab")
    first.begin("%%scale\nx = 5\ntime.sleep(600)")
    assert eventually(lambda: is_written_down(lab), 30)
    first.kill()
    second = open_laptop()
    second.run("%scale up lab")
    run = second.run("%scale runs").splitlines()[1].split()[0]
    assert "told to stop" in second.run(f"%scale cancel {run}")
    assert eventually(lambda: "interrupted" in second.run("%scale runs"), 20)
    second.run(f"%scale fetch {run} x")
    assert second.run("print(x)") == "5\n"
    assert "has no 'y'" in second.fails(f"%scale fetch {run} y")
    second.run("%scale down")
    assert_clean(lab)


@pytest.mark.timeout(400)
def test_who_does_not_want_to_wait_for_a_broken_link_fetches_the_cell_later(lab, open_laptop):
    laptop = open_laptop()
    laptop.run("%scale up lab\nx = [1]")
    laptop.begin(
        "%%scale\nos.mkdir(os.environ['HOME'] + '/begun')\ntime.sleep(5)\nx.append(2)\n"
        "print('late')"
    )
    assert eventually((lab.machines["h1"].home / "begun").exists, 30)
    lab.network.cut(1)
    runs = lab.machines["h1"].home / ".cache/jupyter-scale/clusters"
    done = '"status": "done"'
    assert eventually(lambda: any(done in p.read_text() for p in runs.rglob("run.json")), 60)
    laptop.interrupt()
    let_pass(2)  # until it is said that nobody answers
    laptop.interrupt()
    answer = laptop.answer(60)
    assert "nobody waits for the cell any more" in answer["error"]
    assert laptop.run("print(x)") == "[1]\n"
    lab.network.mend(1)
    assert eventually(lambda: "done" in _said(laptop, "%scale runs"), 90)
    assert "late" in laptop.run("%scale attach")
    assert laptop.run("print(x)") == "[1, 2]\n"
    laptop.run("%scale down")
    assert_clean(lab)


def _said(laptop, line):
    """Return what a line says, or why it fails: a link may not be there yet."""
    laptop.begin(line)
    answer = laptop.answer(60)
    return answer["out"] + answer["error"]


def in_terminal(lab, folder, environment, *arguments, status=0):
    """Run ``jupyter scale`` on the laptop, and return what it says."""
    with lab.inside():
        done = subprocess.run(
            [sys.executable, "-m", "jupyter_scale.cli", *arguments],
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    assert done.returncode == status, done
    return done.stdout + done.stderr


def test_a_terminal_saves_what_a_killed_execution_of_a_notebook_has_left(
    lab, folder, open_laptop, tmp_path
):
    waiting = (
        "%%scale\nimport pathlib, time\nhome = pathlib.Path(os.environ['HOME'])\n"
        "(home / 'begun').mkdir()\nwhile not (home / 'go').exists():\n    time.sleep(0.05)\n"
        "print('said')\ntotal = 42"
    )
    sources = ["%load_ext jupyter_scale\nimport os", "%scale up lab", waiting]
    notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, sources)])
    nbformat.write(notebook, folder / "nightly.ipynb")
    environment = open_laptop().environment
    with lab.inside():
        execution = subprocess.Popen(
            [sys.executable, "-c", "from nbclient.cli import main; main()", "nightly.ipynb"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    assert eventually(lambda: is_written_down(lab), 90)
    os.killpg(execution.pid, signal.SIGKILL)
    execution.wait(10)
    scale = partial(in_terminal, lab, folder, environment)
    assert '"status": "running"' in scale("runs", "--json")
    (lab.machines["h1"].home / "go").mkdir()
    assert eventually(lambda: '"status": "done"' in scale("runs", "--json"), 60)
    [run] = json.loads(scale("runs", "--json"))
    saved = tmp_path / "results.pkl"
    said = scale("fetch", run["id"], "total", "--save", str(saved))
    assert "said\n" in said, said
    assert pickle.loads(saved.read_bytes()) == {"total": 42}
    scale("down", "lab")
    assert_clean(lab)


def test_a_terminal_lists_and_saves_what_a_cell_has_left(lab, folder, open_laptop, tmp_path):
    laptop = open_laptop()
    laptop.run("%scale up lab")
    laptop.run(
        "%%scale --detach job\nimport fractions\nhalf = fractions.Fraction(1, 2)\nprint('said')\n"
        "with open('half.txt', 'w') as file:\n    print(half, end='', file=file)"
    )
    assert laptop.run("job.wait(60)\nprint(job.done(), job.state)") == "True done\n"

    scale = partial(in_terminal, lab, folder, laptop.environment)
    [run] = json.loads(scale("runs", "--json"))
    assert sorted(run["names"]) == ["file", "fractions", "half"]
    assert "jupyter scale fetch RUN" in scale("runs", "lab")
    assert "said\n" in scale("fetch", run["id"][:6])
    assert "here now: half.txt" in scale("fetch", run["id"], "--files", str(tmp_path))
    assert (tmp_path / "half.txt").read_text() == "1/2"
    saved = tmp_path / "results.pkl"
    assert "Saved half" in scale("fetch", run["id"], "half", "--save", str(saved))
    assert pickle.loads(saved.read_bytes()) == {"half": fractions.Fraction(1, 2)}
    assert "no run whose id begins with 'nosuch'" in scale("fetch", "nosuch", status=1)
    assert "There is no cluster 'other'" in scale("runs", "other", status=1)
    assert "said\n1/2\n" in laptop.run("job.result()\nprint(half)")
    assert (folder / "half.txt").read_text() == "1/2"
    laptop.run("%scale down")
    assert_clean(lab)
