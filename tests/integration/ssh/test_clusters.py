"""Clusters of machines that are reached over SSH, as a notebook uses them."""

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.environment.wheelhouse import laptop_uv
from jupyter_scale.errors import ProfileError
from laptop import Laptop, assert_clean, write_profile
from sshlab import make_key
from tinywheels import write_wheel
from waiting import eventually

PYTHON = f'python = "{sys.executable}"'

HELD = """
import threading, psutil
def held():
    threads = sorted(t.name for t in threading.enumerate())
    return threads, len(psutil.Process().net_connections("all"))
"""


@pytest.fixture
def two(fresh):
    """Two machines."""
    fresh.add()
    fresh.add()
    return fresh


@pytest.fixture
def laptop(two, tmp_path):
    write_profile(tmp_path / "notebooks", two, ["h1", "h2"])
    laptop = Laptop(two, tmp_path / "notebooks", tmp_path / "home")
    laptop.run("%load_ext jupyter_scale")
    yield laptop
    laptop.close()


def again(two, tmp_path, **variables):
    """Return another kernel on the same laptop."""
    laptop = Laptop(two, tmp_path / "notebooks", tmp_path / "home", **variables)
    laptop.run("%load_ext jupyter_scale")
    return laptop


def nodes(two):
    """Return the pids of the node processes, as we see them."""
    return {
        process.pid
        for machine in two.machines.values()
        for process in machine.find("jupyter_scale.providers.node")
    }


def listed_sessions(laptop):
    """Return how many sessions another process sees on each node."""
    scale = [sys.executable, "-m", "jupyter_scale.cli", "status", "--json"]
    text = subprocess.run(scale, env=laptop.environment, check=True, capture_output=True).stdout
    [shown] = json.loads(text)
    counts = {node["name"]: len(node["sessions"]) for node in shown["nodes"]}
    assert len(shown["sessions"]) == sum(counts.values())
    return counts


def test_a_cell_runs_on_the_hosts_and_nothing_is_left(two, laptop):
    laptop.run(HELD)
    before = laptop.run("print(held())")
    said = laptop.run("%scale up lab")
    assert "The cluster 'lab' is up: 2 workers." in said
    assert re.search(r"h2: .*handshake", said)
    laptop.run("%%scale\nimport socket\nwhere = socket.gethostname()")
    assert laptop.run("print(where)") == "h1\n"
    laptop.run(
        "import time, socket\ndef there(i):\n    time.sleep(0.05)\n    return socket.gethostname()"
    )
    laptop.run("%%scale\nhosts = [there(i) for i in range(40)]")
    assert laptop.run("print(sorted(set(hosts)))") == "['h1', 'h2']\n"
    assert "node     h2: running" in laptop.run("%scale")
    assert eventually(lambda: listed_sessions(laptop) == {"h1": 1, "h2": 0}, 15)
    laptop.run("%scale down")
    assert_clean(two)
    assert eventually(lambda: laptop.run("print(held())") == before, 10), laptop.run(
        "print(held())"
    )


def test_a_damaged_copy_of_our_code_is_brought_again(two, laptop):
    laptop.run("%scale up lab")
    laptop.run("%scale down")
    pattern = ".cache/jupyter-scale/mirrors/jupyter-scale-*/*/jupyter_scale/errors.py"
    gone, broken = [next(machine.home.glob(pattern)) for machine in two.machines.values()]
    text = gone.read_text()
    gone.unlink()
    broken.write_text(f"{text}\n")
    assert "The cluster 'lab' is up: 2 workers." in laptop.run("%scale up lab")
    assert gone.read_text() == broken.read_text() == text
    laptop.run("%scale down")
    assert_clean(two)


def test_the_workers_are_more_or_fewer(two, laptop):
    laptop.run("%scale up lab")
    assert laptop.run("%scale up --workers 4") == "The cluster has 4 workers.\n"
    assert laptop.run("%scale up --workers 2") == "The cluster has 2 workers.\n"
    laptop.run("%scale down")
    assert_clean(two)


