"""TCP sockets as the kernel lists them, in whatever network namespace a process is."""

import contextlib
import ipaddress
import struct
from dataclasses import dataclass
from pathlib import Path

ESTABLISHED, LISTENING = "01", "0A"


@dataclass(frozen=True)
class TcpSocket:
    """One socket: where it is bound, in what state, and its number."""

    address: str
    port: int
    state: str
    inode: str


def sockets_around(pid):
    """Return all TCP sockets in the network namespace of a process; none when it is gone."""
    found = []
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                place, _, port = fields[1].partition(":")
                found.append(TcpSocket(_address(place), int(port, 16), fields[3], fields[9]))
    return found


def inodes_of(pid):
    """Return the numbers of the sockets that a process holds."""
    found = set()
    with contextlib.suppress(OSError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(file.readlink()).removeprefix("socket:[").removesuffix("]"))
    return found


def _address(place):
    """Return an address as people write it; the kernel writes words in this machine's order."""
    words = [place[i : i + 8] for i in range(0, len(place), 8)]
    packed = b"".join(struct.pack("=I", int(word, 16)) for word in words)
    return str(ipaddress.ip_address(packed))
