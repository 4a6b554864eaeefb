"""``%scale`` and ``%%scale``: parse a line, hand over, say what happened."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from IPython.core.error import UsageError as IPythonUsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

from jupyter_scale import data
from jupyter_scale.cellrunner import CellRunner
from jupyter_scale.cellview import ExceptionPresenter, NotebookView
from jupyter_scale.clusters import store
from jupyter_scale.detached import Run
from jupyter_scale.errors import ScaleError, UsageError
from jupyter_scale.linecommands import LineCommands
from jupyter_scale.lines import cell_parser, line_parser, parse_line
from jupyter_scale.model.run import RunReport
from jupyter_scale.runs import waiting_elsewhere
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.workspace.workspace import Workspace

#: So long `%load_ext` waits at most for clusters to say what waits there.
_TELL_WAITING_S = 2.0

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


@magics_class
class ScaleMagics(Magics):
    """The magics of one kernel."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell
        self._ambience = Ambience(shell, is_notebook=True)
        self.workspace = Workspace(shell.user_ns, shell.user_ns_hidden, self._ambience)
        self.presenter = ExceptionPresenter(shell)
        self._cells = CellRunner(shell, self.workspace, self._ambience, self.presenter)
        self._commands = LineCommands(shell, self.workspace)

    @no_var_expand
    @cell_magic("scale")  # type: ignore[arg-type]
    def scale_cell(self, line: str, cell: str) -> Run | None:
        """Run a cell on the cluster; ``%%scale --help`` lists the options."""
        started = time.perf_counter()
        # IPython adds a line end; without it the cell has the plain cell's name in tracebacks.
        cell = cell.removesuffix("\n")
        arguments = self._parse(cell_parser(), line)
        if arguments is None:
            return None
        view = NotebookView(self._shell, quiet=self.workspace.is_quiet)
        try:
            return self._cells.run(cell, arguments, view, started)
        except ScaleError as error:
            raise self._one_line(error) from None
        finally:
            view.close()

    @no_var_expand
    @line_magic("scale")  # type: ignore[arg-type]
    def scale_line(self, line: str) -> None:
        """Show, start or end the cluster; ``%scale --help`` lists the commands."""
        arguments = self._parse(line_parser(), line)
        if arguments is None:
            return
        view = NotebookView(self._shell, quiet=False)
        try:
            if said := self._commands.carry_out(arguments, view):
                print(said)  # noqa: T201
        except ScaleError as error:
            raise self._one_line(error) from None
        finally:
            view.close()

    @staticmethod
    def _parse(parser: argparse.ArgumentParser, line: str) -> argparse.Namespace | None:
        try:
            return parse_line(parser, line)
        except UsageError as error:
            raise IPythonUsageError(str(error)) from None

    def _one_line(self, error: ScaleError) -> ScaleError:
        """Show one of our own errors without frames, which would say nothing to the user."""
        lines = self._shell.InteractiveTB.get_exception_only(type(error), error)
        return self.presenter.prepare(error, list(lines))  # type: ignore[return-value]

    def close(self) -> None:
        """Watch the kernel no more."""
        self._ambience.close()

    def after_cell(self, *_args: object) -> None:
        """Let go of what the notebook has let go of."""
        session = self.workspace.session_or_none
        if session is not None:
            session.sweep()


_loaded: dict[int, ScaleMagics] = {}


def load(shell: InteractiveShell) -> ScaleMagics:
    """Register the magics with a shell, once."""
    known = _loaded.get(id(shell))
    if known is not None:
        return known
    magics = ScaleMagics(shell)
    shell.register_magics(magics)
    magics.presenter.install()
    shell.events.register("post_run_cell", magics.after_cell)
    _loaded[id(shell)] = magics
    for note in waiting_elsewhere(store.states(), _TELL_WAITING_S):
        print(f"%scale: {note}")  # noqa: T201
    return magics


def unload(shell: InteractiveShell) -> None:
    """End the cluster and leave the shell as it was."""
    magics = _loaded.pop(id(shell), None)
    if magics is None:
        return
    shell.events.unregister("post_run_cell", magics.after_cell)
    magics.presenter.remove()
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("scale", None)
    magics.workspace.close()
    magics.close()


def last_run() -> RunReport | None:
    """Return what the last ``%%scale`` cell of this process did."""
    for magics in reversed(_loaded.values()):
        return magics.workspace.last_run
    return None


def held(known: str = "") -> data.Answer | None:
    """Return what this kernel has on the cluster, for the panel; None when it was unloaded.

    Parameters
    ----------
    known
        The stamp of the panel's last answer: what is as it was then is not told again.
    """
    for magics in reversed(_loaded.values()):
        return data.Answer(magics.workspace, known)
    return None