@pytest.mark.parametrize("is_killed", [False, True])
def test_the_next_kernel_finds_the_cluster(two, laptop, tmp_path, is_killed):
    laptop.run("%scale up lab")
    before = nodes(two)
    assert len(before) == 2
    if is_killed:
        laptop.kill()
    else:
        laptop.close()
    second = again(two, tmp_path)
    try:
        assert "is up: 2 workers" in second.run("%scale up lab")
        assert nodes(two) == before
        second.run("%%scale\nx = 1")
        second.run("%scale down")
    finally:
        second.close()
    assert_clean(two)


def test_a_second_person_with_the_same_profile_has_a_cluster_of_their_own(two, laptop, tmp_path):
    other = Laptop(two, tmp_path / "notebooks", tmp_path / "other home")
    try:
        laptop.run("%scale up lab\nx = ['first']")
        other.run("%load_ext jupyter_scale\n%scale up lab\nx = ['second']")
        assert len(nodes(two)) == 4  # each has processes on both machines
        gate = two.machines["h1"].home
        laptop.begin(
            "%%scale\nimport os, time\nos.mkdir(os.environ['HOME'] + '/begun')\n"
            "while not os.path.exists(os.environ['HOME'] + '/go'): time.sleep(0.05)\nx.append(1)"
        )
        assert eventually((gate / "begun").exists, 60)
        assert other.run("%%scale\nx.append(2)\nprint(x)").startswith("['second', 2]\n")
        assert "others" not in other.run("%scale")
        assert "import os, time" not in other.run("%scale runs")
        other.run("%scale down")
        assert eventually(lambda: len(nodes(two)) == 2, 30)
        (gate / "go").mkdir()
        laptop.result()
        assert laptop.run("print(x)") == "['first', 1]\n"
        laptop.run("%scale down")
    finally:
        other.close()
    assert_clean(two)


def test_a_cluster_without_an_owner_ends(two, tmp_path):
    write_profile(tmp_path / "notebooks", two, ["h1", "h2"], more='orphan_after = "10s"')
    laptop = again(two, tmp_path)
    laptop.run("%scale up lab")
    laptop.run("%%scale\nx = 1")
    laptop.kill()
    assert_clean(two, 60)


def test_an_idle_cluster_ends(two, tmp_path):
    write_profile(tmp_path / "notebooks", two, ["h1", "h2"], more='idle_timeout = "10s"')
    laptop = again(two, tmp_path)
    laptop.run("%scale up lab")
    assert_clean(two, 80)
    laptop.close()


def test_credentials_are_private(two, laptop):
    laptop.run("%scale up lab")
    laptop.run("%%scale\nx = 1")
    for machine in two.machines.values():
        [directory] = machine.home.glob(".cache/jupyter-scale/clusters/*/*")
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        files = [path for path in directory.rglob("*") if path.is_file()]
        assert any(path.name.endswith("key.pem") for path in files)
        ours = [path for path in files if not path.name.endswith((".lock", ".dirlock"))]  # Dask's
        for path in ours:
            assert not path.stat().st_mode & 0o077, path
        assert "PRIVATE KEY" not in " ".join(machine.processes())
    laptop.run("%scale down")


def test_a_host_that_fails_does_not_hold_up_the_others(two, tmp_path):
    write_profile(tmp_path / "notebooks", two, ["h1", "h2"], pool="min = 1")
    two.machines["h1"].kill()
    laptop = again(two, tmp_path)
    said = laptop.run("%scale up lab")
    assert "The cluster 'lab' is up: 1 worker." in said
    status = laptop.run("%scale")
    assert "node     h1: failed" in status
    laptop.run("%%scale\nimport socket\nwhere = socket.gethostname()")
    assert laptop.run("print(where)") == "h2\n"
    two.machines["h1"].start()
    laptop.run("%scale up lab")
    assert eventually(lambda: "h1: running" in laptop.run("%scale"), 30), laptop.run("%scale")
    laptop.run("%scale down")
    assert_clean(two)
    laptop.close()


