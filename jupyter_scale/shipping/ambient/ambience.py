"""All of one process's ambient state: settings that are plain values, and objects in places."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

from jupyter_scale.analysis.stores import Store
from jupyter_scale.shipping.ambient import ipython, log, options, process, randomness
from jupyter_scale.shipping.ambient.attributes import LibraryAttributes
from jupyter_scale.shipping.ambient.importing import ImportWatch
from jupyter_scale.shipping.ambient.moduledata import ModuleData
from jupyter_scale.shipping.ambient.modules import OwnModules
from jupyter_scale.shipping.ambient.part import Part
from jupyter_scale.shipping.ambient.places import Keeper, Places
from jupyter_scale.shipping.ambient.registered import Formatters, LogHandlers, NumpyFormatter
from jupyter_scale.shipping.ambient.sites import Crossing, Site
from jupyter_scale.shipping.ambient.tracker import Changes, Tracker


class Ambience:
    """Keeps this process's ambient state and another one's the same.

    Parameters
    ----------
    shell
        The process's IPython shell; None in a worker, which shows nothing.
    is_notebook
        Whether this is the notebook's kernel.
    mirrors
        On a node: the directory of what notebooks on other machines have there.
    """

    def __init__(self, shell: Any = None, *, is_notebook: bool = False, mirrors: str = "") -> None:
        self._watch = watch = ImportWatch()
        self._crossing = crossing = Crossing(mirrors)
        self._modules = modules = OwnModules(self._undoing, crossing)
        self._attributes = LibraryAttributes(modules, watch)
        base = process.initial_environment() if is_notebook else dict(os.environ)
        parts: list[Part] = [
            crossing,  # the first: the others go by it
            modules,
            self._attributes.restored,
            process.Environment(crossing, base),
            process.SearchPath(crossing),
            process.Directory(crossing),
            process.WarningFilters(),
            process.RecursionLimit(),
            process.Locale(),
            process.DecimalContext(),
            process.TerminalSize(is_notebook=is_notebook),
            randomness.Random(),
            randomness.NumpyRandom(),
            randomness.Torch(),
            randomness.TorchCuda(),
            options.MatplotlibOptions(),
            options.PandasOptions(),
            options.numpy_printing(),
            options.numpy_errors(),
            options.sklearn_options(),
            log.LogLevels(),
        ]
        keepers: list[Keeper] = [ModuleData(modules), self._attributes, NumpyFormatter(watch)]
        if shell is not None:
            parts += [ipython.ShellSettings(shell), ipython.InlineBackend(shell)]
            keepers += [Formatters(shell, watch), LogHandlers()]
        self._tracker = Tracker(parts, watch)
        self.places = Places(keepers)
        #: Told the name of each of the notebook's own modules that is run in this process.
        self.on_module_run: Callable[[str], object] = lambda _name: None
        modules.on_loaded = self._tell_run
        watch.source = modules
        watch.install()

    @property
    def site(self) -> Site | None:
        """Where this process has the notebook's folders; None if all have them in one place."""
        return self._crossing.site

    @site.setter
    def site(self, site: Site | None) -> None:
        self._crossing.site = site

    def when_imported(self, name: str, callback: Callable[[ModuleType], None]) -> None:
        """Call back each time that a module has been run."""
        self._watch.when_imported(name, callback)

    def close(self) -> None:
        """Watch imports no more."""
        self._watch.remove()

    def reset(self) -> None:
        """Agree on nothing with the other side, which is a new one."""
        self._tracker.reset()

    def note(self, stores: Iterable[Store], namespace: Mapping[str, Any]) -> None:
        """Learn what code that runs, or has run, may assign in modules."""
        self._attributes.note(stores, namespace)

    @property
    def stores(self) -> list[str]:
        """The texts of all stores noted, in the order in which they came."""
        return self._attributes.stores

    def read(self) -> dict[str, Any]:
        """Return the value of every plain part."""
        return self._tracker.read()

    def changes(self) -> Changes:
        """Return the plain state that the other side lacks."""
        return self._tracker.changes()

    def apply(self, changes: Mapping[str, bytes]) -> None:
        """Take over the other side's `changes`."""
        self._tracker.apply(changes)

    def everything(self) -> Changes:
        """Return all of the plain state, for `apply_everything` in another process."""
        return self._tracker.everything()

    def apply_everything(self, state: Mapping[str, bytes], *, only: Iterable[str] = ()) -> None:
        """Take over another process's plain state, or some parts of it, where they differ."""
        self._tracker.apply_everything(state, only=only)

    def settle(self, changes: Mapping[str, bytes]) -> None:
        """Agree on all that is here, once what came with `changes` has been loaded."""
        # Importing a library puts its own filters in front.
        self._tracker.apply_again("warnings", changes)
        self._tracker.settle()

    def settle_sent(self) -> None:
        """Agree on what `changes` returned."""
        self._tracker.settle_sent()

    def _tell_run(self, name: str) -> None:
        self.on_module_run(name)

    @contextlib.contextmanager
    def _undoing(self) -> Iterator[None]:
        """Undo what is done to the plain state meanwhile."""
        before = self._tracker.read()
        before.pop(self._modules.name)
        try:
            yield
        finally:
            self._tracker.restore(before)
