"""What cloud-init does on an instance, for the keys of user data that are known here.

The bench reads user data with `parse` and gives the machine its host key; the rest runs on the
machine itself, as a program: files before sshd is there, commands after.
"""

import base64
import gzip
import json
import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HEADER = "#cloud-config\n"
LARGEST_BYTES = 16384
_KEYS = {"ssh_keys", "ssh_deletekeys", "write_files", "runcmd"}
_SSH_KEYS = {"ed25519_private", "ed25519_public"}
_FILE_KEYS = {"path", "permissions", "content", "encoding", "owner"}
_ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


@dataclass(frozen=True)
class UserData:
    ssh_keys: dict
    write_files: list
    runcmd: list


def parse(data):
    """Read user data; ValueError says what in it real machines would refuse or ignore."""
    if len(data) > LARGEST_BYTES:
        raise ValueError(f"User data is limited to {LARGEST_BYTES} bytes")
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    text = data.decode()
    if not text:
        return UserData({}, [], [])
    if not text.startswith(HEADER):
        raise ValueError(f"user data does not begin with {HEADER!r}")
    config = json.loads(text.removeprefix(HEADER))
    ssh_keys, files = config.get("ssh_keys", {}), config.get("write_files", [])
    unknown = set(config) - _KEYS | set(ssh_keys) - _SSH_KEYS
    for file in files:
        unknown |= set(file) - _FILE_KEYS
    if unknown:
        raise ValueError(f"unknown in cloud-config: {', '.join(sorted(unknown))}")
    return UserData(ssh_keys, files, config.get("runcmd", []))


def _write(file):
    path = Path(file["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_decoded(file.get("content", ""), file.get("encoding", "")))
    path.chmod(int(file.get("permissions", "0644"), 8))
    owner, _, group = file.get("owner", "root:root").partition(":")
    shutil.chown(path, owner, group or None)


def _decoded(content, encoding):
    steps = {
        "": str.encode,
        "b64": base64.b64decode,
        "gz+b64": lambda text: gzip.decompress(base64.b64decode(text)),
    }
    return steps[encoding](content)


def _welcome(user, key):
    """Let the holder of a key in as a user; root is not let in."""
    account = pwd.getpwnam(user)
    ssh = Path(account.pw_dir, ".ssh")
    ssh.mkdir(mode=0o700, exist_ok=True)
    (ssh / "authorized_keys").write_text(key)
    (ssh / "authorized_keys").chmod(0o600)
    for path in (Path(account.pw_dir), ssh, ssh / "authorized_keys"):
        os.chown(path, account.pw_uid, account.pw_gid)


def main():
    """Apply the user data in a file: `files USERDATA USER KEY`, or `commands USERDATA`."""
    stage, place = sys.argv[1:3]
    user_data = parse(Path(place).read_bytes())
    if stage == "files":
        _welcome(*sys.argv[3:5])
        for file in user_data.write_files:
            _write(file)
        return
    with Path("/var/log/cloud-init-output.log").open("ab") as log:
        for command in user_data.runcmd:
            subprocess.run(
                command,
                shell=isinstance(command, str),
                check=False,
                cwd="/",
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
    finished = Path("/var/lib/cloud/instance/boot-finished")
    finished.parent.mkdir(parents=True)
    finished.touch()


if __name__ == "__main__":
    main()