def lock(lab, key):
    """Let machines accept a key with a passphrase, and no other."""
    make_key(key, passphrase="open sesame")
    for machine in lab.machines.values():
        (machine.home / ".ssh" / "authorized_keys").write_text(Path(f"{key}.pub").read_text())
    text = lab.ssh_config.read_text()
    lab.ssh_config.write_text(text.replace(str(lab.key), str(key)))


def answering(laptop, answer):
    """Have a kernel's user give that answer to whatever is asked."""
    laptop.run(f"import getpass\nasked = []\nanswer = {answer!r}")
    laptop.run("getpass.getpass = lambda prompt: asked.append(prompt) or answer")
    return laptop


def test_a_passphrase_is_asked_for_in_the_notebook(fresh, tmp_path):
    fresh.add()
    lock(fresh, tmp_path / "locked")
    write_profile(tmp_path / "notebooks", fresh, ["h1"])
    laptop = answering(again(fresh, tmp_path), "mistaken")
    error = laptop.fails("%scale up lab")
    assert "the passphrase is wrong" in error
    assert "mistaken" not in error
    assert laptop.run("print(len(asked)); asked.clear()") == "3\n"
    laptop.run("answer = 'open sesame'")
    laptop.run("%scale up lab")
    laptop.run("%%scale\nx = 1")
    laptop.run("%scale down")
    assert laptop.run("print(len(asked), 'locked' in asked[0])") == "1 True\n"
    assert_clean(fresh)
    laptop.close()


def test_whoever_ends_a_cluster_is_asked_once_and_connects_once(two, tmp_path):
    lock(two, tmp_path / "locked")
    write_profile(tmp_path / "notebooks", two, ["h1", "h2"])
    laptop = answering(again(two, tmp_path), "open sesame")
    laptop.run("%scale up lab")
    second = answering(again(two, tmp_path), "open sesame")
    second.run("%scale up lab")
    before = connections(two)
    second.run("%scale down")
    assert second.run("print(len(asked))") == "1\n"
    assert connections(two) == [count + 1 for count in before]
    assert_clean(two)
    second.close()
    laptop.close()


def connections(lab):
    """Return how many each machine has let in so far."""
    return [machine.log().count("Accepted publickey") for machine in lab.machines.values()]


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ("hosts = []", "needs hosts"),
        ('hosts = ["h1", "h1"]', "twice"),
        ('hosts = ["a b"]', "no name of a host"),
        ('hosts = ["h1"]\nmin = 2', "from 1 to 1"),
        ("", "needs hosts"),
    ],
)
def test_impossible_hosts_are_refused_with_the_line(tmp_path, pool, expected):
    text = f'[clusters.lab]\nprovider = "ssh"\n[[clusters.lab.pools]]\n{pool}\n'
    (tmp_path / "scale.toml").write_text(text)
    with pytest.raises(ProfileError, match=rf"scale.toml, line \d+.*{expected}"):
        load_profile("lab", tmp_path)


def test_code_and_files_travel_and_what_is_written_comes_home(two, laptop, tmp_path):
    folder = tmp_path / "notebooks"
    (folder / "data").mkdir()
    (folder / "data" / "train.csv").write_text("a,b\n1,2\n")
    (folder / "helpers.py").write_text(
        "import socket\ndef where():\n    return socket.gethostname(), 1\n"
    )
    laptop.run("%scale up lab")
    laptop.run("%%scale\nimport helpers\ntext = open('data/train.csv').read()")
    assert laptop.run("print(text)") == "a,b\n1,2\n\n"
    laptop.run(
        "%%scale\nimport os\nhere = os.getcwd()\nopen('out.txt', 'w').write('made there');"
        "\nos.makedirs('models')\nopen('models/m.bin', 'wb').write(bytes(3_000_000));"
    )
    assert laptop.run("print(here.startswith('/root/.cache/jupyter-scale/'))") == "True\n"
    assert (folder / "out.txt").read_text() == "made there"
    assert (folder / "models" / "m.bin").stat().st_size == 3_000_000
    (folder / "helpers.py").write_text(
        "import socket\ndef where():\n    return socket.gethostname(), 'edited'\n"
    )
    laptop.run("import importlib, time\nimportlib.reload(helpers)")
    laptop.run(
        "%%scale\nr = [(time.sleep(0.05), helpers.where())[1] for i in range(40)]", timeout_s=90
    )
    assert laptop.run("print(sorted(set(r)))") == "[('h1', 'edited'), ('h2', 'edited')]\n"
    laptop.run("%scale down")
    assert_clean(two)


