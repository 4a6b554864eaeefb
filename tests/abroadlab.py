"""A cluster for a notebook as on other machines: its processes have other homes and directories.

Runs inside of a kernel. The runner is on the one "node", the workers are on another.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
#: Whether the runner's process can have a view of the file system of its own.
CAN_HIDE = os.geteuid() == 0 and shutil.which("unshare") is not None


def hiding(folder):
    """Return a command that runs another one, to which a folder is empty."""
    if not CAN_HIDE:
        return []
    script = 'mount -t tmpfs -o ro none "$0" && exec "$@"'
    return ["unshare", "-m", "--propagation", "private", "sh", "-c", script, str(folder)]


def join(shell, nodes, *, with_workers=False):  # noqa: PLR0915 - one step after another
    """Give this kernel's notebook a session abroad; return what has to be closed.

    Parameters
    ----------
    nodes
        A folder in which the homes of the nodes are.
    with_workers
        Wait for two workers; without them loops run in order.
    """
    from jupyter_scale import magics
    from jupyter_scale.clusters.cluster import Cluster
    from jupyter_scale.environment.courier import Courier, mirror_key
    from jupyter_scale.model.profile import embedded_profile
    from jupyter_scale.providers.provider import Route
    from jupyter_scale.runner.client import RunnerClient
    from jupyter_scale.session.abroad import Abroad
    from jupyter_scale.session.session import Session
    from jupyter_scale.transport.lifeline import current_owner
    from jupyter_scale.transport.local import child_environment
    from jupyter_scale.workspace.joining import Joined

    nodes = Path(nodes)
    folder = Path.cwd()
    sys.path.insert(0, str(HERE))
    from localhost import LocalHost

    sys.path.remove(str(HERE))
    del sys.modules["localhost"]
    hosts = [LocalHost(nodes / "first" / "home"), LocalHost(nodes / "second" / "user")]
    couriers = [Courier(host, mirror_key(folder)) for host in hosts]
    magic = magics._loaded[id(shell)]
    workspace = magic.workspace

    home = os.environ["HOME"]
    os.environ["HOME"] = str(hosts[1].home)
    os.environ["OF_THE_NODE"] = "yes"
    os.chdir(hosts[1].home)
    try:
        cluster = Cluster.create(embedded_profile().with_workers(2))
        cluster.start(wait=with_workers)
    finally:
        os.environ["HOME"] = home
        del os.environ["OF_THE_NODE"]
        os.chdir(folder)

    # The runner sees no shared memory with the notebook.
    directory = nodes / "cluster"
    directory.mkdir()
    state = json.loads((cluster.directory / "state.json").read_text())
    state["shared_dir"] = None
    (directory / "state.json").write_text(json.dumps(state))
    for name in ("tls", "scheduler.json"):
        (directory / name).symlink_to(cluster.directory / name)
    session_id = f"s{secrets.token_hex(4)}"
    (own := nodes / "runner").mkdir()
    environment = {
        **child_environment(cluster.state.id),
        "HOME": str(hosts[0].home),
        "OF_THE_NODE": "yes",
        "PATH": f"{hosts[0].home}/bin:/usr/bin:/bin",
    }
    arguments = [
        f"--directory={own}",
        f"--cluster-directory={directory}",
        f"--session={session_id}",
        f"--owner={current_owner()}",
    ]
    runner = subprocess.Popen(
        [*hiding(folder), sys.executable, "-P", "-m", "jupyter_scale.runner.host", *arguments],
        env=environment,
        cwd=hosts[0].home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=(own / "log").open("wb"),
    )
    address = json.loads(runner.stdout.readline())["address"]
    client = RunnerClient(
        address, cluster.directory / "tls", session_id, lambda: runner.poll() is None, 10.0
    )
    abroad = Abroad(folder, lambda: couriers)
    workspace._tenancy.cluster = cluster
    session = Session(
        client, shell.user_ns, shell.user_ns_hidden, None, magic._ambience, abroad=abroad
    )
    workspace._place = cluster.state.head.name
    workspace._joined[workspace._place] = Joined(session, None, Route(address), "abroad")
    return {"runner": runner, "couriers": couriers, "hosts": hosts, "abroad": abroad}
