"""Runs one JupyterLab for the UI tests: ``python server.py HOME [BASE_URL]``.

It has a token, and a port that the operating system chose: HOME/address.json says both, and a
server that is started there again has the same ones. All that it writes is in HOME. It ends when
its standard input is closed, so that it cannot outlive the tests.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TextIO

from jupyterlab.labapp import LabApp

SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {
        "checkForUpdates": False,
        "fetchNews": "false",
    },
}


def find_free_port() -> int:
    """Ask the operating system for a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_settings(folder: Path) -> None:
    """Write the user settings with which the tests begin."""
    for plugin, settings in SETTINGS.items():
        file = folder / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))


def keep_stdin() -> TextIO:
    """Take standard input for ourselves alone.

    A child that inherited it, such as Node, would make it non-blocking for us too.
    """
    own = os.dup(0)
    with open(os.devnull) as nothing:  # noqa: PTH123 - the usual name of a device
        os.dup2(nothing.fileno(), 0)
    return os.fdopen(own)


def end_with(stdin: TextIO) -> None:
    """End this process in good order as soon as whoever started it has gone.

    The signal goes to the main thread: sent to the process, another thread may take it, and an idle
    event loop would not wake up.
    """
    stdin.read()
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def settle_address(file: Path) -> tuple[int, str]:
    """Return port and token: those of the server that was here before, else new ones."""
    if not file.exists():
        address = {"port": find_free_port(), "token": secrets.token_hex(16)}
        file.write_text(json.dumps(address))
    address = json.loads(file.read_text())
    return address["port"], address["token"]


def main() -> None:
    """Serve until standard input is closed."""
    stdin = keep_stdin()
    home, base_url = Path(sys.argv[1]), (sys.argv[2:] or ["/"])[0]
    root = home / "notebooks"
    root.mkdir(exist_ok=True)
    for variable in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        os.environ[f"JUPYTER_{variable}"] = str(home / variable.lower())
    os.environ["IPYTHONDIR"] = str(home / "ipython")
    write_settings(home / "settings")
    port, token = settle_address(home / "address.json")
    threading.Thread(target=end_with, args=[stdin], daemon=True).start()
    LabApp.launch_instance(
        argv=[
            "--no-browser",
            "--ip=127.0.0.1",
            f"--port={port}",
            "--ServerApp.port_retries=0",
            "--ServerApp.allow_root=True",
            f"--ServerApp.base_url={base_url}",
            f"--ServerApp.root_dir={root}",
            f"--IdentityProvider.token={token}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.news_url=None",
            f"--LabApp.user_settings_dir={home / 'settings'}",
            f"--LabApp.workspaces_dir={home / 'workspaces'}",
        ]
    )


if __name__ == "__main__":
    main()
