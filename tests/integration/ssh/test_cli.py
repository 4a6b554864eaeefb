"""``jupyter scale`` with a cluster on other machines."""

import json
import subprocess
import sys

import pytest

from laptop import write_profile


@pytest.fixture
def scale(lab, tmp_path, monkeypatch):
    """Return a function that runs a command, and returns what it wrote."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    write_profile(tmp_path, lab, ["h1"])

    def scale(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "jupyter_scale.cli", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    yield scale
    scale("down")


def test_a_cluster_elsewhere(lab, scale):
    assert "Cluster lab is up" in scale("up", "lab")
    [shown] = json.loads(scale("status", "lab", "--json"))
    assert (shown["status"], shown["workers"], shown["is_alive"]) == ("running", 1, True)
    assert "node     h1: running" in scale("status")
    assert scale("logs", "lab", "-n", "5")
    scale("down", "lab")
    assert not [p for p in lab.machines["h1"].processes() if "jupyter_scale" in p]
