"""The keys to offer to a host: in what order, and how they are opened.

The order costs the fewest tries and questions (a server lets about six keys be tried): keys of the
agent that ssh_config names, then its other keys, then key files that are open, then those that
need a passphrase. A passphrase is used once, and kept nowhere.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import paramiko
from paramiko.agent import AgentKey, AgentSSH

_AGENT_TIMEOUT_S = 30.0
_MAGIC = b"openssh-key-v1\0"
_BEGIN, _END = "-----BEGIN ", "-----END "
_CLASSES: dict[str, type[paramiko.PKey]] = {
    "ssh-ed25519": paramiko.Ed25519Key,
    "ecdsa-sha2-nistp256": paramiko.ECDSAKey,
    "ecdsa-sha2-nistp384": paramiko.ECDSAKey,
    "ecdsa-sha2-nistp521": paramiko.ECDSAKey,
    "ssh-rsa": paramiko.RSAKey,
}
_OLD_FORMATS = {"RSA PRIVATE KEY": "ssh-rsa", "EC PRIVATE KEY": "ecdsa-sha2-nistp256"}


@dataclass(frozen=True)
class KeyFile:
    """What can be told of a private key without its passphrase.

    Attributes
    ----------
    path : Path
        The file.
    kind : str
        Its type, for instance ``ssh-ed25519``.
    is_locked : bool
        Whether it needs a passphrase.
    blob : bytes
        Its public half, as the agent names it; empty if it is not known.
    is_public : bool
        Whether only the public half is there: the other one may be in the agent.
    """

    path: Path
    kind: str
    is_locked: bool
    blob: bytes = b""
    is_public: bool = False


class WrongPassphrase(Exception):
    """The passphrase does not open the key."""


def read(path: Path) -> KeyFile | None:
    """Return what a private key is, None when there is none or of a kind that we cannot use.

    Raises
    ------
    OSError
        When the file is there and cannot be read.
    """
    public = path.with_name(f"{path.name}.pub")
    try:
        text = path.read_text(errors="replace")
    except FileNotFoundError:
        return _read_public(path, public)
    found = parse(path, text) or _read_public(path, path)
    if found is None or found.blob:
        return found
    beside = _read_public(path, public)
    return found if beside is None else replace(found, blob=beside.blob)


def _read_public(path: Path, public: Path) -> KeyFile | None:
    with contextlib.suppress(OSError, ValueError):
        kind, blob = public.read_text().split()[:2]
        if kind in _CLASSES:
            return KeyFile(path, kind, False, base64.b64decode(blob), is_public=True)  # noqa: FBT003
    return None


def parse(path: Path, text: str) -> KeyFile | None:
    """Return what the text of a private key is, None when it is none that we can use."""
    lines = [line.strip() for line in text.splitlines()]
    starts = [i for i, line in enumerate(lines) if line.startswith(_BEGIN)]
    ends = [i for i, line in enumerate(lines) if line.startswith(_END)]
    if not starts or not ends:
        return None
    tag = lines[starts[0]].removeprefix(_BEGIN).removesuffix("-----")
    body = lines[starts[0] + 1 : ends[0]]
    if tag in _OLD_FORMATS:
        return KeyFile(path, _OLD_FORMATS[tag], any("ENCRYPTED" in line for line in body))
    if tag != "OPENSSH PRIVATE KEY":
        return None
    try:
        data = base64.b64decode("".join(body))
        cipher, data = _cut(data.removeprefix(_MAGIC))
        _, data = _cut(data)  # how the passphrase becomes a key
        _, data = _cut(data)
        blob, _ = _cut(data[4:])  # after how many keys there are
        kind = _cut(blob)[0].decode("ascii")
    except (ValueError, struct.error):
        return None
    return KeyFile(path, kind, cipher != b"none", blob) if kind in _CLASSES else None


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """Return the string at the beginning of data in SSH's format, and the rest."""
    (length,) = struct.unpack_from(">I", data)
    return data[4 : 4 + length], data[4 + length :]


def load(key: KeyFile, passphrase: str | None = None) -> paramiko.PKey:
    """Return a key that can sign; a certificate beside it (``-cert.pub``) goes with it.

    Raises
    ------
    WrongPassphrase
        When it does not open the file.
    OSError, ValueError
        When the file cannot be read, or is damaged.
    """
    try:
        loaded = _CLASSES[key.kind].from_private_key_file(str(key.path), passphrase)
    except (paramiko.SSHException, ValueError) as error:
        if key.is_locked:
            raise WrongPassphrase from None  # nothing that could hold it
        raise ValueError(f"{key.path} is damaged: {error}") from error
    certificate = key.path.with_name(f"{key.path.name}-cert.pub")
    if certificate.exists():
        loaded.load_certificate(str(certificate))
    return loaded


class Agent(AgentSSH):
    """The user's SSH agent.

    Parameters
    ----------
    path : str
        Its socket; without one, or without an agent behind it, there are no keys.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._socket: socket.socket | None = None
        if not path:
            return
        self._socket = sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(_AGENT_TIMEOUT_S)  # it may ask its user
            sock.connect(path)
            self._connect(sock)  # type: ignore[attr-defined]
        except (OSError, paramiko.SSHException):
            self.close()

    def close(self) -> None:
        """Leave it; whoever waits for it is woken."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()


def choose(
    offered: Sequence[AgentKey], files: Iterable[KeyFile], *, identities_only: bool
) -> list[AgentKey | KeyFile]:
    """Return the keys to offer, in order.

    Parameters
    ----------
    offered : sequence of AgentKey
        The agent's.
    files : iterable of KeyFile
        Those that ssh_config names, in order.
    identities_only : bool
        Whether the agent may offer those of `files` only.
    """
    files = list(files)
    ranks = {file.blob: rank for rank, file in reversed(list(enumerate(files))) if file.blob}
    named = sorted((k for k in offered if k.blob in ranks), key=lambda k: ranks[k.blob])
    others = [] if identities_only else [k for k in offered if k.blob not in ranks]
    in_agent = {key.blob for key in named}
    alone = [file for file in files if not file.is_public and file.blob not in in_agent]
    return [*named, *others, *sorted(alone, key=lambda file: file.is_locked)]
