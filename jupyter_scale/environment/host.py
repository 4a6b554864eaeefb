"""The seam to a host: one command, what it reads, and the lines of JSON that it writes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from jupyter_scale.environment import launch
from jupyter_scale.errors import EnvironmentFailed
from jupyter_scale.model.bundle import BundleChange
from jupyter_scale.model.environment import EnvironmentStep

_PIECE_BYTES = 1 << 18
#: A node says something every five seconds.
SILENCE_S = 60.0

OnStep = Callable[[EnvironmentStep], object]


class Host(Protocol):
    """A machine on which commands can be run.

    Attributes
    ----------
    name : str
        What people call it.
    """

    name: str

    def converse(
        self, argv: list[str], stdin: Iterable[bytes], silence_s: float
    ) -> Generator[Mapping[str, Any], None, None]:
        """Run a command; yield each line that it writes, as the JSON object that it is.

        Lines of standard error are no part of it. Closing the generator ends the command.

        Parameters
        ----------
        argv : list of str
            Program and arguments, to be quoted where a shell reads them.
        stdin : iterable of bytes
            Written to its standard input, which is closed then.
        silence_s : float
            It has failed when no line comes for so long.

        Raises
        ------
        ClusterError
            When the host cannot be reached, or the command does not start or says nothing.
        """
        ...


def ask(
    host: Host,
    request: Mapping[str, Any],
    data: Iterable[bytes] = (),
    on_step: OnStep = lambda _: None,
    silence_s: float = SILENCE_S,
) -> Mapping[str, Any]:
    """Have a node do one thing, and return its answer.

    Parameters
    ----------
    host : Host
        The node.
    request : mapping
        See `jupyter_scale.environment.node.main`.
    data : iterable of bytes
        What follows the request.
    on_step : callable
        Told of progress, in this thread.
    silence_s : float
        As in `Host.converse`.

    Raises
    ------
    EnvironmentFailed
        When it cannot be done there.
    ClusterError
        When the host cannot be reached; see `Host.converse`.
    """
    what = _WHAT.get(str(request["op"]), "the environment")

    def stdin() -> Iterator[bytes]:
        yield launch.standard_input(request)
        yield from data

    lines = host.converse(launch.command(), stdin(), silence_s)
    with closing(lines):
        for message in lines:
            if "error" in message:
                raise EnvironmentFailed(
                    f"{what} on {host.name}",
                    str(message["error"]),
                    tuple(message.get("last_lines", ())),
                    str(message.get("next_step", "")),
                    code=str(message.get("code", "")),
                )
            if message.get("event") == "step":
                fields = ("step", "message", "done", "total")
                on_step(EnvironmentStep(*(message[field] for field in fields)))
            elif message.get("event") != "alive":
                return message
    raise EnvironmentFailed(f"{what} on {host.name}", "the command ended without an answer")


_WHAT = {"look": "the look", "known": "the bundle", "unpack": "the bundle", "store": "the upload"}


def contents(change: BundleChange, paths: Mapping[str, Path], level: int = 1) -> Iterator[bytes]:
    """Yield the stream of contents that a change names.

    Parameters
    ----------
    change : BundleChange
        Which contents.
    paths : mapping
        ``path in the bundle → file here``.
    level : int
        How much it is compressed, 0 to 9.
    """
    sources = {file.sha256: paths[file.path] for file in change.put}
    sizes = {file.sha256: file.size_bytes for file in change.put}
    stream = zlib.compressobj(level)
    for sha256 in change.contents:
        left = sizes[sha256]
        with sources[sha256].open("rb") as file:
            while left and (piece := file.read(min(left, _PIECE_BYTES))):
                left -= len(piece)
                if packed := stream.compress(piece):
                    yield packed
        if left:  # the file has shrunk: the other side sees that its hash is wrong
            yield stream.compress(bytes(left))
    yield stream.flush()


def change_request(change: BundleChange) -> dict[str, Any]:
    """Return the fields of a request that describe a change."""
    return {
        "put": [asdict(file) for file in change.put],
        "remove": list(change.remove),
        "contents": list(change.contents),
    }
