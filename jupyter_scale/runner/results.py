"""What a run left, in a file: a parcel for a notebook that has nothing of it."""

from __future__ import annotations

import ast
import dis
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jupyter_scale.errors import CannotTravel
from jupyter_scale.runner import cargo
from jupyter_scale.shipping.fingerprint import DigestCache
from jupyter_scale.shipping.replica import Packed, Replica
from jupyter_scale.transport.framing import encode

_BINDING = frozenset({"STORE_NAME", "STORE_GLOBAL"})


def names_bound_by(source: str) -> frozenset[str]:
    """Return the names that a cell binds; none if it is no Python, as with magics."""
    try:
        code = compile(source, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError):
        return frozenset()
    return frozenset(one.argval for one in dis.get_instructions(code) if one.opname in _BINDING)


def write_results(
    path: Path, values: Mapping[str, Any], namespace: dict[str, Any]
) -> dict[str, Any]:
    """Write values to a file, each name's whole content; return what was written.

    Parameters
    ----------
    path
        The file, which is never seen half written.
    values
        ``name → value``; names that `namespace` does not have are bound there for a moment.
    namespace
        The notebook's variables, which its functions live in.

    Returns
    -------
    dict
        ``names`` written, ``nbytes``, and ``stays``: ``name → why`` of what cannot be pickled.
    """
    missing = {name: value for name, value in values.items() if name not in namespace}
    namespace.update(missing)
    try:
        packed, stays = _pack(values, namespace)
    finally:
        for name in missing:
            namespace.pop(name, None)
    if packed is None:
        return {"names": [], "nbytes": 0, "stays": stays}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - 0600 from the start
        file.writelines(encode(frame) for frame in to_frames(cargo.to_body(packed.parcel, None)))
        nbytes = file.tell()
    draft.replace(path)
    return {"names": list(packed.parcel.names), "nbytes": nbytes, "stays": stays}


def to_frames(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a parcel's body in messages of bounded size: its buffers' pieces come one by one."""
    yield {**body, "inline": [len(pieces) for pieces in body["inline"]]}
    for pieces in body["inline"]:
        for piece in pieces:
            yield {"piece": piece}


def from_frames(frames: Iterator[Mapping[str, Any]]) -> dict[str, Any]:
    """Rebuild the body that `to_frames` took apart.

    Raises
    ------
    EOFError
        Some of it is missing.
    """
    try:
        body = dict(next(frames))
        body["inline"] = [[next(frames)["piece"] for _ in range(n)] for n in body["inline"]]
    except (StopIteration, KeyError) as error:
        msg = "what the run left is not whole"
        raise EOFError(msg) from error
    return body


def _pack(
    values: Mapping[str, Any], namespace: dict[str, Any]
) -> tuple[Packed | None, dict[str, str]]:
    """Pack what can travel, as if nothing had ever travelled."""
    replica = Replica(namespace, is_notebook=False)
    replica.table.cuts_graphs = True
    snapshots, stays = {}, {}
    cache = DigestCache()
    for name, value in values.items():
        try:
            snapshots[name] = replica.look_at(name, value, cache)
        except CannotTravel as error:
            stays[name] = str(error)
    if not snapshots:
        return None, stays
    try:
        return replica.pack(snapshots), stays
    except CannotTravel as error:  # one of them pickles once only
        return None, stays | dict.fromkeys(snapshots, str(error))
