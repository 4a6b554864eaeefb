"""What a machine is told of its node: the files of its directory, and its command line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_scale.transport.tls import ROLES, ca_path, cert_path, key_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_scale.model.cluster import NodeState
    from jupyter_scale.providers.provider import Request


def belongings(request: Request, node: str, network: str) -> dict[str, Any]:
    """Return what a node's directory is made of.

    Parameters
    ----------
    request : Request
        What is known of its cluster.
    node : str
        Its name.
    network : str
        In which the nodes reach each other; that of the connection when empty.
    """
    tls = [ca_path(request.tls_dir)]
    tls += [path(request.tls_dir, role) for role in ROLES for path in (cert_path, key_path)]
    files = {f"tls/{path.name}": path.read_text() for path in tls}
    files["state.json"] = replace(request.state, nodes=(), runners=(), shared_dir="").to_json()
    return {"cluster": request.cluster, "node": node, "network": network, "files": files}


def arguments(
    request: Request,
    node: NodeState,
    *,
    scheduler: str | None,
    shared: str,
    address: str,
    preloads: Iterable[str],
) -> list[str]:
    """Return the command line of a node process, see `jupyter_scale.providers.node.__main__`.

    Parameters
    ----------
    scheduler : str, optional
        The scheduler that it joins; it has the cluster's own when None.
    shared : str
        Its directory for sockets.
    address : str
        Where its scheduler and workers listen.
    preloads : iterable of str
        Modules that its workers import at their start.
    """
    assert node.machine is not None  # noqa: S101 - it is on one
    directory, profile = node.machine.directory, request.profile
    told = [
        f"--cluster={request.cluster}",
        f"--name={node.name}",
        f"--directory={directory}",
        f"--shared-directory={shared}",
        f"--tls-directory={directory}/tls",
        f"--orphan-after={profile.orphan_after_s}",
        f"--keep-for={profile.held_for_s(is_paid=node.machine.rental is not None)}",
        f"--workers={node.workers}",
        f"--host={address}",
        f"--worker-prefix={node.name}/",
        *(f"--worker-preload={one}" for one in preloads),
    ]
    if scheduler is not None:
        return [*told, f"--scheduler={scheduler}"]
    told.append(f"--scheduler-port={profile.options.get('scheduler_port', 0)}")
    if profile.idle_timeout_s is not None:
        told.append(f"--idle-timeout={profile.idle_timeout_s}")
    return told
