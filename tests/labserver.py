"""A Jupyter server as its user has it: a process, REST, feed, and kernels that it starts."""

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import websocket
from jupyter_client import BlockingKernelClient

from jupyter_scale.model.feed import LoadRow
from jupyter_scale.monitor.spans import Span
from notebook import SHARED_MEMORY, Run
from waiting import deadline_in, eventually

ROOT = Path(__file__).resolve().parents[1]


def find_free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Kernel:
    """A kernel that the server started, with `%load_ext jupyter_scale` done."""

    def __init__(self, lab, kernel_id):
        self.id = kernel_id
        self.client = BlockingKernelClient()
        path = lab.runtime / f"kernel-{kernel_id}.json"
        assert eventually(path.exists, 10)
        self.client.load_connection_file(str(path))
        self.client.start_channels()
        self._wait_for_ready()
        loaded = self.run("%load_ext jupyter_scale")
        assert loaded.status == "ok", loaded
        #: What that has said.
        self.greeting = loaded.stdout
        self.pid = int(self.run("import os; print(os.getpid())").stdout)

    def _wait_for_ready(self, trials=3):
        """Wait, also where a loaded machine makes the client miss a heartbeat and give up."""
        for left in reversed(range(trials)):
            try:
                self.client.wait_for_ready(timeout=60)
            except RuntimeError:
                if not left:
                    raise
            else:
                return

    def run(self, source, timeout_s=60):
        return Run(self.client, source).finish(timeout_s)

    def start(self, source):
        return Run(self.client, source)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.client.stop_channels()


#: What the log of a server may end with, as its kernels write there.
_OF_KERNELS = (
    "KeyboardInterrupt",  # one that a test has killed was starting again when the server ended
    "zmq.error.ZMQError: Socket operation on non-socket",  # ipykernel's own, as it shuts down
)


class LabServer:
    """One server in a directory of its own; it can be killed and started anew there."""

    def __init__(self, directory, profiles="", **variables):
        self.directory = Path(directory)
        self.runtime = self.directory / "runtime"
        self.root = self.directory / "notebooks"
        self.root.mkdir(exist_ok=True)
        config = self.directory / "config"
        config.mkdir(exist_ok=True)
        (config / "scale.toml").write_text(profiles)
        enabled = config / "jupyter_server_config.d" / "jupyter_scale.json"
        enabled.parent.mkdir(exist_ok=True)
        enabled.write_text((ROOT / "labextension" / "server-config.json").read_text())
        self.token = secrets.token_hex(16)
        self.port = 0
        self.process = None
        self._clusters = set()
        self._clients = []
        self._environment = {
            **os.environ,
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_CONFIG_DIR": str(config),
            "JUPYTER_DATA_DIR": str(self.directory / "data"),
            "IPYTHONDIR": str(self.directory / "ipython"),
            **variables,
        }

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        self.port = find_free_port()
        with (self.directory / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "jupyter_server",
                    "--no-browser",
                    "--allow-root",
                    "--ip=127.0.0.1",
                    f"--port={self.port}",
                    "--ServerApp.port_retries=0",
                    f"--ServerApp.root_dir={self.root}",
                    f"--IdentityProvider.token={self.token}",
                ],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        assert eventually(self._answers, 30), self.log()

    def _answers(self):
        with contextlib.suppress(OSError):
            return self.ask("GET", "/api/status")[0] == 200
        return False

    def log(self):
        return (self.directory / "server.log").read_text()

    def ask(self, method, path, body=None, timeout_s=60):
        """Return status and content of an answer."""
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"token {self.token}"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def scale(self, method, path, body=None):
        answer = self.ask(method, f"/jupyter-scale/api/{path}", body)
        self._note_clusters()
        return answer

    def clusters(self):
        """Return ``name → view``."""
        return {view["name"]: view for view in self.scale("GET", "clusters")[1]["clusters"]}

    def start_cluster(self, **body):
        """Start a cluster as the panel does, and wait until it runs."""
        status, view = self.scale("POST", "clusters", body)
        assert status == 201, view
        assert self.comes_up(view["name"])
        return self.clusters()[view["name"]]

    def comes_up(self, name, timeout_s=40):
        return eventually(
            lambda: self.clusters().get(name, {}).get("status") == "running", timeout_s
        )

    def feed(self):
        """Return a connection to the feed, on which all clusters have been heard of.

        A snapshot is as of the last beat, and a cluster may have come since.
        """
        known = {view["id"] for view in self.clusters().values()}
        url = f"ws://127.0.0.1:{self.port}/jupyter-scale/api/feed?token={self.token}"
        panel = Panel(websocket.create_connection(url, timeout=20))
        panel.wait(lambda p: known <= p.clusters.keys())
        return panel

    def start_kernel(self, notebook="work.ipynb"):
        body = {
            "path": notebook,
            "name": notebook,
            "type": "notebook",
            "kernel": {"name": "python3"},
        }
        status, session = self.ask("POST", "/api/sessions", body)
        assert status == 201, session
        kernel = Kernel(self, session["kernel"]["id"])
        self._clients.append(kernel.client)
        return kernel

    def command(self, *arguments):
        """Run ``jupyter scale`` in a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "jupyter_scale.cli", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def kill(self):
        """End the server as a power cut would, and its kernels with it."""
        self._note_clusters()
        kernels = [process for process in self.processes() if "ipykernel" in _command(process)]
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        for kernel in kernels:
            with contextlib.suppress(psutil.Error):
                kernel.kill()

    def _note_clusters(self):
        self._clusters |= {path.name for path in (self.runtime / "jupyter_scale").glob("*")}

    def commands(self, word):
        """Return the commands of our processes that have `word`."""
        return [command for p in self.processes() if word in (command := _command(p))]

    def processes(self):
        """Return what the server, its kernels and its clusters started and still runs."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                is_ours = process.environ().get("JUPYTER_RUNTIME_DIR") == str(self.runtime)
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def runners(self):
        """Return the processes of its runners."""
        return [p for p in self.processes() if "jupyter_scale.runner.host " in _command(p)]

    def left(self):
        """Return all that is there of clusters."""
        self._note_clusters()
        paths = [SHARED_MEMORY / cluster for cluster in self._clusters]
        kept = (self.runtime / "jupyter_scale").glob("*")
        paths += [path for path in kept if not path.name.startswith("aws")]  # those outlive all
        commands = [_command(process) for process in self.processes()]
        return [str(path) for path in paths if path.exists()] + [
            command for command in commands if re.search(r"jupyter_scale\.(?!cli)", command)
        ]

    def close(self):
        for client in self._clients:
            client.stop_channels()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        self.command("down")
        is_clean = eventually(lambda: not self.left(), 15)
        left = self.left()
        for process in self.processes():
            process.kill()
        assert is_clean, left
        errors = [
            error
            for error in self.log().split("Traceback ")[1:]
            if not any(f"\n{expected}" in error for expected in _OF_KERNELS)
        ]
        assert not errors, self.log()


