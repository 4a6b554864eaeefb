"""Where a cell comes from: kernel, notebook and cell, as far as the kernel knows."""

from __future__ import annotations

import functools
import os
import re
import uuid
from typing import Any

_CONNECTION_FILE = re.compile(r"kernel-([\w-]+)\.json")


@functools.cache
def kernel_id() -> str:
    """Return the id under which a Jupyter server knows this kernel, empty outside of one."""
    try:
        from ipykernel.connect import get_connection_file

        name = os.path.basename(get_connection_file())  # noqa: PTH119 - a text, no path to touch
    except (ImportError, RuntimeError):  # not in a kernel
        return ""
    match = _CONNECTION_FILE.fullmatch(name)
    return match[1] if match else ""


def notebook_path() -> str:
    """Return the notebook of this kernel as a Jupyter server tells it, empty outside of one."""
    return os.environ.get("JPY_SESSION_NAME", "")


def origin_of(shell: Any) -> dict[str, str]:
    """Return the origin of the cell that is running now; see `CellRequest`."""
    kernel = getattr(shell, "kernel", None)
    parent = kernel.get_parent("shell") if kernel is not None else {}
    cell = parent.get("metadata", {}).get("cellId", "")
    return {
        "run": uuid.uuid4().hex,
        "kernel": kernel_id(),
        "notebook": notebook_path(),
        "cell": cell if isinstance(cell, str) else "",
    }
