"""Runners as processes: how one is started on a node, and who hands out what they leave."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_scale.errors import ClusterError

if TYPE_CHECKING:
    from jupyter_scale.model.cluster import NodeState, Owner
    from jupyter_scale.providers.provider import Provider, Request
    from jupyter_scale.transport.speaker import Speaker

_SESSION = re.compile(r"\w[\w.-]*", re.ASCII)


def start_runner(
    provider: Provider,
    request: Request,
    node: NodeState,
    session_id: str,
    owner: Owner,
    *,
    is_detached: bool = False,
) -> tuple[Speaker, str]:
    """Start the runner of a session and return at once: its process, and its directory there.

    Parameters
    ----------
    owner : Owner
        The process with which the runner ends, when it is on the same machine; on another one it
        lives as long as the cluster's owner is heard there.
    is_detached : bool
        Nobody waits for its one run; it ends when that was fetched.

    Raises
    ------
    ClusterError
        When the session's id cannot be a directory's name, or the cluster's directory is gone.
    """
    if not _SESSION.fullmatch(session_id):
        raise ClusterError(f"{session_id!r} cannot be a session's id: use letters and digits.")
    cluster_directory = provider.directory_of(node, request)
    directory = f"{cluster_directory}/runners/{session_id}"
    arguments = [
        f"--directory={directory}",
        f"--cluster-directory={cluster_directory}",
        f"--session={session_id}",
    ]
    if node.machine is None:
        arguments.append(f"--owner={owner}")
    if is_detached:
        arguments.append("--detached")
    argv = ["jupyter_scale.runner.host", *arguments]
    return provider.run(node, request, argv, what="runner", directory=directory), directory


def start_librarian(provider: Provider, request: Request, node: NodeState) -> Speaker:
    """Start, and return at once, who hands out what runs have left on a node.

    Raises
    ------
    ClusterError
        When it cannot be started.
    """
    cluster_directory = provider.directory_of(node, request)
    argv = ["jupyter_scale.runner.host.away", f"--cluster-directory={cluster_directory}"]
    directory = f"{cluster_directory}/librarian"
    return provider.run(node, request, argv, what="librarian", directory=directory)
