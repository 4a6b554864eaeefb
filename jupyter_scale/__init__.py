"""Run notebook cells on a cluster: ``%load_ext jupyter_scale``, then ``%%scale`` on a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_scale.model.run import RunReport

    last_run: RunReport | None

__all__ = ["last_run", "load_ipython_extension", "unload_ipython_extension"]
__version__ = "0.1.0"


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register ``%scale`` and ``%%scale``; called by ``%load_ext jupyter_scale``."""
    from jupyter_scale.magics import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """End the cluster and remove the magics; called by ``%unload_ext jupyter_scale``."""
    from jupyter_scale.magics import unload

    unload(shell)


def __getattr__(name: str) -> Any:
    if name == "last_run":
        from jupyter_scale.magics import last_run as current

        return current()
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-scale"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "jupyter_scale"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    """Add the endpoints to a Jupyter server."""
    from jupyter_scale.server.extension import load

    load(serverapp)


async def _start_jupyter_server_extension(serverapp: Any) -> None:
    """Let the server's kernels find it."""
    from jupyter_scale.server.extension import start

    start(serverapp)