def test_a_cell_goes_to_the_pool_that_it_names(two, tmp_path):
    more = '[[clusters.lab.pools]]\nname = "big"\nhosts = ["h2"]\nworkers = 2'
    write_profile(
        tmp_path / "notebooks", two, ["h1"], pool=f"{PYTHON}\n{more}\n{PYTHON}", python=""
    )
    laptop = again(two, tmp_path)
    assert "3 workers" in laptop.run("%scale up lab")
    laptop.run(
        "import socket, time\nrows = [0]\ndef there(i):\n    time.sleep(0.05)\n"
        "    return socket.gethostname()"
    )
    laptop.run(
        "%%scale --on big\nrows.append(socket.gethostname())\nr = [there(i) for i in range(40)]"
    )
    assert laptop.run("print(rows, set(r))") == "[0, 'h2'] {'h2'}\n"
    laptop.run(
        "%%scale --on cpu\nrows.append(socket.gethostname())\nr = [there(i) for i in range(40)]"
    )
    assert laptop.run("print(rows, set(r))") == "[0, 'h2', 'h1'] {'h1'}\n"
    assert laptop.run("%scale scale cpu=2 big=1") == "The cluster has 3 workers.\n"
    assert "pools are: big, cpu" in laptop.fails("%scale scale gpu=1")
    laptop.run("%%scale --on big --keep kept\nkept = rows + ['kept']")
    laptop.run("%%scale --on cpu\nrows = kept + [socket.gethostname()]")
    assert laptop.run("print(rows)") == "[0, 'h2', 'h1', 'kept', 'h1']\n"
    assert "There is no pool 'gpu'" in laptop.fails("%%scale --on gpu\n1")
    assert "No node has --gpu 1" in laptop.fails("%%scale --gpu 1\n1")
    laptop.run("%scale down")
    assert_clean(two)
    laptop.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_host_with_nothing_gets_the_notebooks_environment(fresh, tmp_path):
    fresh.add()
    write_profile(tmp_path / "notebooks", fresh, ["h1"], python="")
    added = tmp_path / "more" / "site-packages"
    added.mkdir(parents=True)
    laptop = again(fresh, tmp_path, PYTHONPATH=str(added))
    assert "is up: 1 worker." in laptop.run("%scale up lab", timeout_s=240)
    laptop.run("%%scale\nimport sys, numpy\npython, version = sys.prefix, numpy.__version__")
    assert laptop.run("import numpy\nprint(version == numpy.__version__)") == "True\n"
    assert laptop.run("print(python.startswith('/root/.cache/jupyter-scale/'))") == "True\n"
    # A package that is installed here while the cluster runs is there with the next cell.
    install_tiny(tmp_path, added, "1.0")
    laptop.run("%%scale\nimport tiny_a\nfound = tiny_a.__file__, tiny_a.version", timeout_s=120)
    assert laptop.run("print(found[0].startswith(python), found[1])").endswith(" 1.0\n")
    # One that is there already stays as it is, and the user is told.
    install_tiny(tmp_path, added, "2.0")
    said = laptop.run("%%scale\nfound = tiny_a.version", timeout_s=120)
    assert "tiny-a is 2.0 here by now, and stays 1.0 on the cluster: `%scale down`" in said
    assert "tiny-a" not in laptop.run("%%scale\nfound = tiny_a.version")
    laptop.run("%scale down")
    assert_clean(fresh)
    laptop.close()


def install_tiny(tmp_path, target, version):
    """Install a package on the laptop, in place of another version."""
    wheel = write_wheel(tmp_path, "tiny-a", version)
    command = [laptop_uv(), "pip", "install", "--no-deps", "--no-index", "--upgrade", "--target"]
    subprocess.run([*command, target, wheel], check=True, capture_output=True)
