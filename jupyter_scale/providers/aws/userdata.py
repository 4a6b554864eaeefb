"""What an instance is told to do when it first starts: its keys, and its watchdog. Pure.

It is ``#cloud-config`` in JSON, which is YAML. All files of ours that are not the node's own are in
`HOME` there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files

from jupyter_scale.errors import AwsError
from jupyter_scale.providers.node import lease

HOME = str(lease.HOME)
LIMITS = f"{HOME}/limits.json"
MOST_BYTES = 16384
"""What EC2 takes as user data at most."""

_BEGIN = """\
#!/bin/sh
# Starts what ends this instance, whatever becomes of its user.
cd {home} || exit 1
chown {user} {home} limits.json lease
if ! command -v python3 >/dev/null; then
    setsid sh -c 'sleep {never_s}; while :; do shutdown -h now; sleep 10; done' </dev/null \\
        >/dev/null 2>&1 &
elif [ -d /run/systemd/system ]; then
    cat >/etc/systemd/system/jupyter-scale.service <<END
[Service]
ExecStart={home}/watchdog {home}
Restart=always
RestartSec=5
[Install]
WantedBy=multi-user.target
END
    systemctl daemon-reload
    systemctl enable --now jupyter-scale
else
    setsid {home}/watchdog {home} </dev/null >>{home}/watchdog.log 2>&1 &
fi
"""


@dataclass(frozen=True)
class Limits:
    """When an instance ends itself; the watchdog reads it, and reads it again when it changes.

    Parameters
    ----------
    cluster : str
        The cluster's id, by which the watchdog knows the node process.
    deadline_at : float
        Unix time at which it ends in any case.
    life_s : float, optional
        Seconds since it was started, at which it ends in any case; None when not known.
    why : str
        What that deadline comes from, for people.
    orphan_after_s : float
        It ends when nobody was heard for so long.
    never_s : float
        It ends when nobody was ever heard, and so long after its start.
    grace_s : float
        It ends when its node process ended, and no other came for so long.
    is_spot : bool
        Whether a notice may come that it is taken away.
    """

    cluster: str
    deadline_at: float
    life_s: float | None
    why: str
    orphan_after_s: float
    never_s: float
    grace_s: float
    is_spot: bool

    def to_json(self) -> str:
        """Return it as the watchdog reads it."""
        return json.dumps(asdict(self))


def user_data(limits: Limits, host_key: Mapping[str, str], user: str) -> str:
    """Return what an instance is told.

    Parameters
    ----------
    host_key : mapping
        ``"private"`` and ``"public"``: the key by which it is recognised.
    user : str
        Who logs in.

    Raises
    ------
    AwsError
        When it is more than EC2 takes.
    """
    begin = _BEGIN.format(home=HOME, user=user, never_s=round(limits.never_s))
    config = {
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": host_key["private"],
            "ed25519_public": host_key["public"],
        },
        "write_files": [
            _file("watchdog", "0700", watchdog_source()),
            _file("begin", "0700", begin),
            _file("limits.json", "0644", limits.to_json()),
            _file("lease", "0644", ""),
        ],
        "runcmd": [["sh", f"{HOME}/begin"]],
    }
    text = "#cloud-config\n" + json.dumps(config)
    if len(text.encode()) > MOST_BYTES:
        raise AwsError("the user data", f"it has {len(text.encode())} of {MOST_BYTES} bytes")
    return text


def watchdog_source() -> str:
    """Return the program that watches over an instance, without what only its readers need."""
    return files("jupyter_scale.providers.aws").joinpath("watchdog.py").read_text("utf-8")


def _file(name: str, permissions: str, content: str) -> dict[str, str]:
    return {"path": f"{HOME}/{name}", "permissions": permissions, "content": content}
