"""A cell's output in the notebook, in the order in which it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from jupyter_scale.model.messages import Event, EventKind, LoopProgress
from jupyter_scale.shipping.ambient.sites import Site


class CellView(Protocol):
    """Where a cell's output goes, in the order in which it was made."""

    def stream(self, name: str, text: str) -> None:
        """Show text of ``"stdout"`` or ``"stderr"``."""

    def display(self, body: Mapping[str, Any]) -> None:
        """Show a display, or update one."""

    def clear(self, *, wait: bool) -> None:
        """Clear the cell's output."""

    def result(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Show the last expression."""

    def error(self, name: str, text: str, traceback: Sequence[str], *, in_result: bool) -> None:
        """Show an error with IPython's lines for it; `in_result`: one of showing the result."""

    def travels(self, sent_bytes: int, reused_bytes: int) -> None:
        """Say how much the cell needed that was sent, and how much that was there already."""

    def progress(self, progress: LoopProgress) -> None:
        """Show how far a loop is."""

    def status(self, text: str) -> None:
        """Show what is going on before or after the cell runs."""

    def finish_progress(self) -> None:
        """Show no longer what was going on."""

    def note(self, text: str) -> None:
        """Tell the user something that matters."""


def show(event: Event, view: CellView, site: Site | None = None) -> None:
    """Show what a runner has reported.

    Parameters
    ----------
    site
        Where the notebook's folders are here, if the runner has them elsewhere.
    """
    body = event.body
    if event.kind is EventKind.STREAM:
        view.stream(body["name"], body["text"])
    elif event.kind is EventKind.DISPLAY:
        view.display(body)
    elif event.kind is EventKind.CLEAR:
        view.clear(wait=body["wait"])
    elif event.kind is EventKind.RESULT:
        view.result(body["data"], body["metadata"])
    elif event.kind is EventKind.ERROR:
        text, lines = body["evalue"], body["traceback"]
        if site is not None:
            text, lines = site.inward_text(text), list(map(site.inward_text, lines))
        view.error(body["ename"], text, lines, in_result=body["in_result"])
    elif event.kind is EventKind.PROGRESS:
        view.progress(LoopProgress.from_body(body))
    elif event.kind is EventKind.NOTE:
        view.note(body["text"])
