"""The logs of a cluster: where they are in a node's directory, and the end of one."""

from __future__ import annotations

from pathlib import Path

from jupyter_scale.errors import ClusterError

_MOST_BYTES = 16 << 20


def log_path(name: str) -> str:
    """Return the path of a log in a node's directory, whether it exists or not.

    Parameters
    ----------
    name : str
        ``"node"``, ``"worker/<worker's name>"`` or ``"runner/<session>"``.

    Raises
    ------
    ClusterError
        When there can be no such log.
    """
    kind, _, which = name.partition("/")
    if Path(which).name == which and which != "..":
        match kind, bool(which):
            case "node", False:
                return "node.log"
            case "worker", True:
                return f"workers/{which}.log"
            case "runner", True:
                return f"runners/{which}/runner.log"
    raise ClusterError(f"There is no log {name!r}.")


def read_lines(path: Path, count: int) -> tuple[str, ...]:
    """Return the last lines of a log, none when there is none; of a huge one the end is read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _MOST_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ()
    return tuple(text.splitlines()[-count:]) if count > 0 else ()
