"""One notebook for a module; at the module's end nothing of it may be left."""

import pytest

from notebook import Notebook


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    notebook = Notebook(tmp_path_factory.mktemp("notebook"))
    notebook.run("%load_ext jupyter_scale")
    yield notebook
    notebook.close()
