"""Progress in a cell's output: widgets, or one line of text where widgets cannot show.

While a cell waits there is a line of status; then one bar for each loop, and what travelled. All of
it is one output. At the end the cell's summary takes its place: a saved notebook has that line, and
no state of widgets.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

from jupyter_scale.model.messages import LoopProgress
from jupyter_scale.model.run import format_bytes, format_seconds

_EVERY_S = 0.2
#: So many loops are shown; of more, the latest.
_MOST_LOOPS = 5


class View(Protocol):
    """Where progress is drawn."""

    def status(self, text: str) -> None:
        """Show what is going on."""

    def loop(self, line: int, text: str, share: float | None) -> None:
        """Show how far the loop in a line is, from 0 to 1, None when that is not known."""

    def facts(self, text: str) -> None:
        """Show where the cell is, and what travelled."""

    def clear(self) -> None:
        """Show nothing until there is something new."""

    def close(self, summary: Mapping[str, str] | None) -> bool:
        """End; show a summary in its place if that can be, and tell whether it is shown."""


class ProgressView:
    """What a cell shows while it waits: first a status, then one bar for each loop.

    Parameters
    ----------
    place : str
        Where the cell runs, for instance ``"2 nodes"``; empty when that says nothing.
    """

    def __init__(self, place: str = "") -> None:
        self.place = place
        self._travelled = ""
        self._view: View | None = None
        self._started: dict[int, float] = {}
        self._last: dict[int, float] = {}

    @property
    def is_shown(self) -> bool:
        """Whether there is an output of it."""
        return self._view is not None

    def status(self, text: str) -> None:
        """Say what is going on."""
        self._made().status(text)

    def travelled(self, sent_bytes: int, reused_bytes: int) -> None:
        """Say what the cell needs there, once there is something to be seen at all."""
        self._travelled = f"sent {format_bytes(sent_bytes)}"
        if reused_bytes:
            self._travelled += f", reused {format_bytes(reused_bytes)}"

    def update(self, progress: LoopProgress) -> None:
        """Show a loop's counts, at most five times a second."""
        now, line = time.monotonic(), progress.line
        started = self._started.setdefault(line, now)
        is_over = progress.done == progress.total
        if now - self._last.get(line, -_EVERY_S) < _EVERY_S and not is_over:
            return
        self._last[line] = now
        share = progress.done / progress.total if progress.total else None
        view = self._made()
        view.facts(" · ".join(filter(None, [self.place, self._travelled])))
        view.loop(line, describe(progress, now - started), share)

    def clear(self) -> None:
        """Show nothing for now."""
        if self._view is not None:
            self._view.clear()

    def close(self, summary: Mapping[str, str] | None = None) -> bool:
        """End it; tell whether a summary is shown in its place."""
        view, self._view = self._view, None
        return view is not None and view.close(summary)

    def _made(self) -> View:
        if self._view is None:
            self._view = WidgetView() if can_show_widgets() else TextView()
        return self._view


def describe(progress: LoopProgress, elapsed_s: float) -> str:
    """Return a loop's progress as text, with the time that is left."""
    of_all = f"/{progress.total}" if progress.total else ""
    text = f"line {progress.line}: {progress.done}{of_all}"
    if progress.failed:
        text += f", {progress.failed} failed"
    if 0 < progress.done < progress.total and elapsed_s > _EVERY_S:
        left = elapsed_s / progress.done * (progress.total - progress.done)
        text += f", about {format_seconds(left)} left"
    text += f" · {progress.workers} worker{'s' * (progress.workers != 1)}"
    return f"{text} · {progress.speedup:.1f}x" if progress.speedup else text


def can_show_widgets() -> bool:
    """Tell whether a front end that renders widgets may be listening."""
    if getattr(_shell(), "kernel", None) is None:
        return False
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        return False
    return True


def has_subshells() -> bool:
    """Tell whether the front end speaks to this kernel while a cell runs.

    Only then can a button of ours be pressed: without subshells its click waits for the cell's end.
    """
    thread = getattr(getattr(_shell(), "kernel", None), "shell_channel_thread", None)
    manager = getattr(thread, "manager", None)
    return manager is not None and bool(manager.list_subshell())


