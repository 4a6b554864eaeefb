"""IPython's settings: how results are shown, and what the inline backend does with figures."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from jupyter_scale.shipping.ambient.options import is_plain
from jupyter_scale.shipping.ambient.part import Delta

_SHELL_TRAITS = (
    "ast_node_interactivity",
    "autoawait",
    "autocall",
    "automagic",
    "show_rewritten_input",
)
_TEXT_TRAITS = ("max_seq_length", "max_width", "newline", "pprint", "verbose", "float_precision")
_INLINE_TRAITS = ("close_figures", "figure_formats", "print_figure_kwargs", "rc")


class ShellSettings:
    """Traits of the shell and of its text formatter, error mode, formatters in use.

    Parameters
    ----------
    shell
        The process's IPython shell.
    """

    name = "ipython"
    library = ""
    has_defaults = False

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._formatters = shell.display_formatter.formatters
        self._text = self._formatters["text/plain"]

    def read(self) -> dict[Any, Any]:
        """Return ``setting → value``."""
        shell, text = self._shell, self._text
        value: dict[Any, Any] = {name: getattr(shell, name) for name in _SHELL_TRAITS}
        for name in _TEXT_TRAITS:
            value["text", name] = getattr(text, name)
        value["mode"] = shell.InteractiveTB.mode
        value["active"] = tuple(shell.display_formatter.active_types)
        value["enabled"] = tuple(k for k, f in self._formatters.items() if f.enabled)
        return value

    def apply(self, change: Delta) -> None:
        """Set them."""
        shell = self._shell
        for key, value in change.set.items():
            if isinstance(key, tuple):
                setattr(self._text, key[1], value)
            elif key == "mode":
                shell.InteractiveTB.set_mode(value)
            elif key == "active":
                shell.display_formatter.active_types = list(value)
            elif key == "enabled":
                for name, formatter in self._formatters.items():
                    formatter.enabled = name in value
            else:
                setattr(shell, key, value)


class InlineBackend:
    """``%config InlineBackend``: figure formats, what they are drawn with, when they are closed."""

    name = "inline"
    library = "matplotlib_inline.config"
    has_defaults = True

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def read(self) -> dict[str, Any]:
        """Return the plain traits."""
        inline = self._instance()
        if inline is None:
            traits = sys.modules["matplotlib_inline.config"].InlineBackend.class_traits()
            values = {name: traits[name].default() for name in _INLINE_TRAITS}
            values |= dict(self._shell.config["InlineBackend"])
        else:
            values = {name: getattr(inline, name) for name in _INLINE_TRAITS}
        copies = {k: v.copy() if isinstance(v, (dict, set)) else v for k, v in values.items()}
        return {key: value for key, value in copies.items() if is_plain(value)}

    def apply(self, change: Delta) -> None:
        """Set traits now, or as configuration for when the backend is first used."""
        inline = self._instance()
        for name, value in change.set.items():
            if inline is None:
                self._shell.config["InlineBackend"][name] = value
            else:
                with contextlib.suppress(Exception):  # no PIL for JPEG figures
                    setattr(inline, name, value)

    def _instance(self) -> Any:
        kind = sys.modules["matplotlib_inline.config"].InlineBackend
        return kind.instance() if kind.initialized() else None
