"""The notebook's code and files on other machines, and what cells write there at home."""

from __future__ import annotations

import importlib.util
import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_scale.environment.belongings import Belongings, Collected
from jupyter_scale.environment.bundling import label_of
from jupyter_scale.environment.courier import Courier
from jupyter_scale.environment.folders import Limits, Skeleton
from jupyter_scale.environment.host import OnStep
from jupyter_scale.environment.ownmodules import find_own_modules, imported_own_modules
from jupyter_scale.errors import BundleTooLarge, HostError, ScaleError
from jupyter_scale.model.bundle import Bundle, BundleChange, BundleFile
from jupyter_scale.model.environment import EnvironmentStep
from jupyter_scale.model.messages import FolderChange
from jupyter_scale.session.homecoming import HOME_LIMIT_BYTES, Homecoming, Receiver
from jupyter_scale.session.needs import FileNeeds, find_needs
from jupyter_scale.session.readahead import Ask
from jupyter_scale.session.showing import CellView
from jupyter_scale.shipping.ambient.sites import Site, notebook_site
from jupyter_scale.transport.ssh.retrying import LINK_PATIENCE_S, retry

_QUICK_S = 0.3
#: A node that took a second to fail is left alone for so many seconds.
_PATIENCE = 20.0
_QUOTED = re.compile(r"'([^']+)'")

#: ``who brings files``, and what is going on there, why it has failed, or None at its end.
_News = queue.SimpleQueue[tuple[Courier, EnvironmentStep | ScaleError | None]]


