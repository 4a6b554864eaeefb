"""Files by which processes of a machine tell others there that they live, or are at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_scale.model.cluster import Owner
from jupyter_scale.transport.lifeline import current_owner, is_alive

if TYPE_CHECKING:
    from pathlib import Path


def sign(path: Path) -> None:
    """Write into a file who this process is; it is never seen half written."""
    draft = path.with_name(f"{path.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(str(current_owner()))
    draft.replace(path)


def is_signed(path: Path) -> bool:
    """Tell whether the file is there, and the process that it names lives."""
    try:
        return is_alive(Owner.parse(path.read_text()))
    except (OSError, ValueError):
        return False


def presence_path(directory: Path) -> Path:
    """Return the file of a runner's directory that it signs for as long as it lives."""
    return directory / "present"
