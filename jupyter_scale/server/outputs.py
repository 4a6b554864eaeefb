"""What a run has shown, as a notebook file has it. Pure.

Each event of a runner becomes one message as a kernel would have sent it, with its type as
``output_type``: the four outputs of nbformat, and ``update_display_data`` and ``clear_output``,
which change those before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_scale.model.messages import EventKind

NOTE = "%%scale:"


def to_outputs(events: Iterable[Mapping[str, Any]], execution_count: int) -> list[dict[str, Any]]:
    """Return what events show, in their order.

    Parameters
    ----------
    events
        As an archive keeps them: ``kind`` and ``body``.
    execution_count
        Of their cell.
    """
    return [_to_output(event["kind"], event["body"], execution_count) for event in events]


def note_output(text: str) -> dict[str, Any]:
    """Return something that its user should know."""
    return {"output_type": "stream", "name": "stderr", "text": f"{NOTE} {text}\n"}


def _to_output(kind: str, body: Mapping[str, Any], execution_count: int) -> dict[str, Any]:
    match EventKind(kind):
        case EventKind.STREAM:
            return {"output_type": "stream", "name": body["name"], "text": body["text"]}
        case EventKind.DISPLAY:
            return {
                "output_type": "update_display_data" if body["update"] else "display_data",
                "data": body["data"],
                "metadata": body["metadata"],
                "transient": body["transient"],
            }
        case EventKind.CLEAR:
            return {"output_type": "clear_output", "wait": body["wait"]}
        case EventKind.RESULT:
            return {
                "output_type": "execute_result",
                "execution_count": execution_count,
                "data": body["data"],
                "metadata": body["metadata"],
            }
        case EventKind.ERROR:
            return {
                "output_type": "error",
                "ename": body["ename"],
                "evalue": body["evalue"],
                "traceback": body["traceback"],
            }
        case EventKind.NOTE:
            return note_output(body["text"])
        case other:
            msg = f"an archive has no {other}"
            raise ValueError(msg)
