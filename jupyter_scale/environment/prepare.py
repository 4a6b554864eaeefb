"""A host from nothing to the notebook's environment: what is asked of it, in which order.

1. *Look.* If the environment is complete there, that is all: one round trip.
2. *Bring* what the host cannot get: `uv`, wheels of local packages. What it has is not sent again.
3. *Make* it there. If the host reaches no package index, bring all packages as wheels, and again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from jupyter_scale.environment.host import Host, OnStep, ask, change_request, contents
from jupyter_scale.environment.installed import Interpreter
from jupyter_scale.environment.node.sources import Sources
from jupyter_scale.environment.wheelhouse import (
    alone,
    collect_carried,
    collect_pins,
    download,
    extract_uv,
    laptop_uv,
)
from jupyter_scale.errors import EnvironmentFailed
from jupyter_scale.model.bundle import BundleChange, BundleFile
from jupyter_scale.model.environment import (
    Carried,
    EnvironmentLock,
    EnvironmentStep,
    NodeEnvironment,
    NodeFacts,
    Pin,
    Unmatched,
)


@dataclass(frozen=True)
class Needs:
    """What a node cannot do without.

    Parameters
    ----------
    packages : tuple of str
        Names of packages that are never left out.
    modules : tuple of str
        Modules that have to be importable.
    """

    packages: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


#: What runs on every node: scheduler, workers, runner.
OF_A_NODE = Needs(
    packages=(
        *("cloudpickle", "cryptography", "dask", "distributed", "ipykernel", "ipython"),
        *("msgpack", "nvidia-ml-py", "psutil", "tblib", "xxhash"),
    ),
    modules=(
        *("cloudpickle", "cryptography", "distributed", "ipykernel", "msgpack", "psutil"),
        *("pynvml", "tblib", "xxhash"),
    ),
)


@dataclass(frozen=True)
class Preparation:
    """What environments are made of, the same for all hosts of a cluster.

    Parameters
    ----------
    lock : EnvironmentLock
        What the notebook has.
    interpreter : Interpreter
        Where it is installed, for wheels that are made of it.
    folder : Path
        A cache on the laptop.
    needs : Needs
        What has to be there.
    sources : Sources
        The laptop's, for hosts without settings of their own.
    cache : str
        The directory to use on the hosts; empty: ``~/.cache/jupyter-scale``.
    downloads : bool
        Whether a host may download a Python if it has none of the version.
    """

    lock: EnvironmentLock
    interpreter: Interpreter
    folder: Path
    needs: Needs = OF_A_NODE
    sources: Sources = field(default_factory=Sources)
    cache: str = ""
    downloads: bool = True


def look(host: Host, cache: str = "") -> NodeFacts:
    """Return what a host is and has.

    Raises
    ------
    EnvironmentFailed, ClusterError
        See `jupyter_scale.environment.host.ask`.
    """
    return _facts(ask(host, {"op": "look", "cache": cache}))


def prepare(host: Host, wanted: Preparation, on_step: OnStep = lambda _: None) -> NodeEnvironment:
    """Return the environment of a host, made if it is not there yet.

    Hosts are prepared independently of each other, each in a thread of its own.

    Parameters
    ----------
    host : Host
        The node.
    wanted : Preparation
        What it gets.
    on_step : callable
        Told of progress, in this thread.

    Raises
    ------
    EnvironmentFailed
        When it cannot be made there: what, why, and what to do next.
    ClusterError
        When the host cannot be reached.
    """
    return _Preparing(host, wanted, on_step).run()


class _Preparing:
    def __init__(self, host: Host, wanted: Preparation, on_step: OnStep) -> None:
        self._host, self._wanted, self._on_step = host, wanted, on_step
        self._left_out: list[Unmatched] = []

    def run(self) -> NodeEnvironment:
        lock, wanted = self._wanted.lock, self._wanted
        answer = ask(self._host, {**self._common(), "op": "look"}, on_step=self._on_step)
        if answer["event"] == "ready":
            return self._environment(answer)
        facts = _facts(answer)
        request = {
            **self._common(),
            "op": "make",
            "essential": list(wanted.needs.packages),
            "verify": list(wanted.needs.modules),
            "size_bytes": lock.size_bytes,
            "sources": wanted.sources.for_others().to_dict(),
            "downloads": wanted.downloads,
            "carried": self._bring_carried(facts),
        }
        if not facts.uv and facts.platform == lock.platform and (uv := laptop_uv()):
            request["uv"] = self._bring_uv(facts, Path(uv))
        return self._make_somehow(request, facts)

    def _common(self) -> dict[str, Any]:
        lock = self._wanted.lock
        return {
            "cache": self._wanted.cache,
            "hash": lock.hash,
            "python": lock.python,
            "micro": lock.micro,
            "platform": lock.platform,
            "without_gpu": any(pin.version.endswith("+cpu") for pin in lock.pins),
            "pins": [asdict(pin) for pin in lock.pins],
        }

    def _make(self, request: Mapping[str, Any]) -> NodeEnvironment:
        request = {**request, "left_out": [asdict(one) for one in self._left_out]}
        return self._environment(ask(self._host, request, on_step=self._on_step))

    def _make_somehow(self, request: dict[str, Any], facts: NodeFacts) -> NodeEnvironment:
        """Make it; bring what the host turns out not to reach."""
        try:
            return self._make(request)
        except EnvironmentFailed as failure:
            if failure.code == "uv" and "uv" not in request:
                brought = {**request, "uv": self._bring_uv_of_its_platform(facts, failure)}
                return self._make_somehow(brought, facts)
            if failure.code != "index":
                raise
            return self._make_offline(request, facts, failure)

    def _make_offline(
        self, request: dict[str, Any], facts: NodeFacts, failure: EnvironmentFailed
    ) -> NodeEnvironment:
        lock, folder = self._wanted.lock, self._wanted.folder
        self._tell("wheels", f"{self._host.name} reaches no package index: collecting wheels")
        with alone(folder):
            house = collect_pins(lock, self._wanted.interpreter, facts, folder)
        missing = {one.name for one in house.unmatched} & set(self._wanted.needs.packages)
        if missing:
            raise EnvironmentFailed(
                failure.what,
                f"it reaches no package index, and has no wheel of {', '.join(sorted(missing))}",
                failure.last_lines,
                failure.next_step,
                code="package",
            ) from failure
        self._left_out += house.unmatched
        self._bring(facts, {f"wheels/index/{w.name}": w for w in house.wheels.values()})
        pins = [replace(pin, url="") for pin in lock.pins if pin.name in house.wheels]
        request["pins"] = [asdict(pin) for pin in pins]
        request["offline"] = f"{facts.cache}/wheels/index"
        return self._make(request)

    def _bring_carried(self, facts: NodeFacts) -> list[dict[str, str]]:
        lock = self._wanted.lock
        fitting, others = fit(lock, facts)
        if not fitting:
            self._left_out += others
            return []
        with alone(self._wanted.folder):
            house = collect_carried(fitting, self._wanted.interpreter, self._wanted.folder)
        self._left_out += [*others, *house.unmatched]
        brought = {
            one: f"wheels/{one.digest}/{house.wheels[one.name].name}"
            for one in fitting
            if one.name in house.wheels
        }
        self._bring(facts, {path: house.wheels[one.name] for one, path in brought.items()})
        return [
            {"name": one.name, "version": one.version, "path": f"{facts.cache}/{path}"}
            for one, path in brought.items()
        ]

    def _bring_uv_of_its_platform(self, facts: NodeFacts, failure: EnvironmentFailed) -> str:
        self._tell("uv", f"downloading uv for {facts.platform}")
        folder = self._wanted.folder / "uv"
        pin = Pin("uv", _uv_version())
        with alone(folder):
            wheels = download([pin], self._wanted.lock.python, facts, folder).wheels
            if "uv" not in wheels:
                raise failure
            program = extract_uv(wheels["uv"], folder)
        return self._bring_uv(facts, program)

    def _bring_uv(self, facts: NodeFacts, program: Path) -> str:
        path = f"tools/uv-{_sha256(program)[:16]}/bin/uv"
        self._bring(facts, {path: program}, is_program=True)
        return f"{facts.cache}/{path}"

    def _bring(
        self, facts: NodeFacts, paths: Mapping[str, Path], *, is_program: bool = False
    ) -> None:
        """Send files into the cache of the host, but for those that it has."""
        if not paths:
            return
        sizes = [{"path": to, "size_bytes": f.stat().st_size} for to, f in paths.items()]
        request = {"op": "missing", "cache": facts.cache, "files": sizes}
        absent = ask(self._host, request)["paths"]
        mode = 0o755 if is_program else 0o644
        files = [
            BundleFile(to, _sha256(paths[to]), paths[to].stat().st_size, mode) for to in absent
        ]
        if not files:
            return
        change = BundleChange(tuple(files), contents=tuple(sorted({f.sha256 for f in files})))
        self._tell("upload", f"sending {len(files)} files, {change.size_bytes / 1e6:.1f} MB")
        packed = contents(change, paths, level=1 if is_program else 0)  # wheels are compressed
        request = {"op": "store", "cache": facts.cache, **change_request(change)}
        ask(self._host, request, packed, self._on_step)

    def _environment(self, answer: Mapping[str, Any]) -> NodeEnvironment:
        there = (Unmatched(**one) for one in answer["unmatched"])
        left_out = {*self._wanted.lock.unmatched, *there}
        return NodeEnvironment(
            python=answer["python"],
            site_packages=answer["site_packages"],
            unmatched=tuple(sorted(left_out, key=lambda one: one.name)),
            was_complete=answer["was_complete"],
            seconds=answer["seconds"],
        )

    def _tell(self, step: str, message: str) -> None:
        self._on_step(EnvironmentStep(step, message))


def fit(lock: EnvironmentLock, facts: NodeFacts) -> tuple[list[Carried], list[Unmatched]]:
    """Return which wheels of the laptop fit a node, and why the others do not."""
    fitting = [one for one in lock.carried if one.is_pure or _is_alike(one, lock, facts)]
    why = f"it was built for {lock.platform}, and the node is {facts.platform}"
    others = [Unmatched(one.name, one.version, why) for one in lock.carried if one not in fitting]
    return fitting, others


def _is_alike(one: Carried, lock: EnvironmentLock, facts: NodeFacts) -> bool:
    """Tell whether a node can load what was compiled for the laptop."""
    needs_glibc = any("manylinux" in tag for tag in one.tags)
    return facts.platform == lock.platform and (bool(facts.glibc) or not needs_glibc)


def _facts(answer: Mapping[str, Any]) -> NodeFacts:
    fields = {k: v for k, v in answer.items() if k not in {"event", "now"}}
    return NodeFacts(
        **{
            **fields,
            "gpus": tuple(answer["gpus"]),
            "environments": tuple(answer["environments"]),
            "clock_offset_s": answer["now"] - time.time(),
        }
    )


def _uv_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("uv")
    except PackageNotFoundError as error:
        raise EnvironmentFailed(
            "the environment", "neither the host nor this machine has uv", next_step=_INSTALL_UV
        ) from error


_INSTALL_UV = "Install it here with `pip install uv`."


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
