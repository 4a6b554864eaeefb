"""Questions to a host before a cluster starts there: what it reaches, and what is left on it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from jupyter_scale.environment import launch
from jupyter_scale.environment.host import Host, ask
from jupyter_scale.environment.node.sources import Sources
from jupyter_scale.errors import EnvironmentFailed
from jupyter_scale.model.checkup import LeftBehind, Reached
from jupyter_scale.transport.processes import MARK

_SILENCE_S = 20.0
_LISTEN_S = 60.0


@dataclass(frozen=True)
class Meeting:
    """Where one host waits for the others, and the word by which they know it."""

    address: str
    port: int
    word: str


def reach(
    host: Host, sources: Sources, cache: str = "", *, is_python_needed: bool = False
) -> Reached:
    """Return what a host reaches.

    Parameters
    ----------
    host : Host
        The node.
    sources : Sources
        The laptop's, for a host without settings of its own.
    cache : str
        The directory to use on the host; empty: ``~/.cache/jupyter-scale``.
    is_python_needed : bool
        Whether Python itself would have to be downloaded.

    Raises
    ------
    EnvironmentFailed, ClusterError
        See `jupyter_scale.environment.host.ask`.
    """
    request = {
        "op": "reach",
        "cache": cache,
        "sources": sources.for_others().to_dict(),
        "is_python_needed": is_python_needed,
    }
    answer = ask(host, request, silence_s=_SILENCE_S)
    return Reached(answer["index"], answer["index_error"], answer["python_error"])


def find_leftovers(host: Host, cache: str = "") -> tuple[LeftBehind, ...]:
    """Return what there is of clusters on a host, also of those that run.

    Raises
    ------
    EnvironmentFailed, ClusterError
        See `jupyter_scale.environment.host.ask`.
    """
    request = {"op": "leftovers", "cache": cache, "mark": MARK}
    answer = ask(host, request, silence_s=_SILENCE_S)
    return tuple(
        LeftBehind(one["cluster"], tuple(one["pids"]), tuple(one["directories"]), one["age_s"])
        for one in answer["clusters"]
    )


@contextmanager
def waiting_for_others(host: Host, network: str = "") -> Iterator[Meeting]:
    """Let a host wait for others, on one address only.

    That is its address in a network such as ``"10.0.0.0/24"``, or the one under which SSH reached
    it. It ends with the block; or by itself after a minute, or when the connection to it breaks.

    Raises
    ------
    EnvironmentFailed, ClusterError
        When it cannot.
    """
    word = secrets.token_hex(8)
    request = {"op": "listen", "seconds": _LISTEN_S, "word": word, "network": network}
    lines = host.converse(launch.command(), [launch.standard_input(request)], _SILENCE_S)
    with closing(lines):
        first: Mapping[str, Any] = next(lines, {"error": "the command ended without an answer"})
        if "error" in first:
            raise EnvironmentFailed(f"listening on {host.name}", str(first["error"]))
        yield Meeting(first["address"], first["port"], word)


def meet(host: Host, meeting: Meeting) -> str:
    """Return why a host does not reach the one that waits; empty if it does.

    Raises
    ------
    EnvironmentFailed, ClusterError
        See `jupyter_scale.environment.host.ask`.
    """
    request = {
        "op": "meet",
        "address": meeting.address,
        "port": meeting.port,
        "word": meeting.word,
    }
    return str(ask(host, request, silence_s=_SILENCE_S)["why"])
