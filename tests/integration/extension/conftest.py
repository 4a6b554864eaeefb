"""A Jupyter server in this process, with the extension, and no cluster left behind."""

import pytest
from jupyter_server.auth.identity import User
from pytest_jupyter.jupyter_server import *  # noqa: F403 - its fixtures are for this folder only
from tornado.web import create_signed_value

from jupyter_scale.clusters import store
from jupyter_scale.clusters.cluster import stop_saved
from jupyter_scale.server.extension import stop


@pytest.fixture
def jp_server_config():
    return {"ServerApp": {"jpserver_extensions": {"jupyter_scale": True}}}


@pytest.fixture(autouse=True)
def scale_app(jp_serverapp, jp_asyncio_loop):
    yield jp_serverapp
    stop(jp_serverapp)
    for cluster in store.cluster_ids():
        stop_saved(store.load(cluster))


@pytest.fixture
def cookie_headers(jp_serverapp):
    """What a browser sends that has logged in: a cookie, and no token."""
    provider = jp_serverapp.identity_provider
    provider.cookie_name = "me"
    secret = jp_serverapp.web_app.settings["cookie_secret"]
    value = provider.user_to_cookie(User(username="me"))
    signed = create_signed_value(secret, "me", value).decode()
    return {"Authorization": "", "Cookie": f"me={signed}"}
