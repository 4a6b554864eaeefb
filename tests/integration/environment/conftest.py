"""Hosts for environments: this machine, with a home directory in a temporary folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jupyter_scale.environment.installed import Interpreter
from jupyter_scale.environment.prepare import Needs, Preparation
from jupyter_scale.environment.wheelhouse import laptop_uv
from jupyter_scale.model.environment import EnvironmentLock, Pin
from localhost import LocalHost

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """A directory with uv and this Python, as on a host that has both."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "uv").symlink_to(laptop_uv())
    (folder / f"python{PYTHON}").symlink_to(Path(sys.executable).resolve())
    (folder / "python3").symlink_to(Path(sys.executable).resolve())
    return str(folder)


@pytest.fixture
def host(tmp_path, programs):
    return LocalHost(tmp_path / "node", (programs, "/usr/bin", "/bin"))


@pytest.fixture
def prepared(tmp_path):
    """Return a function that makes what `prepare` gets, of pins."""

    def make(*pins, **fields):
        lock = EnvironmentLock(PYTHON, platform(), tuple(Pin(*pin.split("==")) for pin in pins))
        fields = {"needs": Needs(), **fields}
        lock = fields.pop("lock", lock)
        interpreter = fields.pop("interpreter", Interpreter(PYTHON, platform(), ()))
        return Preparation(lock, interpreter, tmp_path / "laptop", **fields)

    return make


def platform():
    from jupyter_scale.environment.node.machine import platform_name

    return platform_name()


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """A folder of tiny wheels, made of nothing: tests that need no index use them."""
    from tinywheels import write_wheel

    folder = tmp_path_factory.mktemp("wheels")
    for name, version in [("tiny-a", "1.0"), ("tiny-a", "2.0"), ("tiny-b", "1.0")]:
        write_wheel(folder, name, version)
    write_wheel(folder, "tiny-orphan", "1.0", needs=["nosuch-package"])
    write_wheel(folder, "tiny-needy", "1.0", needs=["tiny-a<2", "tiny-b"])
    return folder


@pytest.fixture
def closed_index():
    """The address of an index at a port where nobody listens."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/simple"


@pytest.fixture
def own_package(tmp_path):
    """Return a function that installs a package on the laptop, and returns interpreter and lock."""
    import importlib.metadata
    import json
    import zipfile

    from jupyter_scale.environment.installed import Interpreter, packages_in
    from jupyter_scale.environment.lock import make_lock
    from tinywheels import write_wheel

    def install(direct_url):
        site = tmp_path / "laptop-env" / "site-packages"
        site.mkdir(parents=True)
        wheel = write_wheel(tmp_path, "tiny-own", "3.0", "version = \"'3.0'\"\n")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
        info = site / "tiny_own-3.0.dist-info"
        (info / "INSTALLER").write_text("pip\n")
        if direct_url is not None:
            (info / "direct_url.json").write_text(json.dumps(direct_url))
        found = importlib.metadata.distributions(path=[str(site)])
        interpreter = Interpreter(PYTHON, platform(), tuple(packages_in(found)))
        return interpreter, make_lock(interpreter)

    return install
