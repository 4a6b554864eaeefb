"""Real clusters, each test's in a Jupyter of its own, and nothing left behind by any."""

import contextlib
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


def is_mapped(path):
    """Tell whether a living process uses a semaphore: then it is not left, and may be another's."""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):
            if str(path) in maps.read_text():
                return True
    return False


@pytest.fixture(autouse=True)
def no_file_is_left():
    kinds = ("dev/shm/sem.mp-*", "tmp/pymp-*", "tmp/dask-*")

    def look():
        found = {path for kind in kinds for path in Path("/").glob(kind)}
        return {path for path in found if not is_mapped(path)}

    before = look()
    yield
    from waiting import eventually

    assert eventually(lambda: look() <= before, 15), look() - before


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
