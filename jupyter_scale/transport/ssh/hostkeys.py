"""Whether the key that a host shows is the one that known_hosts has for it.

The laws, which are OpenSSH's with strict checking:

1. A key that is marked ``@revoked`` for the host is refused, whatever else is known.
2. The same key on any line for the host is trusted.
3. Another key of the same type on a line for the host means that the key has changed.
4. Anything else is unknown. Lines for ``@cert-authority`` vouch for certificates only, which we do
   not use.

A host on another port than 22 is ``[host]:port`` there; a line for the host alone vouches for it
too, but its other keys do not make the key "changed".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_scale.errors import HostKeyError

_PLAIN, _REVOKED, _AUTHORITY = "", "@revoked", "@cert-authority"
_SHORTEST = 3  # names, type, key


@dataclass(frozen=True)
class HostKey:
    """A public key: its type, for instance ``ssh-ed25519``, and its bytes."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """Return its fingerprint as OpenSSH writes it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")
        return f"SHA256:{digest}"

    @property
    def text(self) -> str:
        """Return it as it stands in known_hosts."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"


@dataclass(frozen=True)
class Line:
    """One line of a known_hosts file."""

    path: Path
    number: int
    marker: str
    names: str
    key: HostKey

    @property
    def place(self) -> str:
        """Return where it is, for messages."""
        return f"{self.path}:{self.number}"


@dataclass(frozen=True)
class Known:
    """The key is trusted, by this line."""

    line: Line


@dataclass(frozen=True)
class Unknown:
    """No line says anything of the key; these are of the same host, for other keys."""

    others: tuple[Line, ...] = ()
    authorities: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Changed:
    """A line has another key of the same type."""

    line: Line


@dataclass(frozen=True)
class Revoked:
    """A line says that the key must not be trusted."""

    line: Line


Verdict = Known | Unknown | Changed | Revoked


def parse(path: Path, text: str) -> list[Line]:
    """Return the lines of a known_hosts file; what is none is left out, as OpenSSH does."""
    lines = []
    for number, raw in enumerate(text.splitlines(), start=1):
        words = raw.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else _PLAIN
        if len(words) < _SHORTEST or words[1].isdigit():
            continue  # or a key of SSH 1, which begins with its size
        try:
            blob = base64.b64decode(words[2], validate=True)
        except binascii.Error:
            continue
        lines.append(Line(path, number, marker, words[0], HostKey(words[1], blob)))
    return lines


def read(paths: Iterable[Path]) -> tuple[Line, ...]:
    """Return the lines of all files that there are and that can be read."""
    lines: list[Line] = []
    for path in paths:
        try:
            lines += parse(path, path.read_text(errors="replace"))
        except OSError:
            continue
    return tuple(lines)


def is_for(line: Line, name: str) -> bool:
    """Tell whether a line is for a host: by name, pattern, or the hash of its name."""
    if line.names.startswith("|"):
        return _is_hash_of(line.names, name)
    found = False
    for pattern in line.names.lower().split(","):
        is_negated = pattern.startswith("!")
        if _pattern(pattern.removeprefix("!")).fullmatch(name.lower()):
            if is_negated:
                return False
            found = True
    return found


def _is_hash_of(hashed: str, name: str) -> bool:
    match hashed.split("|"):
        case ["", "1", salt, digest]:
            try:
                made = hmac.new(base64.b64decode(salt), name.encode(), "sha1").digest()
                return hmac.compare_digest(made, base64.b64decode(digest))
            except binascii.Error:
                return False
    return False


def _pattern(text: str) -> re.Pattern[str]:
    """Return what ``*`` and ``?`` mean; brackets are those of ``[host]:port``."""
    return re.compile("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in text))


def judge(lines: Sequence[Line], names: Sequence[str], key: HostKey) -> Verdict:
    """Return what known_hosts says of a host's key.

    Parameters
    ----------
    lines : sequence of Line
        Of all files, in order.
    names : sequence of str
        The host's names; by all but the first a key can only be trusted or revoked.
    key : HostKey
        What the host showed.
    """
    ours = [line for line in lines if any(is_for(line, name) for name in names)]
    for line in ours:
        if line.marker == _REVOKED and line.key == key:
            return Revoked(line)
    plain = [line for line in ours if line.marker == _PLAIN]
    for line in plain:
        if line.key == key:
            return Known(line)
    exact = [line for line in plain if is_for(line, names[0])]
    for line in exact:
        if line.key.kind == key.kind:
            return Changed(line)
    authorities = tuple(line for line in ours if line.marker == _AUTHORITY)
    return Unknown(tuple(exact), authorities)


def known_kinds(lines: Sequence[Line], names: Sequence[str]) -> tuple[str, ...]:
    """Return the types of the keys that are known for a host, so that it is asked for those."""
    kinds = [
        line.key.kind
        for line in lines
        if line.marker == _PLAIN and any(is_for(line, name) for name in names)
    ]
    return tuple(dict.fromkeys(kinds))


def refusal(
    host: str, names: Sequence[str], key: HostKey, verdict: Verdict, file: Path
) -> HostKeyError:
    """Return the error for a verdict other than `Known`.

    The command that it gives accepts the very key that was shown, by its content: asking the
    host anew, as ``ssh-keyscan`` does, could get another one, and does not reach hosts that are
    behind others.

    Parameters
    ----------
    host : str
        Its name for the user.
    names : sequence of str
        See `judge`.
    key : HostKey
        What it showed.
    file : Path
        Where an accepted key belongs.
    """
    shown = f"{key.kind} key {key.fingerprint}"
    accept = f"echo {shlex.quote(f'{names[0]} {key.text}')} >> {shlex.quote(str(file))}"
    match verdict:
        case Revoked(line):
            why = f"its {shown} is marked as revoked in {line.place}, so it is not trusted"
            return HostKeyError(host, why, _REVOKED_ADVICE, fingerprint=key.fingerprint, accept="")
        case Changed(line):
            why = (
                f"its key has CHANGED: it shows the {shown}, but {line.place} has"
                f" {line.key.fingerprint}. Somebody may be listening in, or it was set up anew"
            )
            accept = f"{_removal(line, names[0])} && {accept}"
        case Unknown(others, authorities):
            why = f"its {shown} is not known"
            if others:
                kinds = ", ".join(f"{line.key.kind} in {line.place}" for line in others)
                why += f"; known are other types ({kinds}), which it no longer shows"
            elif authorities:
                why += (
                    f"; {authorities[0].place} names an authority for it, and certificates of"
                    " hosts are not supported"
                )
        case Known():
            msg = "a known key is not refused"
            raise AssertionError(msg)
    advice = (
        f"Compare it with what its owner says (there: ssh-keygen -lf"
        f" /etc/ssh/ssh_host_{_file_kind(key.kind)}_key.pub). To accept it:\n    {accept}"
    )
    return HostKeyError(host, why, advice, fingerprint=key.fingerprint, accept=accept)


_REVOKED_ADVICE = "Ask its owner which key it has now; do not accept this one."


def _removal(line: Line, name: str) -> str:
    """Return the command that takes a line out: by name, or by number if it is a pattern."""
    file = shlex.quote(str(line.path))
    if any(mark in line.names for mark in "*?!"):
        return f"sed -i.bak {line.number}d {file}"
    return f"ssh-keygen -R {shlex.quote(name)} -f {file}"


def _file_kind(kind: str) -> str:
    """Return what OpenSSH calls a type of key in names of files, for instance ``ed25519``."""
    return kind.removeprefix("ssh-").split("-", maxsplit=1)[0]
