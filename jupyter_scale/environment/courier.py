"""Keeps a node's copies of own modules and files as they are on the laptop."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path

from jupyter_scale.environment.bundling import ourselves
from jupyter_scale.environment.folders import Digests
from jupyter_scale.environment.host import Host, OnStep, ask, change_request, contents
from jupyter_scale.errors import EnvironmentFailed
from jupyter_scale.model.bundle import Bundle, BundleChange, BundleFile, difference
from jupyter_scale.model.environment import EnvironmentStep


class Courier:
    """Brings bundles to one mirror on one host; only what is new there travels.

    Parameters
    ----------
    host : Host
        The node.
    key : str
        Which mirror, see `mirror_key`: the same folder of notebooks has always the same.
    cache : str
        The directory to use on the host; empty: ``~/.cache/jupyter-scale``.

    Attributes
    ----------
    name, key : str
        Of the host, and of the mirror.
    directory : str
        Where the files are on the node; empty before the first bundle.
    sent_bytes : int
        What has travelled so far, before compression.
    """

    def __init__(self, host: Host, key: str, cache: str = "") -> None:
        self._host, self._cache = host, cache
        self.name, self.key = host.name, key
        self._known: dict[str, BundleFile] | None = None
        self._brought: set[str] = set()
        self.directory = ""
        self.sent_bytes = 0

    def bring(
        self, bundle: Bundle, paths: Mapping[str, Path], on_step: OnStep = lambda _: None
    ) -> BundleChange:
        """Make the node's copies those of a bundle; return what was different.

        Files that an earlier bundle of this courier had, and this one has not, are removed there;
        what others have brought to the same mirror stays. When nothing is different, nothing is
        sent.

        Parameters
        ----------
        bundle : Bundle
            What shall be there.
        paths : mapping
            ``path in the bundle → file here``.
        on_step : callable
            Told of progress.

        Raises
        ------
        EnvironmentFailed
            When the node cannot have it: its disk is full, for instance.
        ClusterError
            When the host cannot be reached.
        """
        try:
            change = self._bring(bundle, paths, on_step)
        except EnvironmentFailed as failure:
            if failure.code not in {"unknown", "bundle"}:
                raise
            self._known = None  # somebody has changed the mirror: look again
            change = self._bring(bundle, paths, on_step)
        self._brought = {file.path for file in bundle.files}
        return change

    def note(self, put: Iterable[BundleFile], removed: Iterable[str] = ()) -> None:
        """Take note of what a cell has done to the files there; they are not sent back."""
        if self._known is not None:
            known = {file.path: file for file in put}
            self._known.update(known)
            self._brought.update(known)
            for path in removed:
                self._known.pop(path, None)

    def forget(self) -> None:
        """Look again at what the node has, before the next bundle."""
        self._known = None

    def _bring(self, bundle: Bundle, paths: Mapping[str, Path], on_step: OnStep) -> BundleChange:
        request = {"cache": self._cache, "key": self.key}
        if self._known is None:
            answer = ask(self._host, {**request, "op": "known"})
            files = [BundleFile(**file) for file in answer["files"]]
            self._known = {file.path: file for file in files}
            self.directory = answer["directory"]
        wanted = {file.path for file in bundle.files}
        concerned = [file for path, file in self._known.items() if path in wanted | self._brought]
        change = difference(bundle.files, concerned)
        if change:
            size = f"{change.size_bytes / 1e6:.1f} MB"
            message = f"bringing {len(change.put)} files ({size}) to {self.name}"
            on_step(EnvironmentStep("bundle", message, 0, change.size_bytes))
            packed = contents(change, paths)
            ask(self._host, {**request, "op": "unpack", **change_request(change)}, packed, on_step)
            self.sent_bytes += change.size_bytes
            for path in change.remove:
                self._known.pop(path, None)
            self._known.update((file.path, file) for file in change.put)
        return change


class Ourselves:
    """jupyter-scale exactly as it runs here, for hosts.

    Each state of the code has a directory of its own there: two notebooks may use two versions.

    Attributes
    ----------
    mirror : str
        The key of the mirror.
    label : str
        The folder in the mirror that belongs on the ``PYTHONPATH``.
    """

    def __init__(self) -> None:
        self._maker = ourselves(Digests())
        self._bundle = self._maker.make()
        self.mirror = f"jupyter-scale-{self._bundle.hash[:16]}"
        (self.label,) = self._maker.folders

    def bring(self, host: Host, cache: str = "", on_step: OnStep = lambda _: None) -> str:
        """Make it importable on a host.

        Returns
        -------
        str
            What belongs on the ``PYTHONPATH`` of the node's processes.

        Raises
        ------
        EnvironmentFailed, ClusterError
            As for `Courier.bring`.
        """
        courier = Courier(host, self.mirror, cache)
        courier.bring(self._bundle, self._maker.paths, on_step)
        return f"{courier.directory}/{self.label}"


def mirror_key(folder: Path) -> str:
    """Return the key of a folder of notebooks: equal for all kernels of this user that use it."""
    whose = f"{platform.node()} {os.getuid()} {folder.resolve()}"
    return f"files-{hashlib.sha256(whose.encode()).hexdigest()[:16]}"
