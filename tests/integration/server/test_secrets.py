"""Whoever looks at what a cluster of machines leaves to be seen finds no key and no token."""

import contextlib
import json

import psutil
import pytest

from jupyter_scale.serverlink import KEY_VARIABLE
from labserver import LabServer
from laptop import assert_clean, profile_text
from sshlab import SshLab, require_lab

pytestmark = [pytest.mark.ssh, pytest.mark.timeout(300)]

#: In the kernel: the representations of all objects of ours, and of what holds certificates.
REPRESENT = """
import gc
for one in gc.get_objects():
    if str(type(one).__module__).startswith(("jupyter_scale", "distributed.security")):
        try:
            print(repr(one), str(one))
        except Exception as error:
            print(error)
"""
CELLS = [
    "%scale up lab",
    "%%scale\nimport os\nprint(dict(os.environ))",
    "%%scale\nr = [i * i for i in range(10)]\n1 / 0",
    "%scale up other",
    "%scale",
    REPRESENT,
]


def bodies(path):
    """Return the lines of a PEM file that are secret; the first says only what kind it is of."""
    lines = path.read_text().splitlines()
    begin = next(i for i, line in enumerate(lines) if "PRIVATE KEY" in line)
    return {line for line in lines[begin + 2 : -1] if len(line) > 20}


def is_key(path):
    return path.name.endswith("key.pem")


def test_what_can_be_seen_has_no_secrets(tmp_path):
    require_lab()
    for name in ("hosts", "server"):
        (tmp_path / name).mkdir()
    hosts = SshLab(tmp_path / "hosts")
    hosts.add()
    hosts.add()
    lab = LabServer(tmp_path / "server", profile_text(hosts, ["h1", "h2"]))
    try:
        lab.start()
        panel = lab.feed()
        kernel = lab.start_kernel()
        key = kernel.run(f"import os; print(os.environ[{KEY_VARIABLE!r}])").stdout.strip()
        shown = {source[:40]: str(kernel.run(source, timeout_s=120)) for source in CELLS}
        panel.wait(lambda p: "failed" in {run["status"] for run in p.runs.values()})
        assert "<Guest of lab" in shown[REPRESENT[:40]]

        roots = [lab.runtime / "jupyter_scale"]
        roots += [machine.home / ".cache" / "jupyter-scale" for machine in hosts.machines.values()]
        files = [path for root in roots for path in root.rglob("*") if path.is_file()]
        secrets = {key, lab.token, *bodies(hosts.key)}
        keys = [path for path in files if is_key(path)]
        assert len(keys) >= 3 * len(roots)
        secrets |= {line for path in keys for line in bodies(path)}
        assert len(secrets) > len(keys)

        view = lab.clusters()["lab"]
        for path in (
            "clusters",
            f"clusters/{view['id']}",
            "profiles",
            f"clusters?after={view['id']}",
        ):
            shown[f"REST {path}"] = json.dumps(lab.scale("GET", path))
        shown["frames"] = json.dumps(panel.frames)
        shown["status"] = str(lab.command("status"))
        shown["log"] = str(lab.command("logs", "lab"))
        shown |= {str(path): path.read_text(errors="replace") for path in files if not is_key(path)}
        shown |= {f"sshd of {machine.name}": machine.log() for machine in hosts.machines.values()}
        for machine in hosts.machines.values():
            for process in machine._members():
                with contextlib.suppress(psutil.Error):
                    shown[f"{machine.name}: {process}"] = f"{process.cmdline()} {process.environ()}"
        panel.close()
        found = {
            (where, secret) for where, text in shown.items() for secret in secrets if secret in text
        }
        assert found == set()

        # The server was given its token on its command line, and its kernels have a key for it.
        own = {secret for secret in secrets if secret not in (key, lab.token)}
        seen = [f"{p.cmdline()} {p.environ()}" for p in lab.processes()] + [lab.log()]
        assert not [secret for secret in own for text in seen if secret in text]
        assert key not in lab.log()
        assert not [p for p in lab.processes() if key in str(p.cmdline())]
        kernel.run("%scale down", timeout_s=120)
        assert_clean(hosts)
    finally:
        lab.close()
        hosts.close()