def _shell() -> Any:
    return sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()


class WidgetView:
    """Widgets in one output: a status, a bar for each loop, what travelled, a button to stop."""

    def __init__(self) -> None:
        import ipywidgets
        from IPython.display import display

        self._widgets = ipywidgets
        self._status = ipywidgets.Label()
        self._facts = ipywidgets.Label()
        self._rows: dict[int, Any] = {}
        self._stop: Any = None
        self._foot = ipywidgets.HBox([self._facts])
        self._box = ipywidgets.VBox([self._status])
        self._made = [self._status, self._facts, self._foot, self._box]
        self._display = display(self._box, display_id=True)

    def status(self, text: str) -> None:
        """Show what is going on."""
        self._status.value = text
        self._arrange()

    def loop(self, line: int, text: str, share: float | None) -> None:
        """Show how far the loop in a line is."""
        self._status.value = ""
        if line not in self._rows:
            bar = self._widgets.FloatProgress(min=0.0, max=1.0, layout={"width": "40%"})
            row = self._widgets.HBox([bar, self._widgets.Label()])
            self._made += [row, *row.children]
            self._rows[line] = row
        bar, label = self._rows[line].children
        label.value = text
        bar.bar_style = "info" if share is None else ""
        bar.value = 1.0 if share is None else share
        self._arrange()

    def facts(self, text: str) -> None:
        """Show where the cell is, and what travelled."""
        self._facts.value = text

    def clear(self) -> None:
        """Show nothing for now."""
        self._status.value = ""
        self._arrange()

    def close(self, summary: Mapping[str, str] | None) -> bool:
        """End; the summary takes the place of the widgets, which go with all their state."""
        from IPython.display import publish_display_data

        if self._display is not None:
            transient = {"display_id": self._display.display_id}
            publish_display_data(dict(summary or {}), transient=transient, update=True)
        for widget in reversed(self._made):
            widget.close()
        return summary is not None and self._display is not None

    def _arrange(self) -> None:
        rows = list(self._rows.values())[-_MOST_LOOPS:]
        shown = [self._status] if self._status.value else []
        if rows:
            if self._stop is None and has_subshells():
                self._stop = self._make_stop()
                self._foot.children = (self._stop, self._facts)
            shown += [*rows, self._foot]
        if tuple(shown) != self._box.children:
            self._box.children = shown

    def _make_stop(self) -> Any:
        button = self._widgets.Button(
            description="Stop", icon="stop", tooltip="Interrupt this cell", layout={"width": "auto"}
        )
        button.on_click(self._interrupt)
        # ipykernel sends answers to where a widget was made, the main thread: it runs the cell.
        with contextlib.suppress(AttributeError):
            del button.comm._reply_subshell_id  # noqa: SLF001 - then it is where the page asks
        self._made.append(button)
        return button

    @staticmethod
    def _interrupt(button: Any) -> None:
        """Do what the notebook's own stop button does; it is called in a subshell's thread."""
        button.description = "Stopping"
        button.tooltip = "Again: end native code that does not react"
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


class TextView:
    """A line on stderr that overwrites itself."""

    _WIDTH = 24

    def __init__(self) -> None:
        self._length = 0

    def status(self, text: str) -> None:
        """Show what is going on."""
        self._write("\r" + text.ljust(self._length))
        self._length = len(text)

    def loop(self, line: int, text: str, share: float | None) -> None:
        """Show how far a loop is; its line is in the text."""
        if share is not None:
            full = round(self._WIDTH * share)
            text = f"[{'#' * full}{'.' * (self._WIDTH - full)}] {text}"
        self.status(text)

    def facts(self, text: str) -> None:
        """Leave it to the summary: there is one line only."""

    def clear(self) -> None:
        """Blank the line."""
        self._write("\r" + " " * self._length + "\r")
        self._length = 0

    def close(self, summary: Mapping[str, str] | None) -> bool:
        """Blank the line; a summary cannot be shown in its place."""
        self.clear()
        return False

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
