"""A Jupyter server in this process, with the extension, and no cluster left behind."""

import pytest

from jupyter_scale.clusters import store
from jupyter_scale.clusters.cluster import stop_saved
from jupyter_scale.server.extension import stop

pytest_plugins = ["pytest_jupyter.jupyter_server"]


@pytest.fixture
def jp_server_config():
    return {"ServerApp": {"jpserver_extensions": {"jupyter_scale": True}}}


@pytest.fixture(autouse=True)
def scale_app(jp_serverapp, jp_asyncio_loop):
    yield jp_serverapp
    stop(jp_serverapp)
    for cluster in store.cluster_ids():
        stop_saved(store.load(cluster))
