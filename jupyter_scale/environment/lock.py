"""Which of the installed packages a node gets, and in which way: decided from facts alone.

===============================================  =================================================
installed                                        a node
===============================================  =================================================
from an index                                    installs the same version
from an index, by conda or the system            the same, if there is a wheel
from a local folder or wheel                     gets a wheel that is made of what is installed
from a repository or an address, pure Python     the same: it may be private, or gone
the same, with compiled parts                    installs it from there
in place (``pip install -e``)                    gets the files, see `jupyter_scale.environment.own`
===============================================  =================================================

Everything that is installed counts: which packages a notebook will import cannot be known.
jupyter-scale itself always travels with the files, so that both sides are the same for certain.
"""

from __future__ import annotations

from pathlib import Path

from jupyter_scale.environment.installed import Installed, Interpreter
from jupyter_scale.model.environment import Carried, EnvironmentLock, Pin, Unmatched

OURSELVES = "jupyter-scale"
_SYSTEM_INSTALLERS = frozenset({"", "conda", "debian", "dpkg", "rpm", "apk"})


def make_lock(interpreter: Interpreter) -> EnvironmentLock:
    """Return the lock of an environment with these packages."""
    wanted = [
        package
        for package in interpreter.packages
        if package.name != OURSELVES and not package.is_in_place
    ]
    parts = [_part(package) for package in sorted(wanted, key=lambda package: package.name)]
    return EnvironmentLock(
        python=interpreter.python,
        platform=interpreter.platform,
        pins=tuple(part for part in parts if isinstance(part, Pin)),
        carried=tuple(part for part in parts if isinstance(part, Carried)),
        unmatched=tuple(part for part in parts if isinstance(part, Unmatched)),
        size_bytes=sum(package.size_bytes for package in wanted),
        micro=interpreter.micro,
    )


def _part(package: Installed) -> Pin | Carried | Unmatched:
    """Return how a node gets one package."""
    name, version, is_systems = package.name, package.version, _is_systems(package)
    if not package.direct_url or is_systems:
        return Pin(name, version, only_wheels=is_systems)
    carried = Carried(name, version, package.tags, package.digest)
    can_be_carried = bool(package.tags and package.digest)
    address = fetchable(package.direct_url)
    if can_be_carried and (carried.is_pure or not address):
        return carried
    if address:
        return Pin(name, version, url=address)
    return Unmatched(
        name,
        version,
        "it was installed from a local folder, and no wheel can be made of it because it has no"
        " record of its files",
    )


def fetchable(direct_url: dict[str, object]) -> str:
    """Return the address under which others get a package too, empty if there is none."""
    url = str(direct_url.get("url", ""))
    if url.startswith("file:") or "://" not in url:
        return ""
    vcs, archive = direct_url.get("vcs_info"), direct_url.get("archive_info")
    folder = direct_url.get("subdirectory")
    fragments = [f"subdirectory={folder}"] if folder else []
    if isinstance(vcs, dict):
        url = f"{vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id', '')}"
    elif isinstance(archive, dict):
        fragments += [f"{kind}={value}" for kind, value in (archive.get("hashes") or {}).items()]
    return "#".join([url, "&".join(fragments)]) if fragments else url


def _is_systems(package: Installed) -> bool:
    """Tell whether the operating system or conda has built and installed a package."""
    return package.installer in _SYSTEM_INSTALLERS and (
        package.installer != ""
        or "dist-packages" in Path(package.metadata_path).parts
        or not package.digest
    )
