"""The logs of a cluster on this machine."""

from __future__ import annotations

from pathlib import Path

from jupyter_scale.errors import ClusterError

_MOST_BYTES = 16 << 20


def log_path(directory: Path, name: str) -> Path:
    """Return the path of a log in a cluster's directory, whether it exists or not.

    Parameters
    ----------
    directory : Path
        The cluster's.
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
                return directory / "node.log"
            case "worker", True:
                return directory / "workers" / f"{which}.log"
            case "runner", True:
                return directory / "runners" / which / "runner.log"
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
