"""What ``%scale`` alone shows: the cluster, what it costs and holds, what the last cell did."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path, PurePath

from jupyter_scale.archive.archive import Archive
from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.clusters.costs import cost_rows
from jupyter_scale.clusters.occupants import sessions_of
from jupyter_scale.model.run import format_bytes
from jupyter_scale.origin import notebook_path
from jupyter_scale.workspace.workspace import Workspace


def show_status(workspace: Workspace) -> str:
    """Return it as text."""
    cluster = workspace.cluster
    if cluster is None:
        return "No cluster: the first %%scale cell starts one here, or %scale up PROFILE."
    if isinstance(cluster, Cluster):
        cluster.look()
    state = cluster.state
    age = time.time() - state.started_at
    lines = [
        f"cluster  {state.name} ({state.profile.provider}), {state.status.value}",
        f"up       {age / 60:.0f} min",
        f"workers  {cluster.workers} of {sum(node.workers for node in state.nodes)}",
    ]
    lines += [f"{name:<8} {text}" for name, text in cost_rows(state)]
    for node in state.nodes:
        said = (node.error or node.news).splitlines()
        why = f", {said[0]}" if said else ""
        lines.append(f"node     {node.name}: {node.status.value}{why}")
    if others := {*sessions_of(state)} - workspace.session_ids:
        lines.append(f"others   {_describe_others(others, cluster.directory)}")
    session = workspace.session_or_none
    if session is not None:
        known = {n: size for n, size in session.known_bytes.items() if size}
        largest = sorted(known.items(), key=lambda item: -item[1])[:5]
        held = ", ".join(f"{name} {format_bytes(size)}" for name, size in largest)
        lines.append(
            f"holds    {len(known)} names, {format_bytes(sum(known.values()))}"
            + (f": {held}" if held else "")
        )
        for remote in session.remote_values:
            size = "" if remote.nbytes is None else f", {format_bytes(remote.nbytes)}"
            lines.append(f"keeps    {remote.name}: {remote.type_name}{size}")
    if workspace.last_run is not None:
        lines.append(f"last     {workspace.last_run.summary()}")
    return "\n".join(lines)


def _describe_others(sessions: Collection[str], directory: Path) -> str:
    """Say who else is there; notebooks are known where the cluster is on this machine."""
    runs = [run for run in Archive(directory).runs() if run.session in sessions and run.notebook]
    own = notebook_path()
    known = sorted(
        {
            PurePath(run.notebook).name + (" (this one, in another kernel)" * (run.notebook == own))
            for run in runs
        }
    )
    count = f"{len(sessions)} other notebook{'s' if len(sessions) > 1 else ''}"
    return f"{count}: {', '.join(known)}" if known else count
