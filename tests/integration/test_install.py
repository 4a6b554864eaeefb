"""What `pip install` gives, without another command: both extensions, enabled."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import jupyter_scale

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "jupyter_scale" / "labextension"

SERVER = "from jupyter_server.extension.serverextension import main; main()"
LABEXTENSION = "from jupyterlab.labextensions import main; main()"
WHERE = "import jupyter_scale; print(jupyter_scale.__file__, jupyter_scale.__version__)"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return what runs Python where a wheel of this tree is installed, beside our dependencies."""
    directory = tmp_path_factory.mktemp("install")
    if not (LAB / "static" / "style.js").exists():
        pytest.skip("the JupyterLab extension is not built: make setup does it")
    fresh = directory / "venv"
    venv.create(fresh, symlinks=True)
    python = fresh / "bin" / "python"
    [site_packages] = fresh.glob("lib/python*/site-packages")
    (site_packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
    environment = {name: value for name, value in os.environ.items() if "JUPYTER" not in name}
    environment |= {
        "PATH": str(fresh / "bin"),  # so there is no Node
        "HOME": str(directory),
        "JUPYTER_CONFIG_DIR": str(directory / "config"),
        "JUPYTER_DATA_DIR": str(directory / "data"),
        "PYTHONNOUSERSITE": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INDEX": "1",
    }

    def run(*arguments):
        done = subprocess.run(
            [*map(str, arguments)],
            env=environment,
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    wheels = ["wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={directory}", ROOT]
    run(sys.executable, "-m", "pip", *wheels)
    [wheel] = directory.glob("*.whl")
    run(sys.executable, "-m", "pip", f"--python={python}", "install", "--no-deps", wheel)
    return lambda code, *arguments: run(python, "-c", code, *arguments), fresh


def test_the_package_is_the_installed_one(installed):
    run, fresh = installed
    path, version = run(WHERE).split()
    assert path.startswith(str(fresh))
    assert version == jupyter_scale.__version__


def test_the_server_extension_is_enabled_and_valid(installed):
    run, _ = installed
    lines = [line.strip() for line in run(SERVER, "list").splitlines()]
    about = [line for line in lines if "jupyter_scale" in line]
    assert any("enabled" in line for line in about), lines
    assert any("OK" in line for line in about), lines


def test_the_labextension_is_enabled_and_valid(installed):
    run, _ = installed
    [line] = [line for line in run(LABEXTENSION, "list").splitlines() if "jupyter-scale" in line]
    assert "enabled" in line
    assert "OK" in line
