"""REST: who may call, what is refused and how, what comes back."""

import inspect
import json

import pytest
from jupyter_server.serverapp import _has_tornado_web_authenticated
from tornado.httpclient import HTTPClientError
from tornado.web import RequestHandler

from jupyter_scale.model.facts import RunFact
from jupyter_scale.server.extension import routes
from jupyter_scale.serverlink import KERNEL_HEADER, KEY_HEADER

API = ("jupyter-scale", "api")
UNREACHABLE = "The cluster cannot be reached at the moment: nothing was stopped."
ENDPOINTS = [
    ("GET", ("clusters",)),
    ("POST", ("clusters",)),
    ("GET", ("clusters", "c1")),
    ("PATCH", ("clusters", "c1")),
    ("DELETE", ("clusters", "c1")),
    ("POST", ("clusters", "c1", "retry")),
    ("PATCH", ("clusters", "c1", "limits")),
    ("GET", ("clusters", "c1", "nodes", "n1", "log")),
    ("GET", ("profiles",)),
    ("POST", ("profiles",)),
    ("POST", ("quotes",)),
    ("GET", ("hosts",)),
    ("GET", ("offers", "us-east-1")),
    ("GET", ("profiles", "local", "quote")),
    ("POST", ("runs", "r1", "interrupt")),
    ("POST", ("runs", "r1", "loops", "1", "stop")),
    ("POST", ("runs", "r1", "account")),
    ("GET", ("runs", "kept")),
    ("GET", ("clusters", "c1", "runs", "r1", "output")),
    ("POST", ("clusters", "c1", "runs", "r1", "claim")),
    ("POST", ("clusters", "c1", "runs", "r1", "shown")),
    ("GET", ("feed",)),
]
BODIES = {"POST": "{}", "PATCH": "{}"}


def methods_of(handler):
    """Return ``name → function`` of the HTTP methods that an endpoint answers."""
    found = {}
    for name in handler.SUPPORTED_METHODS:
        method = getattr(handler, name.lower())
        if method is not RequestHandler._unimplemented_method:
            found[name] = method
    return found


@pytest.mark.parametrize(("pattern", "handler"), routes())
def test_no_endpoint_lacks_authentication(pattern, handler):
    for name, method in methods_of(handler).items():
        if name in ("OPTIONS", "HEAD"):
            continue  # Jupyter's own: what may be asked, without an answer to it
        is_rest = _has_tornado_web_authenticated(method)
        is_socket = getattr(method, "__allow_unauthenticated", None) is False
        assert is_rest or is_socket, f"{name} {pattern}"
        assert handler.auth_resource == "jupyter-scale"
        source = "".join(inspect.getsource(handler))
        assert "@authorized" in source or "is_authorized" in source


def test_the_table_of_endpoints_is_complete():
    import re

    asked = {
        (handler, method)
        for method, parts in ENDPOINTS
        for pattern, handler in routes()
        if re.fullmatch(pattern, "/" + "/".join((*API, *parts)))
    }
    offered = {
        (handler, name)
        for _, handler in routes()
        for name in methods_of(handler)
        if name not in ("OPTIONS", "HEAD")
    }
    assert asked == offered


async def refuse(jp_fetch, status, *parts, **kwargs):
    with pytest.raises(HTTPClientError) as refusal:
        await jp_fetch(*API, *parts, **kwargs)
    assert refusal.value.code == status, refusal.value.response.body
    return refusal.value.response.body.decode()


@pytest.mark.parametrize(("method", "parts"), ENDPOINTS)
@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"Authorization": "token wrong"}])
async def test_no_token_and_a_wrong_one(jp_fetch, method, parts, headers):
    await refuse(jp_fetch, 403, *parts, method=method, headers=headers, body=BODIES.get(method))


@pytest.mark.parametrize(("method", "parts"), ENDPOINTS[:-1])
async def test_a_wrong_key_of_a_kernel(jp_fetch, method, parts):
    headers = {"Authorization": "", KEY_HEADER: "wrong", KERNEL_HEADER: "k"}
    await refuse(jp_fetch, 403, *parts, method=method, headers=headers, body=BODIES.get(method))


