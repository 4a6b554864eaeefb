"""Runners as processes: how one is started on a node."""

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
) -> tuple[Speaker, str]:
    """Start the runner of a session and return at once: its process, and its directory there.

    Parameters
    ----------
    owner : Owner
        The process with which the runner ends, when it is on the same machine; on another one it
        lives as long as the cluster's owner is heard there.

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
    argv = ["jupyter_scale.runner.host", *arguments]
    return provider.run(node, request, argv, what="runner", directory=directory), directory
