"""The two key pairs of a cluster: who may log in, and by what its instances are recognised.

Both are made here. The login key never leaves the cluster's directory; the host key goes to the
instances in their user data, and its public half is pinned, so that no host is trusted at first
sight. All files are 0600.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_LOGIN = "login_key"
_HOST = "host_key"
_KNOWN_HOSTS = "known_hosts"
ALIAS = "instances-of-this-cluster"
"""The name under which the host key is pinned."""


def login_key_path(directory: Path) -> Path:
    """Return the private key with which one logs in to a cluster's instances."""
    return directory / _LOGIN


def known_hosts_path(directory: Path) -> Path:
    """Return the file that pins the key of a cluster's instances."""
    return directory / _KNOWN_HOSTS


def login_public_key(directory: Path) -> str:
    """Return the public half of the login key, which is made if there is none."""
    return _pair(directory / _LOGIN)["public"]


def host_key(directory: Path) -> Mapping[str, str]:
    """Return ``"private"`` and ``"public"`` of the key of all instances, made if there is none."""
    pair = _pair(directory / _HOST)
    _write(known_hosts_path(directory), f"{ALIAS} {pair['public']}\n")
    return pair


def _pair(path: Path) -> Mapping[str, str]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_ssh_private_key,
    )

    try:
        text = path.read_text()
        key = load_ssh_private_key(text.encode(), None)
    except FileNotFoundError:
        key = Ed25519PrivateKey.generate()
        text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        _write(path, text)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return {"private": text, "public": public.decode()}


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