async def test_the_key_alone_opens_nothing_without_a_kernel_of_this_server(jp_fetch, jp_serverapp):
    key = jp_serverapp.web_app.settings["jupyter_scale_key"]
    headers = {"Authorization": "", KEY_HEADER: key, KERNEL_HEADER: "no-such-kernel"}
    await refuse(jp_fetch, 403, "clusters", headers=headers)


async def test_a_kernel_is_let_in_by_key_and_id(jp_fetch, jp_serverapp):
    kernel = await jp_serverapp.kernel_manager.start_kernel()
    key = jp_serverapp.web_app.settings["jupyter_scale_key"]
    headers = {"Authorization": "", KEY_HEADER: key, KERNEL_HEADER: kernel}
    try:
        answer = await jp_fetch(*API, "clusters", headers=headers)
        assert json.loads(answer.body)["clusters"] == []
        body = await refuse(
            jp_fetch, 400, "clusters", method="POST", body='{"profile": "x"}', headers=headers
        )
        assert "There is no profile 'x'" in json.loads(body)["message"]
        headers[KEY_HEADER] = "wrong"
        await refuse(jp_fetch, 403, "clusters", headers=headers)
    finally:
        await jp_serverapp.kernel_manager.shutdown_kernel(kernel, now=True)


async def test_a_page_of_another_origin(jp_fetch, cookie_headers):
    headers = {**cookie_headers, "Origin": "http://evil.example"}
    await refuse(jp_fetch, 404, "clusters", headers=headers)
    await refuse(jp_fetch, 404, "clusters", headers=headers, method="POST", body="{}")


async def test_a_cookie_alone_needs_the_xsrf_token(jp_fetch, cookie_headers):
    headers = cookie_headers
    assert (await jp_fetch(*API, "clusters", headers=dict(headers))).code == 200
    await refuse(jp_fetch, 403, "clusters", method="POST", body="{}", headers=dict(headers))
    await refuse(jp_fetch, 403, "clusters", "c1", method="DELETE", headers=dict(headers))


async def test_an_authorizer_that_says_no(jp_fetch, jp_serverapp):
    from jupyter_server.auth.authorizer import Authorizer

    class Nobody(Authorizer):
        def is_authorized(self, handler, user, action, resource):
            return resource != "jupyter-scale"

    jp_serverapp.web_app.settings["authorizer"] = Nobody(parent=jp_serverapp)
    for method, parts in ENDPOINTS:
        await refuse(jp_fetch, 403, *parts, method=method, body=BODIES.get(method))