class Abroad:
    """The notebook's folder here, and its copies on the nodes of a cluster.

    Parameters
    ----------
    folder
        The notebook's: the kernel's working directory when it started.
    couriers
        Returns one courier for each node, that of the runner's node first: always the same object
        for a node, each for the mirror of this folder.
    patience_s
        For how long a cell waits for a link that breaks before it has begun.
    limits
        How much travels before a cell.

    Attributes
    ----------
    site
        Where the notebook's folders are here.
    """

    def __init__(
        self,
        folder: Path,
        couriers: Callable[[], Sequence[Courier]],
        patience_s: float = LINK_PATIENCE_S,
        limits: Limits | None = None,
    ) -> None:
        self._folder = folder.resolve()
        self._couriers, self._patience_s = couriers, patience_s
        self._limits = limits
        self._label = label_of(self._folder)
        self._belongings = Belongings(self._folder, limits)
        self._skeleton = Skeleton(self._folder)
        self._collected: Collected | None = None
        self._for_others = Bundle((), {})
        self._raw: Collected | None = None
        self._brought: dict[Courier, Bundle] = {}
        #: When a node that has failed is asked again.
        self._again_at: dict[Courier, float] = {}
        self._running: list[threading.Thread] = []
        self._is_over = threading.Event()
        self._modules: tuple[tuple[int, str], list[str]] = ((0, ""), [])
        self._too_large: set[str] = set()
        self._said: set[str] = set()
        self._last_couriers: Sequence[Courier] = ()
        self._told_folders: list[str] | None = None
        self._has_brought = False
        self._folders: list[str] = []
        self._told_imports: set[str] = set()
        self._imports: frozenset[str] = frozenset()
        self.site: Site | None = None

    def reset(self) -> None:
        """Forget what the runner was told; files are looked at again there."""
        self._told_folders = None
        self._told_imports = set()
        self._brought = {}
        for courier in self._last_couriers[:1]:
            courier.forget()

    # -- before a cell -----------------------------------------------------------------------

    def prepare(self, sources: Iterable[str], reads: Mapping[str, Any], view: CellView) -> int:
        """Bring what a cell needs to all nodes; return how many bytes were sent.

        Parameters
        ----------
        sources
            The cell, and the cells that define what it calls: pure Python.
        reads
            What they read of the notebook.
        view
            Is told what does not travel, and how far a large bundle is.

        Raises
        ------
        BundleTooLarge
            The notebook's own code is too large to travel.
        EnvironmentFailed, ClusterError
            The runner's node cannot have it, or cannot be reached.
        """
        needs = find_needs(sources, reads, self._working_directory(view))
        self._imports = needs.imports
        self._folders = self._skeleton.read()
        collected = self._collect(needs, view)
        for left in collected.left_out:
            self._say(f"the file {left.path!r} does not travel: {left.why}", view)
        couriers = self._last_couriers = self._couriers()
        before = sum(courier.sent_bytes for courier in couriers)
        self._bring(couriers, collected, view)
        site = notebook_site(
            couriers[0].key, str(self._folder), self._label, collected.bundle.folders
        )
        if site != self.site:
            self.site = site
        return sum(courier.sent_bytes for courier in couriers) - before

    def _working_directory(self, view: CellView) -> str:
        """Return the working directory relative to the notebook's folder."""
        try:
            return Path.cwd().relative_to(self._folder).as_posix()
        except (OSError, ValueError):
            text = (
                f"the working directory is outside of the notebook's folder {str(self._folder)!r}:"
                " on the cluster the cell runs in its copy of the folder"
            )
            self._say(text, view)
            return ""

    def _collect(self, needs: FileNeeds, view: CellView) -> Collected:
        """Return all that the nodes shall have; its bundle is the same object if it is equal."""
        modules = sys.modules
        state = (len(modules), next(reversed(modules)))
        if state != self._modules[0]:
            self._modules = state, imported_own_modules()
        collected = self._collect_all(needs, view)
        if self._collected is None or collected is not self._raw:
            known, self._raw = self._collected, collected
            is_equal = known is not None and (
                (known.bundle, known.written) == (collected.bundle, collected.written)
            )
            if known is not None and is_equal:
                collected = replace(collected, bundle=known.bundle)
            else:
                self._for_others = _without(collected)
            self._collected = collected
        return self._collected

    def _collect_all(self, needs: FileNeeds, view: CellView) -> Collected:
        """Return what the notebook has imported and what the cell needs; at least the latter."""
        imported = {name for name in self._modules[1] if name not in self._too_large}
        try:
            return self._belongings.collect(needs.imports | imported, needs.named)
        except BundleTooLarge:
            self._belongings.collect(needs.imports, needs.named)
        # It is not the cell that is too large, but something else that the notebook has imported.
        for name in imported - needs.imports:
            try:
                self._belongings.collect([name])
            except BundleTooLarge as error:
                self._too_large.add(name)
                self._say(f"not on the cluster: {error}", view)
        return self._belongings.collect(())

    def _bring(self, couriers: Sequence[Courier], collected: Collected, view: CellView) -> None:
        self._is_over.set()
        for thread in self._running:
            thread.join()  # an interrupt has left them at work
        self._running = []
        self._is_over = threading.Event()
        jobs = []
        for number, courier in enumerate(couriers):
            bundle = collected.bundle if number == 0 else self._for_others
            is_due = number == 0 or time.monotonic() >= self._again_at.get(courier, 0.0)
            if is_due and self._brought.get(courier) is not bundle:
                jobs.append((courier, bundle))
        if not jobs:
            return
        news: _News = queue.SimpleQueue()
        patiently = partial(
            retry, patience_s=self._patience_s, is_over=self._is_over, is_known=True
        )
        for courier, bundle in jobs:
            thread = threading.Thread(
                target=_carry,
                args=(
                    partial(courier.bring, bundle, collected.paths),
                    partial(_put, news, courier),
                    patiently if courier is couriers[0] else _once,
                ),
                name=f"jupyter-scale files to {courier.name}",
                daemon=True,
            )
            self._running.append(thread)
            thread.start()
        try:
            failures = _wait(len(jobs), news, view)
        finally:
            view.finish_progress()
        self._running = []
        self._has_brought |= jobs[0][0] is couriers[0]
        for courier, bundle in jobs:
            if courier not in failures:
                self._brought[courier] = bundle
        for courier, (failure, took_s) in failures.items():
            if courier is couriers[0]:
                raise failure
            # Cells shall not wait for a dead node again and again.
            self._again_at[courier] = time.monotonic() + _PATIENCE * took_s
            self._say(f"the node {courier.name} has not got the notebook's files: {failure}", view)

    # -- what the runner is told -------------------------------------------------------------

    def folders(self) -> list[str] | None:
        """Return the directories of the folder; None if nothing of it is new to the runner."""
        is_known = self._folders == self._told_folders and not self._has_brought
        return None if is_known else self._folders

    def imports(self) -> list[str]:
        """Return new packages that the cell imports, which are here and do not travel as files."""
        new = self._imports - self._told_imports - sys.stdlib_module_names
        return sorted(name for name in new if _is_installed(name))

    def note_told(self) -> None:
        """Take note that the runner has heard what the last cell's request said."""
        self._told_folders = self._folders
        self._has_brought = False
        self._told_imports |= self._imports

    # -- after a cell ------------------------------------------------------------------------

    def take_home(self, change: FolderChange, ask: Ask, view: CellView) -> Homecoming:
        """Put what a cell has written into the notebook's folder; see `Receiver`."""
        collected = self._collected
        files = collected.bundle.files if collected is not None else ()
        beginning = f"{self._label}/"
        known = {
            file.path.removeprefix(beginning): file.sha256
            for file in files
            if file.path.startswith(beginning)
        }
        receiver = Receiver(self._folder, known, ask, HOME_LIMIT_BYTES, view.status)
        home = receiver.take(change)
        view.finish_progress()
        courier = self._last_couriers[0]
        modes = {path: mode for path, _, mode in change.put}
        courier.note(
            [
                BundleFile(beginning + path, sha256, size, 0o755 if modes[path] & 0o100 else 0o644)
                for path, (sha256, size) in home.seen.items()
            ],
            [beginning + path for path in home.removed],
        )
        self._brought.pop(courier, None)  # compared anew; what is as it was does not travel
        for path, (sha256, _) in home.seen.items():
            is_equal = path in home.written
            self._belongings.note_written(self._folder / path, sha256 if is_equal else "")
        return home

    def explain_missing(self, error: Mapping[str, Any] | None) -> str:
        """Say that what a cell did not find is here; empty if it is not, or not that failed."""
        kind = "" if error is None else error["ename"]
        match = _QUOTED.search(error["evalue"]) if error is not None else None
        if match is None:
            return ""
        name = match[1]
        package = name.partition(".")[0]
        if kind == "ModuleNotFoundError" and _is_importable(package) and not _is_installed(package):
            return (
                f"the module {name!r} is here, and the text of the cell did not show that it would"
                " be imported: import it in the notebook once"
            )
        if kind == "FileNotFoundError" and not Path(name).is_absolute() and Path(name).exists():
            return (
                f"the file {name!r} is here, and was not brought to the cluster: its name was not"
                " found in the text of the cell"
            )
        return ""

    def _say(self, text: str, view: CellView) -> None:
        """Note something, once."""
        if text not in self._said:
            self._said.add(text)
            view.note(text)


