"""Runners as processes: how one is started on a cluster's first node."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_scale.errors import ClusterError

if TYPE_CHECKING:
    from jupyter_scale.model.cluster import NodeState, Owner
    from jupyter_scale.providers.provider import Provider, Request
    from jupyter_scale.transport.local import Child

_SESSION = re.compile(r"\w[\w.-]*", re.ASCII)


def runner_directory(request: Request, session_id: str) -> Path:
    """Return where the files of a session's runner are."""
    return request.directory / "runners" / session_id


def start_runner(
    provider: Provider, request: Request, node: NodeState, session_id: str, owner: Owner
) -> Child:
    """Start the runner of a session and return at once.

    Parameters
    ----------
    owner : Owner
        The process with which the runner ends.

    Raises
    ------
    ClusterError
        When the session's id cannot be a directory's name, or the cluster's directory is gone.
    """
    if not _SESSION.fullmatch(session_id):
        raise ClusterError(f"{session_id!r} cannot be a session's id: use letters and digits.")
    directory = runner_directory(request, session_id)
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        raise ClusterError(
            f"Cluster {request.profile.name} has ended: `%scale up` starts another."
        ) from None
    arguments = [
        f"--directory={directory}",
        f"--cluster-directory={request.directory}",
        f"--session={session_id}",
        f"--owner={owner}",
    ]
    return provider.run(
        node,
        request,
        ["jupyter_scale.runner.host", *arguments],
        what="runner",
        log_path=directory / "runner.log",
        cwd=Path.cwd(),
    )