@pytest.mark.parametrize(
    ("method", "parts", "body", "status", "message"),
    [
        ("POST", ("clusters",), "{", 400, "not JSON"),
        ("POST", ("clusters",), "[]", 400, "not an object"),
        ("POST", ("clusters",), '{"size": 1}', 400, "Unknown key 'size'"),
        ("POST", ("clusters",), '{"workers": "2"}', 400, "expected a number from 1"),
        ("POST", ("clusters",), '{"profile": "nosuch"}', 400, "There is no profile 'nosuch'"),
        ("PATCH", ("clusters", "c1"), "{}", 400, "'workers' is missing"),
        ("PATCH", ("clusters", "c1"), '{"workers": 2}', 404, "There is no cluster 'c1'"),
        ("GET", ("clusters", "c1"), None, 404, "There is no cluster 'c1'"),
        ("DELETE", ("clusters", "c1"), None, 404, "There is no cluster 'c1'"),
        ("POST", ("clusters", "c1", "retry"), "", 404, "There is no cluster 'c1'"),
        ("GET", ("clusters", "c1", "nodes", "n1", "log"), None, 404, "There is no cluster 'c1'"),
        ("POST", ("runs", "r1", "account"), "{", 400, "Expecting property name"),
        ("POST", ("runs", "r1", "account"), "{}", 400, "not an account"),
        ("POST", ("clusters", "c1", "retry"), '{"node": 1}', 400, "expected the name of a node"),
        ("POST", ("runs", "r1", "interrupt"), "", 404, "There is no run 'r1'"),
        ("POST", ("runs", "r1", "loops", "1", "stop"), "", 404, "There is no run 'r1'"),
        ("POST", ("clusters", "c1", "runs", "r1", "claim"), "{}", 400, "'page' is missing"),
        ("POST", ("clusters", "c1", "runs", "r1", "claim"), '{"page": 1}', 400, "a page calls"),
        ("POST", ("clusters", "c1", "runs", "r1", "claim"), '{"page": "p"}', 404, "cluster 'c1'"),
        ("POST", ("profiles",), "{", 400, "not JSON"),
        ("POST", ("profiles",), "[" * 100_000, 400, "not JSON"),
        ("POST", ("profiles",), "{}", 400, "'name' is missing"),
        ("POST", ("profiles",), '{"name": "x"}', 400, "'table' is missing"),
        ("POST", ("profiles",), '{"name": "x", "table": []}', 400, "the keys of a profile"),
        ("POST", ("profiles",), '{"name": "x", "table": {}, "place": "/"}', 400, '"config" or'),
        ("POST", ("profiles",), '{"name": "local", "table": {}}', 409, "profile 'local' already"),
        ("POST", ("quotes",), '{"name": "x", "table": {"a": 1}}', 400, "unknown key 'a'"),
    ],
)
async def test_refusals(jp_fetch, method, parts, body, status, message):
    text = await refuse(jp_fetch, status, *parts, method=method, body=body)
    assert message in json.loads(text)["message"]


async def test_a_number_of_a_frame_that_is_none(jp_fetch):
    text = await refuse(jp_fetch, 400, "clusters", params={"after": "x"})
    assert "expected the number of a frame" in json.loads(text)["message"]


@pytest.mark.parametrize("lines", ["x", "0", "-1", "100000"])
async def test_a_number_of_lines_that_is_none(jp_fetch, lines):
    parts = ("clusters", "c1", "nodes", "n1", "log")
    text = await refuse(jp_fetch, 400, *parts, params={"lines": lines})
    assert "expected a number from 1 to" in json.loads(text)["message"]


async def test_profiles_of_the_servers_directory(jp_fetch, jp_root_dir):
    (jp_root_dir / "scale.toml").write_text("[clusters.lab]\n")
    for _ in range(3):
        answer = json.loads((await jp_fetch(*API, "profiles")).body)
        if "lab" in answer["profiles"]:
            break
        answer = await jp_fetch(*API, "clusters", params={"after": "1"}, request_timeout=30)
    assert json.loads((await jp_fetch(*API, "profiles")).body) == {"profiles": ["lab", "local"]}


@pytest.mark.parametrize("place", ["config", "folder", None])
async def test_a_profile_is_added_once(jp_fetch, jp_root_dir, jp_config_dir, place):
    table = {"pools": [{"workers": 2}]}
    body = json.dumps({"name": "mine", "table": table, "place": place})
    answer = await jp_fetch(*API, "profiles", method="POST", body=body)
    path = (jp_root_dir if place == "folder" else jp_config_dir) / "scale.toml"
    assert (answer.code, json.loads(answer.body)) == (201, {"path": str(path)})
    assert path.read_text() == "[clusters.mine]\n[[clusters.mine.pools]]\nworkers = 2\n"
    for again in ("config", "folder"):  # a name is taken wherever it is
        body = json.dumps({"name": "mine", "table": table, "place": again})
        said = json.loads(await refuse(jp_fetch, 409, "profiles", method="POST", body=body))
        assert (said["key"], said["complaint"]) == (
            "name",
            "There is a profile of this name: choose another name.",
        )


