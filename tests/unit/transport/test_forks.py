"""Copies of a process that go on as another program: what they share with it, and what not."""

import json
import os
import subprocess
import sys
import tempfile

import psutil
import pytest

from waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

_COPY = """
import json, os, sys
from jupyter_scale.transport.forks import fork
opened = os.open("/dev/null", os.O_RDONLY)
kept = os.open("/dev/null", os.O_RDONLY)
answer, ours = os.pipe()

def run():
    main = sys.modules["__main__"]
    print(json.dumps({
        "pid": os.getpid(),
        "command": open("/proc/self/cmdline").read().rstrip("\\0").split("\\0"),
        "environment": open("/proc/self/environ").read().split("\\0"),
        "names": sorted(vars(main)),
        "files": sorted(int(name) for name in os.listdir("/proc/self/fd")),
        "expected": [0, 1, 2, kept],
    }), flush=True)
    sys.exit(7)

pid = fork(run, ["program", "word"], kept=[kept], files=[(ours, 1)])
os.close(ours)
told = json.loads(os.fdopen(answer).read())
told["status"] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert told["pid"] == pid
assert "run" in vars(sys.modules["__main__"])
told["own command"] = open("/proc/self/cmdline").read()
print(json.dumps(told))
"""


def test_a_copy_is_another_program_with_the_same_environment():
    done = subprocess.run(
        [sys.executable, "-c", _COPY],
        env={**os.environ, "A_MARK": "of a cluster"},
        capture_output=True,
        timeout=20,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["command"] == ["program", "word"]
    assert told["own command"].startswith(sys.executable)
    assert "A_MARK=of a cluster" in told["environment"]
    assert [name for name in told["names"] if not name.startswith("__")] == []
    assert "__builtins__" in told["names"]  # without it a warning made by C code is lost
    assert set(told["files"]) > set(told["expected"])
    assert len(told["files"]) == len(told["expected"]) + 1  # that of the listing
    assert told["status"] == 7


_FAILS = """
import os
from jupyter_scale.transport.forks import fork
pid = fork(lambda: 1 / 0, ["program"])
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_copy_that_fails_says_so_and_does_not_go_on_as_the_original():
    argv = [sys.executable, "-c", _FAILS]
    done = subprocess.run(argv, capture_output=True, timeout=20, check=True)
    assert done.stdout == b"1\n"
    assert done.stderr.endswith(b"ZeroDivisionError: division by zero\n")


_WORKERS = """
import multiprocessing, os, pathlib, sys, time
import noted
from jupyter_scale.providers.node.nursery import open_nursery

open_nursery(pathlib.Path(sys.argv[1]))
process = multiprocessing.Process(target=getattr(noted, sys.argv[2]))
process.start()
print(process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def short_path():
    """Return a directory whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory() as directory:
        yield directory


@pytest.mark.parametrize("work", ["work", "nest"])
def test_workers_share_what_the_node_has_imported_and_end_with_it(tmp_path, short_path, work):
    (tmp_path / "noted.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path('imports').open('a').write(f'{os.getpid()}\\n')\n"
        "def work():\n    pathlib.Path('at work').touch()\n    time.sleep(60)\n"
        "def nest():\n"
        "    import multiprocessing\n"
        "    inner = multiprocessing.get_context('forkserver').Process(target=work)\n"
        "    inner.start()\n"
        "    inner.kill()\n"
        "    inner.join()\n"
        "    work()\n"
    )
    node = subprocess.Popen(
        [sys.executable, "-c", _WORKERS, short_path, work],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
    )
    try:
        worker = psutil.Process(int(node.stdout.readline()))
        assert eventually((tmp_path / "at work").exists, 10)
        importers = (tmp_path / "imports").read_text().split()
        assert importers[0] == str(node.pid)
        assert str(worker.pid) not in importers
        server = worker.parent()
        assert server.ppid() == node.pid
        assert "multiprocessing.forkserver" in server.cmdline()
        worker.kill()
    finally:
        node.kill()
        node.wait()
        node.stdout.close()
    assert eventually(lambda: not server.is_running(), 10)