def _command(process):
    with contextlib.suppress(psutil.Error):
        return f"{process.pid} {' '.join(process.cmdline())}"
    return ""


class Panel:
    """What a panel that is seen knows: a snapshot, and every delta applied."""

    def __init__(self, connection):
        self.connection = connection
        self.frames = []
        self.loads = {}
        self.spans = []
        first = self._next()
        assert first["type"] == "snapshot"
        self._take(first)
        self.watch()

    def watch(self, nodes=(), *, is_visible=True, tasks=()):
        """Say what is on the screen: nodes, ``(cluster, name)``, and tasks of these clusters."""
        said = {"type": "watch", "visible": is_visible, "nodes": list(nodes), "tasks": list(tasks)}
        self.connection.send(json.dumps(said))

    def _next(self):
        return json.loads(self.connection.recv())

    def load(self, cluster, node):
        """Return the newest row of a node's load, None before there is one."""
        return self.loads.get((cluster, node))

    def _take(self, frame):
        self.frames.append(frame)
        if frame["type"] == "loads":
            for row in frame["rows"]:
                if row[-1] is None:  # GPUs summed up: each one is as it was
                    row[-1] = (self.load(frame["cluster"], row[0]) or row)[-1]
                self.loads[frame["cluster"], row[0]] = LoadRow(*row)
            return
        if frame["type"] == "tasks":
            before = [] if frame["is_anew"] else self.spans
            self.spans = [
                *before,
                *(
                    Span(frame["workers"][row[0]], *row[1:6], frame["runs"][row[6]])
                    for row in frame["rows"]
                ),
            ]
            return
        if frame["type"] == "snapshot":
            self.log = frame["log"]
            self.seq = frame["seq"]
            self.clusters = {view["id"]: view for view in frame["clusters"]}
            self.runs = {view["id"]: view for view in frame["runs"]}
            return
        assert frame["seq"] == self.seq + 1
        self.seq = frame["seq"]
        self.log += frame["log"]
        for name in ("clusters", "runs"):
            known = getattr(self, name)
            known.update({view["id"]: view for view in frame[name]})
            for gone in frame[f"gone_{name}"]:
                del known[gone]
        for change in frame["nodes"]:
            news = {node["name"]: node for node in change["nodes"]}
            view = self.clusters[change["cluster"]]
            view["nodes"] = [news.get(node["name"], node) for node in view["nodes"]]
        for change in frame["loops"]:
            self.runs[change["run"]]["loops"] = change["loops"]

    def wait(self, predicate, timeout_s=20):
        """Read frames until a condition holds."""
        deadline = deadline_in(timeout_s)
        while not predicate(self):
            self.connection.settimeout(max(0.1, deadline - time.monotonic()))
            self._take(self._next())

    def count_frames(self, seconds):
        """Return how many frames come within that time."""
        before, deadline = len(self.frames), time.monotonic() + seconds
        while (remaining := deadline - time.monotonic()) > 0:
            self.connection.settimeout(remaining)
            with contextlib.suppress(websocket.WebSocketTimeoutException):
                self._take(self._next())
        return len(self.frames) - before

    def close(self):
        self.connection.close()
