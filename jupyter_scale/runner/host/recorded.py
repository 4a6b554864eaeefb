"""What iterations write, kept in order until it can be shown."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Written:
    """Text that an iteration wrote to ``"stdout"`` or ``"stderr"``."""

    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning that an iteration issued; whether it is shown is decided where the loop is."""

    message: str | Warning
    category: type[Warning]
    file_name: str
    line: int


@dataclass(frozen=True, slots=True)
class Displayed:
    """A call of ``display``: its objects and options, packed on their way."""

    content: Any


Output = Written | Warned | Displayed


class Recorder(io.TextIOBase):
    """A standard stream that keeps what was written, in order with everything else.

    Parameters
    ----------
    name
        ``"stdout"`` or ``"stderr"``.
    output
        Takes what is written.
    """

    def __init__(self, name: str, output: list[Output]) -> None:
        super().__init__()
        self._name, self._output = name, output

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Keep text; anything else raises TypeError, as a notebook's stdout does."""
        if not isinstance(text, str):
            msg = f"write() argument must be str, not {type(text).__name__}"
            raise TypeError(msg)
        self._output.append(Written(self._name, text))
        return len(text)


@contextlib.contextmanager
def recording(*, all_warnings: bool = False) -> Iterator[list[Output]]:
    """Keep what is written and warned meanwhile, in the list that is given.

    Parameters
    ----------
    all_warnings
        Also warnings that were issued before: whether they are shown is decided elsewhere.
    """
    output: list[Output] = []

    def record(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: object = None,  # noqa: ARG001
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        output.append(Warned(message, category, filename, lineno))

    before = warnings.showwarning
    # Entering it makes Python forget which warnings were shown.
    forgetting = warnings.catch_warnings() if all_warnings else contextlib.nullcontext()
    with forgetting:
        warnings.showwarning = record
        try:
            with (
                contextlib.redirect_stdout(Recorder("stdout", output)),
                contextlib.redirect_stderr(Recorder("stderr", output)),
            ):
                yield output
        finally:
            warnings.showwarning = before


def warned_so_far() -> dict[str, set[Any]]:
    """Return, by module, which warnings were shown.

    The registries are cleared whenever some thread changes filters: so note it at once.
    """
    return {
        name: set(registry)
        for name, module in list(sys.modules.items())
        if (registry := getattr(module, "__warningregistry__", None))
    }


def replay(
    output: Iterable[Output], namespace: dict[str, Any], warned: Mapping[str, set[Any]]
) -> None:
    """Show what iterations wrote; a warning appears as often as it would have here.

    Parameters
    ----------
    namespace
        The notebook's.
    warned
        What was shown before the loop.
    """
    for item in output:
        if isinstance(item, Written):
            getattr(sys, item.stream).write(item.text)
            continue
        if isinstance(item, Displayed):
            from IPython.display import display

            objects, options = item.content
            display(*objects, **options)
            continue
        home, module = _home_of(item.file_name, namespace)
        if (str(item.message), item.category, item.line) in warned.get(module, ()):
            continue
        warnings.warn_explicit(
            item.message,
            item.category,
            item.file_name,
            item.line,
            module=module,
            registry=home.setdefault("__warningregistry__", {}),
            # Python's own come with what was not closed, of which a hint is shown.
            source=item if issubclass(item.category, ResourceWarning) else None,
        )


def _home_of(file_name: str, namespace: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the namespace that remembers a file's warnings, and its module's name."""
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) == file_name:
            return module.__dict__, name
    return namespace, "__main__"
