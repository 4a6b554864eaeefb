"""Commands of ours on a host: with the node's Python, and as a part of the cluster."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_scale.errors import HostError
from jupyter_scale.model.cluster import Machine
from jupyter_scale.transport.local import hash_seed
from jupyter_scale.transport.processes import MARK
from jupyter_scale.transport.ssh.commands import RemoteChild, run, start
from jupyter_scale.transport.ssh.connection import Connection

_VISIT = "jupyter_scale.providers.node.visit"
#: Programs of the node's environment come first, as in an activated one.
_WITH_PATH = 'PATH="$1:$PATH"; export PATH; shift; exec "$@"'
_WITH_LOG = '( umask 077; mkdir -p -- "$1"; : >>"$1/$2.log" ) && exec 2>>"$1/$2.log"; shift 2; '


def visit(
    connection: Connection,
    machine: Machine,
    *arguments: str,
    timeout_s: float,
    request: Mapping[str, Any] | None = None,
    cluster: str = "",
) -> Mapping[str, Any]:
    """Do one thing on a host, see `jupyter_scale.providers.node.visit`, and return its answer.

    What is done for a `cluster` is ended with it, also where nobody waits for the answer any more.

    Raises
    ------
    HostError
        When it cannot be done: what the host says of it; `HostLost` when the connection is broken.
    """
    done = run(
        connection,
        [machine.python, "-P", "-m", _VISIT, *arguments],
        input=b"" if request is None else json.dumps(request).encode(),
        timeout_s=timeout_s,
        env={"PYTHONPATH": machine.search_path, **({MARK: cluster} if cluster else {})},
    )
    try:
        answer: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        done.check()
        raise HostError(connection.host, "command", "it did not answer as expected") from None
    if "error" in answer:
        raise HostError(connection.host, "command", str(answer["error"]))
    return answer


def listen(connection: Connection, machine: Machine, cluster: str, *arguments: str) -> RemoteChild:
    """Start to hear a node, see `jupyter_scale.providers.node.visit`.

    Raises
    ------
    HostError
        When it cannot begin.
    """
    argv = [machine.python, "-P", "-m", _VISIT, *arguments]
    return start(
        connection,
        ["sh", "-c", _WITH_PATH, "sh", posixpath.dirname(machine.python), *argv],
        env=_environment(machine, cluster),
        what="node",
    )


def start_module(
    connection: Connection,
    machine: Machine,
    cluster: str,
    argv: Sequence[str],
    *,
    what: str,
    directory: str,
) -> RemoteChild:
    """Start a module of ours as a process of the cluster, with a directory of its own.

    Its standard error goes to a log there. It goes on when the connection breaks.

    Raises
    ------
    HostError
        When it cannot begin.
    """
    command = [machine.python, "-P", "-m", *argv]
    script = _WITH_LOG + _WITH_PATH
    return start(
        connection,
        ["sh", "-c", script, "sh", directory, what, posixpath.dirname(machine.python), *command],
        env=_environment(machine, cluster),
        what=what,
    )


def _environment(machine: Machine, cluster: str) -> dict[str, str]:
    return {
        MARK: cluster,
        "PYTHONPATH": machine.search_path,
        "PYTHONHASHSEED": hash_seed(),
        "SPT_NOENV": "1",
    }
