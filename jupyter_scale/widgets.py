"""Progress in a cell's output: an ipywidgets bar, or one line of text where widgets cannot show."""

from __future__ import annotations

import sys
import time

from jupyter_scale.model.messages import LoopProgress
from jupyter_scale.model.run import format_seconds

_EVERY_S = 0.2


class ProgressView:
    """What a cell shows while it waits: first a status, then one bar for each loop."""

    def __init__(self) -> None:
        self._bar: WidgetBar | TextBar | None = None
        self._started = time.monotonic()
        self._last = 0.0

    def status(self, text: str) -> None:
        """Say what is going on."""
        self._made().show(text, None)

    def update(self, progress: LoopProgress) -> None:
        """Show a loop's counts, at most five times a second."""
        now = time.monotonic()
        if self._bar is None:
            self._started = now
        if now - self._last < _EVERY_S and progress.done != progress.total:
            return
        self._last = now
        share = progress.done / progress.total if progress.total else None
        self._made().show(describe(progress, now - self._started), share)

    def close(self) -> None:
        """Remove it."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _made(self) -> WidgetBar | TextBar:
        if self._bar is None:
            self._bar = WidgetBar() if can_show_widgets() else TextBar()
        return self._bar


def describe(progress: LoopProgress, elapsed_s: float) -> str:
    """Return a loop's progress as text, with the time that is left."""
    of_all = f"/{progress.total}" if progress.total else ""
    text = f"line {progress.line}: {progress.done}{of_all}"
    if 0 < progress.done < progress.total and elapsed_s > _EVERY_S:
        left = elapsed_s / progress.done * (progress.total - progress.done)
        text += f", about {format_seconds(left)} left"
    text += f" · {progress.workers} workers"
    return f"{text} · {progress.speedup:.1f}x" if progress.speedup else text


def can_show_widgets() -> bool:
    """Tell whether a front end that renders widgets may be listening."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    if getattr(shell, "kernel", None) is None:
        return False
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        return False
    return True


class WidgetBar:
    """An ipywidgets progress bar with a label."""

    def __init__(self) -> None:
        import ipywidgets
        from IPython.display import display

        self._label = ipywidgets.Label()
        self._bar = ipywidgets.FloatProgress(min=0.0, max=1.0, layout={"width": "40%"})
        self._box = ipywidgets.HBox([self._bar, self._label])
        display(self._box)

    def show(self, text: str, fraction: float | None) -> None:
        """Show a text, and how much is done if that is known."""
        self._label.value = text
        self._bar.bar_style = "info" if fraction is None else ""
        self._bar.value = 1.0 if fraction is None else fraction

    def close(self) -> None:
        """Remove it from the output."""
        for widget in (self._box, self._bar, self._label):
            widget.close()


class TextBar:
    """A line on stderr that overwrites itself."""

    _WIDTH = 24

    def __init__(self) -> None:
        self._length = 0

    def show(self, text: str, fraction: float | None) -> None:
        """Show a text, and how much is done if that is known."""
        line = text
        if fraction is not None:
            full = round(self._WIDTH * fraction)
            line = f"[{'#' * full}{'.' * (self._WIDTH - full)}] {text}"
        self._write("\r" + line.ljust(self._length))
        self._length = len(line)

    def close(self) -> None:
        """Blank the line."""
        self._write("\r" + " " * self._length + "\r")

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
