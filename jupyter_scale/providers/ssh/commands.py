"""Commands of ours on a host: with the node's Python, and as a part of the cluster."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jupyter_scale.errors import HostError
from jupyter_scale.model.cluster import Machine
from jupyter_scale.transport.local import hash_seed
from jupyter_scale.transport.processes import MARK
from jupyter_scale.transport.ssh.commands import RemoteChild, run, start
from jupyter_scale.transport.ssh.connection import Connection

if TYPE_CHECKING:
    from jupyter_scale.environment.courier import Ourselves

_VISIT = "jupyter_scale.providers.node.visit"
_LAY_S = 60.0
_END_S = 30.0
#: Programs of the node's environment come first, as in an activated one.
_WITH_PATH = 'PATH="$1:$PATH"; export PATH; shift; exec "$@"'
_WITH_LOG = '( umask 077; mkdir -p -- "$1"; : >>"$1/$2.log" ) && exec 2>>"$1/$2.log"; shift 2; '


def end(
    connection: Connection,
    machine: Machine,
    cluster: str,
    node: str,
    *,
    grace_s: float,
    is_broken: bool,
) -> None:
    """End what runs of a node, and remove what is there; gone already is success.

    What cells have left there of a cluster that broke down waits for the next one.

    Where its start came no further than that nobody knows jupyter-scale's place there, that is
    where it was brought to earlier, or nothing was begun.

    Raises
    ------
    HostError
        When it cannot be done: what the host says of it; `HostLost` when the connection is broken.
    """
    argv = [machine.python, "-P", "-m", _VISIT, "end"]
    argv += [f"--cluster={cluster}", f"--name={node}", f"--grace={grace_s}"]
    argv += ["--broken"] * is_broken
    environment = {}
    if machine.search_path:
        environment["PYTHONPATH"] = machine.search_path
    else:
        from jupyter_scale.environment.courier import Ourselves  # late: it is hardly ever needed

        ours = Ourselves()
        script = _with_ours(otherwise='echo "{}"; exit 0') + 'exec "$@"'
        argv = ["sh", "-c", script, "sh", ours.mirror, ours.label, *argv]
    done = run(connection, argv, timeout_s=_END_S, env=environment)
    try:
        answer: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        done.check()
        raise HostError(connection.host, "command", "it did not answer as expected") from None
    if "error" in answer:
        raise HostError(connection.host, "command", str(answer["error"]))


def bring(
    connection: Connection,
    machine: Machine,
    request: Mapping[str, Any],
    ours: Ourselves | None = None,
) -> tuple[RemoteChild, Mapping[str, Any]]:
    """Lay a node's directory, and get its process ready, see `jupyter_scale.providers.node.visit`.

    Parameters
    ----------
    request : mapping
        What the directory is made of.
    ours : Ourselves, optional
        Is used where it was brought to earlier, instead of the machine's `search_path`.

    Returns
    -------
    tuple
        Who is to be sent the arguments and then heard, and what is laid.

    Raises
    ------
    HostError, StartError
        When it cannot be done.
    """
    argv = [machine.python, "-P", "-m", _VISIT, "bring"]
    script, known = _WITH_PATH, [posixpath.dirname(machine.python)]
    if ours is not None:
        argv.append("--mirror")
        script, known = _with_ours(otherwise="exit 1") + script, [ours.mirror, ours.label, *known]
    environment = _environment(machine, str(request["cluster"]))
    command = ["sh", "-c", script, "sh", *known, *argv]
    child = start(connection, command, env=environment, what="node")
    try:
        return child, _ask(child, connection.host, request)
    except BaseException:
        let_go(child)
        raise


def _ask(child: RemoteChild, host: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        child.send(json.dumps(request).encode() + b"\n")
        answer = child.read_message(_LAY_S)
    except (BrokenPipeError, EOFError):
        raise child.explain_end() from None
    if answer is None:
        raise HostError(host, "command", f"it said nothing for {_LAY_S:.0f} s")
    if "error" in answer:
        raise HostError(host, "command", str(answer["error"]))
    return answer


def let_go(child: RemoteChild) -> None:
    """End the command that listened: the node goes on."""
    try:
        child.end(0.0)
    except HostError:
        return  # it ends by itself when its standard input does


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


def _with_ours(otherwise: str) -> str:
    """Return a script that goes on with what was brought earlier, if it is there."""
    return (
        'there="${XDG_CACHE_HOME:-$HOME/.cache}/jupyter-scale/mirrors/$1"; PYTHONPATH="$there/$2";'
        f' test -f "$there.json" && test -d "$PYTHONPATH" || {{ {otherwise}; }};'
        " export PYTHONPATH; shift 2; "
    )


def _environment(machine: Machine, cluster: str) -> dict[str, str]:
    return {
        MARK: cluster,
        "PYTHONPATH": machine.search_path,
        "PYTHONHASHSEED": hash_seed(),
        "SPT_NOENV": "1",
    }
