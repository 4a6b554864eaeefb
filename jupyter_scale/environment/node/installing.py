"""A list of packages into an environment: those that cannot be had are left out, and told.

Laws:

1. On the laptop's platform exactly the list is installed, whatever the packages say that they
   need: there it works. Elsewhere what they need in addition is installed as well, if it can be
   had; the versions of the list are in force.
2. A version with a local label (``2.4.0+cu121``) that no index has is replaced by the public one;
   a version that needs a newer Python, within the same minor version, by one that does not.
3. What cannot be had is left out, and said; what is essential is not, and is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jupyter_scale.environment.node import commands, complaints
from jupyter_scale.environment.node.report import Refused, Report

_DOWNLOADING = re.compile(r"^\s*Downloading (\S+) \((.+)\)")
_DOWNLOADED = re.compile(r"^\s*Downloaded (\S+)")
_BUILDING = re.compile(r"^\s*Building (\S+)")
_BACKEND = re.compile(r"cpu|cu\d+|rocm[\d.]+|xpu")
_TORCH = "torch"


_NO_OTHER_BUILD = (
    "it was built for no GPU; this host has one, and reaches no package index with another build"
)


@dataclass(frozen=True)
class Package:
    """One line of the list: the fields of `Pin`, or of `Carried` with the `path` of its wheel."""

    name: str
    version: str
    url: str = ""
    only_wheels: bool = False
    path: str = ""

    @property
    def line(self) -> str:
        """The requirement."""
        if self.path:
            return f"{self.name} @ {Path(self.path).absolute().as_uri()}"
        return f"{self.name} @ {self.url}" if self.url else self.exact

    @property
    def exact(self) -> str:
        """Name and version; any version if that is empty."""
        return f"{self.name}=={self.version}" if self.version else self.name

    @property
    def label(self) -> str:
        """The local label of its version."""
        return "" if self.url or self.path else self.version.partition("+")[2]

    def public(self) -> Package:
        """Return the package without the local label."""
        return replace(self, version=self.version.partition("+")[0])


@dataclass
class Plan:
    """What is to be installed, as it changes when something cannot be had.

    Attributes
    ----------
    packages : dict
        ``name → package``.
    unmatched : list
        ``{"name", "version", "why"}`` of what is left out or replaced.
    with_needs : bool
        Also install what the packages say that they need.
    backend : str
        Which builds of PyTorch: its label, as `uv` knows them.
    """

    packages: dict[str, Package]
    unmatched: list[dict[str, str]] = field(default_factory=list)
    with_needs: bool = False
    backend: str = ""

    @classmethod
    def make(
        cls, packages: list[Package], *, is_elsewhere: bool, has_gpu: bool, is_offline: bool = False
    ) -> Plan:
        """Return the plan to begin with.

        Parameters
        ----------
        is_elsewhere : bool
            This host is of another platform than the laptop.
        has_gpu : bool
            Packages that were built for no GPU are replaced by the public version.
        is_offline : bool
            There are only the laptop's own wheels, so that nothing can replace them.
        """
        plan = cls({package.name: package for package in packages}, with_needs=is_elsewhere)
        for package in packages:
            if package.label == "cpu" and has_gpu and is_offline:
                plan._note(package, _NO_OTHER_BUILD)
            elif package.label == "cpu" and has_gpu:
                why = "%s is installed instead, because this host has a GPU"
                plan._substitute(package, why)
        label = plan.packages[_TORCH].label if _TORCH in plan.packages else ""
        plan.backend = label if _BACKEND.fullmatch(label) else ""
        return plan

    def adapt(self, blamed: dict[str, str]) -> bool:
        """Do without packages that cannot be had; tell whether anything is different now."""
        found = [self.packages[name] for name in blamed if name in self.packages]
        for package in found:
            why = blamed[package.name]
            if package.label:
                self._substitute(package, "%s is installed instead, because " + why)
            elif why == complaints.TOO_OLD and package.version:
                self.packages[package.name] = replace(package, version="")
                self._note(package, "another version is installed instead, because " + why)
            else:
                del self.packages[package.name]
                self._note(package, why)
        return bool(found)

    def can_replace(self, name: str, why: str) -> bool:
        """Tell whether another build or version may do."""
        package = self.packages[name]
        return bool(package.label or (why == complaints.TOO_OLD and package.version))

    def drop_needs(self, blamed: dict[str, str]) -> bool:
        """Do without what packages need in addition, if that cannot be had; tell whether it did.

        The list alone can always be installed, as far as there is anything of it.
        """
        if not self.with_needs or not blamed:
            return False
        self.with_needs = False
        for name, why in sorted(blamed.items()):
            text = f"another package says that it needs it, and {why}"
            self.unmatched.append({"name": name, "version": "any", "why": text})
        return True

    def drop_backend(self) -> bool:
        """Do without the index of one backend; tell whether there was one."""
        backend, self.backend = self.backend, ""
        return bool(backend)

    def _substitute(self, package: Package, why: str) -> None:
        public = package.public()
        self.packages[package.name] = public
        self.with_needs = True  # another build needs other libraries
        self._note(package, why % public.version)

    def _note(self, package: Package, why: str) -> None:
        before = [one["version"] for one in self.unmatched if one["name"] == package.name]
        self.unmatched = [one for one in self.unmatched if one["name"] != package.name]
        version = before[0] if before else package.version
        self.unmatched.append({"name": package.name, "version": version, "why": why})


class Installer:
    """Runs `uv pip install` until it succeeds with what can be had.

    Parameters
    ----------
    uv, directory : str, Path
        The program, and the environment.
    env : dict
        Its variables, see `jupyter_scale.environment.node.uv.environment_for_uv`.
    offline : str
        A folder of wheels to use instead of any index; empty: use indexes.
    essential : set of str
        Names of packages that are not left out.
    explain : callable
        Makes a refusal of the lines that `uv` wrote.
    """

    def __init__(
        self,
        uv: str,
        directory: Path,
        env: dict[str, str],
        *,
        offline: str,
        essential: set[str],
        explain: Callable[[list[str]], Refused],
    ) -> None:
        self._uv, self._directory, self._env = uv, directory, env
        self._offline, self._essential, self._explain = offline, essential, explain

    def install(self, plan: Plan, report: Report, lock: int) -> None:
        """Install what the plan says; it is adapted to what can be had.

        Raises
        ------
        Refused
            When something essential cannot be had, or it fails for another reason.
        """
        while True:
            progress = _Progress(report, len(plan.packages))
            status, lines = commands.run(
                self._argv(plan),
                report,
                progress.read,
                env=self._variables(plan),
                cwd=str(self._directory),
                inherited=(lock,),
            )
            if status == 0:
                return
            blamed = complaints.packages_to_blame(lines)
            missing = sorted(self._essential & blamed.keys() & plan.packages.keys())
            for name in missing:
                if not plan.can_replace(name, blamed[name]):
                    raise Refused(
                        "package",
                        f"{plan.packages[name].exact} cannot be had, which jupyter-scale needs:"
                        f" {blamed[name]}.",
                        "Give the host an index that has it, or install another version here.",
                        complaints.last_lines(lines),
                    )
            if not (plan.adapt(blamed) or plan.drop_backend() or plan.drop_needs(blamed)):
                raise self._explain(lines)
            report.step("packages", "leaving out " + ", ".join(sorted(blamed) or ["an index"]))

    def _argv(self, plan: Plan) -> list[str]:
        listed = self._directory / "requirements.txt"
        packages = sorted(plan.packages.values(), key=lambda package: package.name)
        listed.write_text("".join(package.line + "\n" for package in packages), encoding="utf-8")
        argv = [self._uv, "pip", "install", "--python", str(self._directory / "bin" / "python")]
        argv += ["--requirement", str(listed)]
        if not plan.with_needs:
            argv.append("--no-deps")
        for package in packages:
            if package.only_wheels:
                argv += ["--only-binary", package.name]
        if self._offline:
            argv += ["--offline", "--no-index", "--find-links", self._offline]
        return argv

    def _variables(self, plan: Plan) -> dict[str, str]:
        env = dict(self._env)
        if plan.with_needs:
            env["UV_OVERRIDE"] = str(self._directory / "requirements.txt")
        if plan.backend and not self._offline:
            env["UV_TORCH_BACKEND"] = plan.backend
        return env


class _Progress:
    """Reads what `uv` tells of large downloads and of builds."""

    def __init__(self, report: Report, total: int) -> None:
        self._report, self._total = report, total
        self._begun: set[str] = set()
        self._done: set[str] = set()
        report.step("packages", f"installing {total} packages", 0, total)

    def read(self, line: str) -> None:
        """Take note of a line."""
        begun, done = _DOWNLOADING.match(line), _DOWNLOADED.match(line)
        building = _BUILDING.match(line)
        if begun is not None:
            self._begun.add(begun.group(1))
            self._tell(f"downloading {begun.group(1)} ({begun.group(2)})")
        elif done is not None:
            self._done.add(done.group(1))
            self._tell("downloaded " + done.group(1))
        elif building is not None:
            self._tell("building " + building.group(1))
        elif line.startswith("Installed "):
            self._report.step("packages", line, self._total, self._total)

    def _tell(self, message: str) -> None:
        self._report.step("packages", message, len(self._done), max(1, len(self._begun)))


def packages_of(request: dict[str, Any]) -> list[Package]:
    """Return the list that a request holds: ``pins`` and ``carried``."""
    pins = [Package(**pin) for pin in request.get("pins", ())]
    return pins + [
        Package(one["name"], one["version"], path=one["path"]) for one in request["carried"]
    ]
