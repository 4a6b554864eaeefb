"""What one process last agreed on with the other, and what has changed since.

Laws:

1. ``changes`` is what the other side lacks; what it returned last is agreed once ``settle`` is
   called.
2. A library that is not imported here has no state: what arrives for it waits, and is applied right
   after it has been imported, before whoever imported it goes on.
3. The values that a library has right after its import are no change.
"""

from __future__ import annotations

import contextlib
import pickle
import sys
import warnings
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from jupyter_scale.shipping.ambient.importing import ImportWatch, is_imported
from jupyter_scale.shipping.ambient.part import ABSENT, Delta, Part, difference

Changes = dict[str, bytes]


class Tracker:
    """Keeps one process's ambient state the same as another's.

    Parameters
    ----------
    parts
        What is kept.
    watch
        Tells when libraries are imported.
    """

    def __init__(self, parts: Iterable[Part], watch: ImportWatch) -> None:
        self._parts = {part.name: part for part in parts}
        self._agreed: dict[str, Any] = {}
        self._now: dict[str, Any] = {}
        self._waiting: dict[str, Any] = {}
        self._told: set[str] = set()
        self._came: dict[str, set[Any]] = {}
        for part in self._parts.values():
            if part.library and part.library not in sys.modules:
                watch.when_imported(part.library, self._imported)

    def reset(self) -> None:
        """Agree on nothing: everything travels again."""
        self._agreed = {}
        self._told = set()

    def read(self) -> dict[str, Any]:
        """Return the value of every part whose library is imported."""
        return {
            name: part.read()
            for name, part in self._parts.items()
            if not part.library or is_imported(part.library)
        }

    def changes(self) -> Changes:
        """Return what the other side lacks."""
        self._now = now = self.read()
        agreed = self._agreed
        changes: Changes = {}
        for name, value in now.items():
            change = difference(agreed.get(name), value)
            if change is not ABSENT:
                with contextlib.suppress(Exception):  # a value of a class that only we have
                    changes[name] = pickle.dumps(change, protocol=5)
        for name, change in self._waiting.items():
            if name not in self._told:  # the other side is a new one
                changes[name] = pickle.dumps(change, protocol=5)
                self._told.add(name)
        return changes

    def everything(self) -> Changes:
        """Return the whole state, what waits for libraries included, for `apply_everything`."""
        agreed, told = self._agreed, self._told
        self._agreed, self._told = {}, set()
        try:
            return self.changes()
        finally:
            self._agreed, self._told = agreed, told

    def apply_everything(self, state: Mapping[str, bytes], *, only: Iterable[str] = ()) -> None:
        """Take over another process's whole state, as far as it is not so here.

        Parameters
        ----------
        state
            As `everything` returned it there.
        only
            Names of the parts to look at; by default all.
        """
        now = self.read()
        for name in only or state:
            if name not in state or name not in self._parts:
                continue
            change = pickle.loads(state[name])
            if isinstance(change, Delta):
                # Entries that only this process has are its own, unless they came this way.
                unset = tuple(self._came.get(name, set()) - change.set.keys())
                self._came[name] = set(change.set)
                change = Delta(change.set, unset)
            if name not in now:
                self._wait(name, change)
            elif isinstance(change, Delta) or now[name] != change:
                _apply(self._parts[name], change)

    def apply(self, changes: Mapping[str, bytes]) -> None:
        """Take over what `changes` returned on the other side."""
        for name, packed in changes.items():
            part = self._parts.get(name)
            if part is not None:
                change = pickle.loads(packed)
                if not part.library or is_imported(part.library):
                    _apply(part, change)
                else:
                    self._wait(name, change)

    def apply_again(self, name: str, changes: Mapping[str, bytes]) -> None:
        """Apply one part of `changes` once more, after something may have overwritten it."""
        if name in changes:
            self._parts[name].apply(pickle.loads(changes[name]))

    def restore(self, before: Mapping[str, Any]) -> None:
        """Bring back the values of an earlier `read`; what was added since is left."""
        now = self.read()
        for name, value in before.items():
            change = difference(now.get(name), value)
            if isinstance(change, Delta):
                change = Delta(change.set)
            if change is not ABSENT:
                _apply(self._parts[name], change)

    def settle(self) -> None:
        """Agree on all that is here now."""
        self._agreed = self.read()

    def settle_sent(self) -> None:
        """Agree on what `changes` found last."""
        self._agreed = self._now

    def _wait(self, name: str, change: Any) -> None:
        earlier = self._waiting.get(name)
        if isinstance(earlier, Delta) and isinstance(change, Delta):
            change = earlier.then(change)
        self._waiting[name] = change
        self._told.add(name)

    def _imported(self, module: ModuleType) -> None:
        for name, part in self._parts.items():
            if part.library != module.__name__:
                continue
            change = self._waiting.pop(name, ABSENT)
            if change is not ABSENT:
                _apply(part, change)
            if change is not ABSENT or (part.has_defaults and name not in self._agreed):
                self._agreed[name] = part.read()


def _apply(part: Part, change: Any) -> None:
    """Set what is not so yet, without the warnings that were shown where it was set first.

    What this process cannot be set to is left: its library may be of another version.
    """
    if isinstance(change, Delta):
        now = part.read()
        change = difference(now, change.applied_to(now))
        if change is ABSENT:
            return
    # Filters are left alone: whoever changes them makes every warning appear once more.
    show, warnings.showwarning = warnings.showwarning, _ignore
    try:
        with contextlib.suppress(Exception):  # setting runs a library's code
            part.apply(change)
    finally:
        warnings.showwarning = show


def _ignore(*_arguments: object, **_options: object) -> None:
    """Show nothing."""
