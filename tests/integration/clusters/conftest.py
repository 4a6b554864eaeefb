"""Real clusters, each test's in a Jupyter of its own, and nothing left behind by any."""

import contextlib
import re
import sys
from pathlib import Path

import pytest

from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.transport.processes import kill_marked, marked

sys.path.insert(0, str(Path(__file__).parents[2]))  # for `waiting`


@pytest.fixture(autouse=True)
def own_jupyter(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))


def mapped():
    """Return the files that living processes use: they are not left, and may be another's."""
    found = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):
            found.update(re.findall(r"/(?:dev/shm|tmp)/\S+", maps.read_text()))
    return found


@pytest.fixture(autouse=True)
def no_file_is_left():
    kinds = ("dev/shm/sem.mp-*", "tmp/pymp-*", "tmp/dask-*")

    def look():
        return {path for kind in kinds for path in Path("/").glob(kind)}

    before = look()
    yield
    from waiting import eventually

    def left():
        """Return what is new, and used by nobody."""
        new = look() - before
        return {path for path in new if str(path) not in mapped()} if new else new

    assert eventually(lambda: not left(), 15), left()


@pytest.fixture
def make_cluster():
    clusters = []

    def make(workers=2, *, minimum=None, preload=(), on_event=None, **options):
        pool = Pool("local", 1, minimum, workers, {"worker_preload": tuple(preload)})
        cluster = Cluster.create(Profile("test", "local", (pool,), options=options), None, on_event)
        clusters.append(cluster)
        return cluster

    yield make
    for cluster in clusters:
        cluster.stop()
        left = marked(cluster.state.id)
        kill_marked(cluster.state.id)
        assert left == []
        assert not Path(cluster.state.directory).exists()
        assert not Path(cluster.state.shared_dir).exists()
