"""Process-wide state that a cell can read or change without naming a notebook variable.

Both sides remember what they last agreed on; only differences travel.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import sys
import warnings
from collections.abc import Mapping
from typing import Any

Ambient = dict[str, Any]

# Set for one process, and wrong in any other.
_PRIVATE_PREFIXES = (
    "JPY_",
    "IPYKERNEL",
    "JUPYTER_SCALE",
    "DASK_",
    "PYDEVD",
    "LINES",
    "COLUMNS",
    "JOBLIB_TEMP",
)


def gather() -> Ambient:
    """Return the state of this process as plain values."""
    state: Ambient = {
        "environ": {
            key: value for key, value in os.environ.items() if not key.startswith(_PRIVATE_PREFIXES)
        },
        "sys_path": list(sys.path),
        "random": pickle.dumps(random.getstate(), protocol=5),
    }
    with contextlib.suppress(OSError):  # the directory was removed under us
        state["cwd"] = os.getcwd()  # noqa: PTH109 - the cell's own view of it
    with contextlib.suppress(Exception):  # a filter for a class that only the notebook has
        state["warnings"] = pickle.dumps(warnings.filters, protocol=5)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        state["numpy_random"] = pickle.dumps(numpy_random.get_state(), protocol=5)
    return state


def difference(agreed: Mapping[str, Any], now: Mapping[str, Any]) -> Ambient:
    """Return the parts of `now` that are not in `agreed`."""
    changed = {key: value for key, value in now.items() if agreed.get(key) != value}
    if "environ" in changed:
        before = agreed.get("environ", {})
        after = now["environ"]
        changed["environ"] = {
            "set": {key: value for key, value in after.items() if before.get(key) != value},
            "unset": [key for key in before if key not in after],
        }
    return changed


def apply(changes: Mapping[str, Any]) -> None:
    """Give this process the state in `changes`, as `difference` returned it."""
    environ = changes.get("environ")
    if environ is not None:
        for key in environ["unset"]:
            os.environ.pop(key, None)
        os.environ.update(environ["set"])
    if "sys_path" in changes:
        sys.path[:] = changes["sys_path"]
    if "cwd" in changes:
        with contextlib.suppress(OSError):  # not there on this machine
            os.chdir(changes["cwd"])
    if "random" in changes:
        random.setstate(pickle.loads(changes["random"]))
    if "warnings" in changes:
        apply_warnings(changes["warnings"])
    if "numpy_random" in changes:
        import numpy as np

        np.random.set_state(pickle.loads(changes["numpy_random"]))  # noqa: NPY002


def apply_warnings(filters: bytes) -> None:
    """Give this process these warning filters, in their order.

    Importing a library puts its own filters in front, so this is repeated after values, and with
    them libraries, have been loaded.
    """
    with contextlib.suppress(Exception):  # a class that does not exist here
        warnings.filters[:] = pickle.loads(filters)  # type: ignore[index]
        warnings._filters_mutated()  # type: ignore[attr-defined]  # noqa: SLF001 - as their setters do
