"""A notebook whose cluster is on other machines, as far as one machine can show that."""

from pathlib import Path

import pytest

from notebook import Notebook

JOIN = (
    "get_ipython().lab = __import__('runpy').run_path({lab!r})['join']"
    "(get_ipython(), {nodes!r}, with_workers={workers})"
)
LAB = str(Path(__file__).parents[2] / "abroadlab.py")


class AbroadNotebook(Notebook):
    """A notebook with a folder of its own, ``folder``, and nodes with homes in ``nodes``."""

    def __init__(self, directory, *, workers=False):
        super().__init__(directory)
        self.folder = self.directory / "work"
        self.nodes = self.directory / "nodes"
        self.nodes.mkdir()
        self.workers = workers

    def join(self):
        self.must("%load_ext jupyter_scale\n%scale quiet")
        self.must(JOIN.format(lab=LAB, nodes=str(self.nodes), workers=self.workers))
        return self

    def must(self, source, **options):
        outputs = self.run(source, **options)
        assert outputs.status == "ok", outputs
        return outputs

    def there(self, source):
        """Run a cell on the cluster; it must pass."""
        outputs = self.must(f"%%scale\n{source}")
        where = self.value("__import__('jupyter_scale').last_run.where")
        assert where == "cluster", outputs
        return outputs

    @property
    def mirror(self):
        """The copy of the notebook's folder on the runner's node."""
        [found] = (self.nodes / "first" / "home").glob(
            ".cache/jupyter-scale/mirrors/files-*/work-*"
        )
        return found


@pytest.fixture(scope="module")
def shared_notebook(tmp_path_factory):
    notebook = AbroadNotebook(tmp_path_factory.mktemp("abroad"))
    notebook.join()
    yield notebook
    notebook.close()


@pytest.fixture
def notebook(shared_notebook):
    shared_notebook.must(f"import os; os.chdir({str(shared_notebook.folder)!r})")
    return shared_notebook


@pytest.fixture(scope="module")
def wide_notebook(tmp_path_factory):
    """One with workers, which are on another node than the runner."""
    notebook = AbroadNotebook(tmp_path_factory.mktemp("wide"), workers=True)
    notebook.join()
    yield notebook
    notebook.close()