async def test_what_is_wrong_with_a_profile_names_its_key(jp_fetch, jp_config_dir):
    table = {"provider": "ssh", "pools": [{"hosts": []}]}
    body = json.dumps({"name": "lab", "table": table})
    for path in ("profiles", "quotes"):
        said = json.loads(await refuse(jp_fetch, 400, path, method="POST", body=body))
        assert said["key"] == "hosts"
        assert said["complaint"] == "A pool of provider 'ssh' needs hosts, and has none."
    assert not (jp_config_dir / "scale.toml").exists()


async def test_the_price_of_what_costs_nothing(jp_fetch):
    body = '{"name": "x", "table": {"pools": [{"workers": 2}]}}'
    answer = await jp_fetch(*API, "quotes", method="POST", body=body)
    assert json.loads(answer.body) == {"usd_per_h": 0.0, "lasts_s": None, "lines": []}


async def test_the_hosts_of_ssh_config(jp_fetch, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host node1 node2\nHost *.cluster\n")
    answer = await jp_fetch(*API, "hosts")
    assert json.loads(answer.body) == {"hosts": ["node1", "node2"]}


async def test_offers_without_credentials(jp_fetch, tmp_path, monkeypatch):
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    said = json.loads(await refuse(jp_fetch, 409, "offers", "us-east-1"))
    assert "there are no AWS credentials" in said["message"]


async def test_start_scale_stop(jp_fetch):
    answer = await jp_fetch(*API, "clusters", method="POST", body='{"workers": 1}')
    view = json.loads(answer.body)
    assert (answer.code, view["status"], view["owner"]) == (201, "starting", "server")
    one = ("clusters", view["id"])
    path = (*API, *one)
    seq = 0
    while view["status"] == "starting":
        answer = await jp_fetch(*API, "clusters", params={"after": str(seq)}, request_timeout=30)
        listed = json.loads(answer.body)
        seq, [view] = listed["seq"], listed["clusters"]
    assert view["status"] == "running", view
    assert [step["step"] for step in view["steps"]][-1] == "running"
    assert view["idle_timeout_s"] == 1800
    answer = await jp_fetch(*path, method="PATCH", body='{"workers": 2}')
    [node] = json.loads(answer.body)["nodes"]
    assert node["workers_wanted"] == 2
    log = (*one, "nodes", node["name"], "log")
    for name in ("node", "worker/0"):
        shown = json.loads((await jp_fetch(*API, *log, params={"log": name, "lines": "5"})).body)
        assert all(isinstance(line, str) for line in shown["lines"])
    for name in ("worker/..", "../state.json", "secrets"):
        text = await refuse(jp_fetch, 409, *log, params={"log": name})
        assert "There is no log" in json.loads(text)["message"]
    await refuse(jp_fetch, 404, *one, "nodes", "nosuch", "log")
    assert (await jp_fetch(*path, method="DELETE")).code == 204
    assert json.loads((await jp_fetch(*API, "clusters")).body)["clusters"] == []


@pytest.mark.parametrize(
    ("ended_at", "status", "said"),
    [(2.0, 200, {"status": "late"}), (None, 409, {"message": UNREACHABLE})],
)
async def test_a_loop_of_a_run_that_has_ended_or_cannot_be_reached(
    jp_fetch, jp_serverapp, ended_at, status, said
):
    fact = RunFact(
        id="r1",
        seq=1,
        session="s",
        kernel_id="",
        notebook="",
        cell_id="",
        execution_count=1,
        first_line="x",
        status="done" if ended_at else "running",
        started_at=1.0,
        ended_at=ended_at,
    )
    # As the observers tell it: there is no cluster from which they could hear it.
    jp_serverapp.web_app.settings["jupyter_scale_registry"]._on_fact("gone", fact)
    parts = ("runs", "r1", "loops", "3", "stop")
    if status == 200:
        answer = (await jp_fetch(*API, *parts, method="POST", body="")).body
    else:
        answer = await refuse(jp_fetch, status, *parts, method="POST", body="")
    assert json.loads(answer) == said
