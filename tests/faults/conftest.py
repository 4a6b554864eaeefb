"""A notebook for each module, and a fresh one for tests that end it."""

import pytest

from notebook import Notebook


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    notebook = Notebook(tmp_path_factory.mktemp("notebook"))
    notebook.run("%load_ext jupyter_scale\n%scale quiet")
    yield notebook
    notebook.close()


@pytest.fixture
def doomed(tmp_path):
    """A notebook whose kernel the test may kill."""
    notebook = Notebook(tmp_path)
    notebook.run("%load_ext jupyter_scale")
    yield notebook
    notebook.close()