def _without(collected: Collected) -> Bundle:
    """Return a bundle without what only the runner's node has to have."""
    if not collected.written:
        return collected.bundle
    files = tuple(file for file in collected.bundle.files if file.path not in collected.written)
    return Bundle(files, collected.bundle.folders)


def _put(news: _News, courier: Courier, what: EnvironmentStep | ScaleError | None) -> None:
    news.put((courier, what))


def _once(act: Callable[[], object], _on_pause: Callable[[HostError], None]) -> object:
    return act()


def _carry(
    bring: Callable[[OnStep], BundleChange],
    tell: Callable[[EnvironmentStep | ScaleError | None], None],
    attempt: Callable[[Callable[[], object], Callable[[HostError], None]], object],
) -> None:
    """Bring files to a node, as often as `attempt` does it."""

    def on_pause(error: HostError) -> None:
        tell(EnvironmentStep("bundle", f"the link is broken, reconnecting ({error.why})"))

    end: ScaleError | None = None
    try:
        attempt(lambda: bring(tell), on_pause)
    except ScaleError as error:
        end = error
    except OSError as error:  # a file went away while it was read
        end = ScaleError(str(error))
    finally:
        tell(end)


def _wait(
    jobs: int,
    news: _News,
    view: CellView,
) -> dict[Courier, tuple[ScaleError, float]]:
    """Wait for couriers, and show what they do if it takes long.

    Returns
    -------
    dict
        ``courier → why it failed, and after how many seconds``.
    """
    failures: dict[Courier, tuple[ScaleError, float]] = {}
    started = time.monotonic()
    message = "bringing the notebook's files to the cluster"
    while jobs:
        try:
            courier, what = news.get(timeout=_QUICK_S)
        except queue.Empty:
            view.status(f"{message} …")
            continue
        if isinstance(what, EnvironmentStep):
            message = what.message
            continue
        jobs -= 1
        if what is not None:
            failures[courier] = what, time.monotonic() - started
    return failures


def _is_importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _is_installed(name: str) -> bool:
    """Tell whether this kernel has a package that is none of the notebook's own."""
    return _is_importable(name) and not find_own_modules([name])
