"""A cell's output in the notebook: text, displays, results and exceptions as if it had run here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from jupyter_scale.model.messages import LoopProgress
from jupyter_scale.widgets import ProgressView

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_PREFIX = "%%scale:"


class NotebookView:
    """Shows what a runner reports, through the kernel's own shell.

    Parameters
    ----------
    shell
        The kernel's shell.
    quiet
        Show neither progress nor the summary line, so that a cell's output is the plain cell's.
    """

    def __init__(self, shell: InteractiveShell, *, quiet: bool) -> None:
        self._shell, self._quiet = shell, quiet
        self._progress = ProgressView()
        #: Whether the progress, if there is any, is the last thing that the cell shows.
        self._is_last = True

    def stream(self, name: str, text: str) -> None:
        """Write text to the notebook's stdout or stderr, at once."""
        self._note_output()
        file = sys.stderr if name == "stderr" else sys.stdout
        file.write(text)
        file.flush()

    def display(self, body: Mapping[str, Any]) -> None:
        """Publish a display, or an update of one."""
        self._note_output()
        self._shell.display_pub.publish(
            dict(body["data"]),
            dict(body["metadata"]),
            transient=dict(body["transient"]),
            update=body["update"],
        )

    def clear(self, *, wait: bool) -> None:
        """Clear the cell's output, and with it the progress."""
        self._progress.close()
        self._shell.display_pub.clear_output(wait)

    def result(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Show the last expression as ``Out[n]``."""
        self._note_output()
        hook = self._shell.displayhook
        hook.start_displayhook()
        hook.write_output_prompt()
        if data:
            hook.write_format_data(dict(data), dict(metadata))
            hook.log_output(dict(data))
        hook.finish_displayhook()

    def error(self, name: str, text: str, traceback: Sequence[str], *, in_result: bool) -> None:
        """Show an error with the lines made there.

        Jupyter counts a cell as failed whose result cannot be shown, although nothing was raised.
        """
        self._note_output()
        kind, hook = SimpleNamespace(__name__=name), self._shell.displayhook
        if in_result:
            hook.start_displayhook()
        self._shell._showtraceback(kind, text, list(traceback))  # noqa: SLF001
        if in_result:
            hook.msg = None  # type: ignore[attr-defined]

    def value(self, value: object) -> None:
        """Make the last expression's value known as ``_`` and ``Out[n]``."""
        hook = self._shell.displayhook
        hook.update_user_ns(value)
        hook.fill_exec_result(value)

    def place(self, text: str) -> None:
        """Say where the cell runs, for the progress."""
        self._progress.place = text

    def travels(self, sent_bytes: int, reused_bytes: int) -> None:
        """Say what the cell needs there, for the progress."""
        self._progress.travelled(sent_bytes, reused_bytes)

    def progress(self, progress: LoopProgress) -> None:
        """Show how far a loop is, unless quiet."""
        if not self._quiet:
            self._is_last = self._is_last or not self._progress.is_shown
            self._progress.update(progress)

    def status(self, text: str) -> None:
        """Show what is going on before the cell runs, unless quiet."""
        if not self._quiet:
            self._is_last = self._is_last or not self._progress.is_shown
            self._progress.status(text)

    def note(self, text: str) -> None:
        """Tell the user something that matters, also when quiet."""
        self.stream("stderr", f"{_PREFIX} {text}\n")

    def finish_progress(self) -> None:
        """Show no progress for now."""
        self._progress.clear()

    def close(self) -> None:
        """Leave no progress, however the cell has ended; the summary stays."""
        self._progress.close()

    def finish(self, summary: str) -> None:
        """Show the cell's one line, unless quiet; in the place of progress that is the last."""
        if self._quiet:
            self._progress.close()
            return
        bundle = {
            "text/plain": summary,
            "text/html": '<small style="color: var(--jp-ui-font-color2, gray)">'
            f"{_escape(summary)}</small>",
        }
        if not self._progress.close(bundle if self._is_last else None):
            self._shell.display_pub.publish(bundle)

    def _note_output(self) -> None:
        self._is_last = not self._progress.is_shown


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class ExceptionPresenter:
    """Shows exceptions of cells that ran elsewhere with the traceback made there.

    IPython formats the frames that it finds here; those of the cell are not among them.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._original: Callable[..., None] | None = None
        self._prepared: tuple[BaseException, list[str] | None] | None = None

    def install(self) -> None:
        """Take part in how the shell shows exceptions."""
        if self._original is None:
            self._original = self._shell.showtraceback
            self._shell.showtraceback = self._show  # type: ignore[method-assign]

    def remove(self) -> None:
        """Leave the shell as it was."""
        if self._original is not None:
            self._shell.showtraceback = self._original  # type: ignore[method-assign]
            self._original = None

    def prepare(self, error: BaseException, traceback: list[str] | None) -> BaseException:
        """Return `error` to be raised; it will be shown with these lines, or not again if None."""
        self._prepared = error, traceback
        return error

    def _show(self, exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        error = sys.exc_info()[1] if exc_tuple is None else exc_tuple[1]
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared[0] is error:
            if prepared[1] is not None:
                self._shell._showtraceback(type(error), error, prepared[1])  # noqa: SLF001
            return
        assert self._original is not None  # noqa: S101 - it is installed, or this would not run
        self._original(exc_tuple, *args, **kwargs)


def record_source(shell: InteractiveShell, transformed: str) -> None:
    """Make ``In[-1]`` what the plain cell would have left, not the call of the magic.

    IPython also looks there for the ';' that silences a result.
    """
    if shell.history_manager and shell.history_manager.input_hist_parsed[1:]:
        shell.history_manager.input_hist_parsed[-1] = transformed.rstrip("\n")


def run_here(shell: InteractiveShell, source: str, presenter: ExceptionPresenter) -> None:
    """Run a cell in the notebook itself, exactly as without ``%%scale``.

    Raises
    ------
    BaseException
        What the cell raised; it has been shown already.
    """
    count = shell.execution_count - 1
    transformed = shell.transform_cell(source)
    name = shell.compile.cache(transformed, count, raw_code=source)
    outcome = shell.displayhook.exec_result
    try:
        tree = shell.transform_ast(shell.compile.ast_parse(transformed, filename=name))
        run = shell.run_ast_nodes(
            tree.body, name, shell.ast_node_interactivity, shell.compile, outcome
        )
        has_raised = _finish(run)
    finally:
        if shell.displayhook.exec_result is None:
            shell.displayhook.exec_result = outcome
    if has_raised:
        error = sys.last_value if outcome is None else outcome.error_in_exec
        raise presenter.prepare(error or RuntimeError("the cell failed"), None)


def _finish(coroutine: Any) -> bool:
    """Drive a coroutine that never really waits, as IPython does for cells without ``await``."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return bool(stop.value)
    coroutine.close()
    msg = "a cell with top-level await cannot run here under %%scale: take that line away"
    raise RuntimeError(msg)
