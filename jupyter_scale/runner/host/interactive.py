"""The IPython shell in which cells run: the notebook's own kind, with its output sent as events."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any, cast

from ipykernel.displayhook import ZMQShellDisplayHook
from ipykernel.jsonutil import encode_images, json_clean
from ipykernel.zmqshell import ZMQDisplayPublisher, ZMQInteractiveShell
from IPython.core import interactiveshell
from IPython.core.compilerop import CachingCompiler
from IPython.core.error import UsageError
from traitlets import Any as AnyTrait
from traitlets import Type
from traitlets.config import Config

from jupyter_scale.model.messages import EventKind
from jupyter_scale.runner.host.streams import Outbox

if TYPE_CHECKING:
    from IPython.core.extensions import ExtensionManager


class EventDisplayHook(ZMQShellDisplayHook):
    """Sends the last expression's representations; keeps its value for the way home."""

    outbox = AnyTrait()
    # No trait: those compare what is assigned, and a value may mind that.
    value: Any = None
    has_value = False
    #: The result that is being shown, None between results.
    msg: Any = None

    def start_displayhook(self) -> None:
        """Begin a result."""
        self.msg = {"data": {}, "metadata": {}}

    def write_output_prompt(self) -> None:
        """Leave the prompt to the notebook, which counts."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Take the representations."""
        self.msg = {
            "data": json_clean(encode_images(format_dict)),
            "metadata": json_clean(md_dict or {}),
        }

    def update_user_ns(self, result: object) -> None:
        """Leave ``_`` and ``Out`` to the notebook; keep the value."""
        self.value, self.has_value = result, True

    def log_output(self, format_dict: Any) -> None:
        """Leave the history to the notebook."""

    def finish_displayhook(self) -> None:
        """Send the result."""
        self.outbox.send(EventKind.RESULT, self.msg or {})
        self.msg = None


class EventDisplayPublisher(ZMQDisplayPublisher):
    """Sends displays as events."""

    outbox = AnyTrait()

    def publish(  # type: ignore[override]
        self,
        data: Any,
        metadata: Any = None,
        *,
        transient: Any = None,
        update: bool = False,
        **_kwargs: object,
    ) -> None:
        """Send a display or an update of one."""
        self._validate_data(data, metadata or {})
        self._drain()
        body = {
            "data": json_clean(encode_images(data)),
            "metadata": json_clean(metadata or {}),
            "transient": json_clean(transient or {}),
            "update": update,
        }
        self.outbox.send(EventKind.DISPLAY, body)

    def clear_output(self, wait: bool = False) -> None:  # noqa: FBT001, FBT002 - IPython's signature
        """Ask the notebook to clear the cell's output."""
        self._drain()
        self.outbox.send(EventKind.CLEAR, {"wait": wait})

    def _drain(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        if isinstance(self.shell, RunnerShell):
            self.shell.drain_descriptors()


class NotebookCompiler(CachingCompiler):
    """Compiles under the file names by which the notebook's tracebacks know each cell."""

    code_name: str | None = None

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """Return the notebook's name of the cell that runs now."""
        if self.code_name is not None:
            return self.code_name
        return str(super().get_code_name(raw_code, transformed_code, number))


def _nothing() -> None:
    """Do nothing."""


class RunnerShell(ZMQInteractiveShell):
    """The shell of one runner."""

    displayhook_class = Type(EventDisplayHook)
    display_pub_class = Type(EventDisplayPublisher)
    compiler_class = Type(NotebookCompiler)
    #: Passes on what C code and children wrote.
    drain_descriptors = AnyTrait(default_value=_nothing)
    #: Puts travelling paths in the place of this machine's, see `Site`.
    travelling_text = AnyTrait(default_value=str)
    #: The error that was last shown: ename, evalue, traceback.
    last_error = AnyTrait(default_value=None)

    @property
    def hook(self) -> EventDisplayHook:
        """The display hook, as what it is."""
        return cast("EventDisplayHook", self.displayhook)

    @property
    def compiler(self) -> NotebookCompiler:
        """The compiler, as what it is."""
        return cast("NotebookCompiler", self.compile)

    def enable_gui(self, gui: str | None = None) -> None:
        """Do nothing for inline figures, which need no event loop; there is none for windows.

        Raises
        ------
        UsageError
            For a toolkit with windows.
        """
        if gui not in {None, "", "none", "inline"}:
            msg = f"windows ({gui}) open in the notebook's own process: take %%scale off this cell"
            raise UsageError(msg)

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        self.last_error = {
            "ename": str(etype.__name__),
            "evalue": self.travelling_text(str(evalue)),
            "traceback": list(map(self.travelling_text, stb)),
        }
        self._last_traceback = stb
        in_result = self.hook.msg is not None  # raised by the last expression's ``__repr__``
        self.hook.outbox.send(EventKind.ERROR, {**self.last_error, "in_result": in_result})


# Libraries recognise a notebook by the name of its shell's class.
RunnerShell.__name__ = ZMQInteractiveShell.__name__
RunnerShell.__qualname__ = ZMQInteractiveShell.__qualname__


# Libraries and notebooks ask for the class by its name to know whether they are in Jupyter.
RunnerShell.__name__ = RunnerShell.__qualname__ = ZMQInteractiveShell.__name__
RunnerShell.__module__ = ZMQInteractiveShell.__module__


def _warn(message: Any, *args: Any, **kwargs: Any) -> None:
    """Warn, but leave it to the notebook's shell, which exits too, to say how to exit."""
    if not str(message).startswith("To exit:"):
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        warnings.warn(message, *args, **kwargs)


def make_shell(outbox: Outbox) -> RunnerShell:
    """Return the process's shell, its output going to `outbox`."""
    interactiveshell.warn = _warn  # type: ignore[attr-defined]
    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = "linux"
    shell = RunnerShell.instance(config=config)
    # IPython's applications load it: ``%lsmagic`` lists it.
    cast("ExtensionManager", shell.extension_manager).load_extension("storemagic")
    shell.hook.outbox = outbox
    cast("EventDisplayPublisher", shell.display_pub).outbox = outbox
    return shell
