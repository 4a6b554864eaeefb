"""The checkup of hosts with a real sshd."""

import json
import subprocess
import sys
import threading
from dataclasses import replace

import psutil
import pytest

from jupyter_scale.cli import main
from jupyter_scale.environment.installed import Interpreter
from jupyter_scale.environment.node.machine import platform_name
from jupyter_scale.environment.prepare import Needs, Preparation
from jupyter_scale.model.checkup import CheckStatus
from jupyter_scale.model.environment import EnvironmentLock
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.providers.ssh.doctor import STEPS, examine
from jupyter_scale.transport.processes import MARK
from jupyter_scale.transport.ssh.commands import run
from jupyter_scale.transport.ssh.opening import Timeouts
from sshlab import Network, SshLab, make_key
from waiting import eventually

OK, WARNING, FAILED, SKIPPED = (CheckStatus(s) for s in ("ok", "warning", "failed", "skipped"))
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
QUICK = Timeouts(connect_s=1.5, handshake_s=3.0)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """The address of a package index on loopback, which hosts of a lab reach too."""
    folder = tmp_path_factory.mktemp("index")
    (folder / "simple" / "pip").mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-um", "http.server", "--bind", "127.0.0.1", "0"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    port = process.stdout.readline().split(" port ")[1].split()[0]
    yield f"http://127.0.0.1:{port}/simple"
    process.kill()
    process.wait(10)
    process.stdout.close()


def use_index(machine, address):
    config = machine.home / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"[global]\nindex-url = {address}\n")


@pytest.fixture
def wanted(tmp_path):
    lock = EnvironmentLock(PYTHON, platform_name(), size_bytes=10_000_000)
    needs = Needs(modules=("cloudpickle", "distributed"))
    return Preparation(lock, Interpreter(PYTHON, platform_name(), ()), tmp_path, needs)


@pytest.fixture
def checkup(wanted):
    """Return a function that examines hosts, and returns ``(host, step) → check``."""

    def checkup(lab, *hosts, ask=None, known=(), wanted=wanted, timeouts=QUICK, **fields):
        options = {"ssh_config": str(lab.ssh_config), **fields.pop("options", {})}
        pool = fields.pop("pool", None)
        pool = pool or Pool("cpu", len(hosts), options={"hosts": hosts}, **fields)
        profile = Profile("lab", "ssh", (pool,), options=options)
        with lab.inside():
            checks = list(examine(profile, ask, known, wanted=wanted, timeouts=timeouts))
        found = {(check.host, check.step): check for check in checks}
        assert len(found) == len(checks)
        return found

    return checkup


def statuses(checks, host):
    """Return ``status → its steps``, in order."""
    found = {}
    for (name, step), check in checks.items():
        if name == host:
            found.setdefault(check.status, []).append(step)
    return found


def assert_fails_at(checks, host, step):
    """See that the steps before are fine, and those after are left out; return the failed one."""
    seen = statuses(checks, host)
    steps = [one for one in STEPS if (host, one) in checks]
    at = steps.index(step)
    assert seen[FAILED] == [step]
    assert seen.get(OK, []) == steps[:at]
    assert seen.get(SKIPPED, []) == steps[at + 1 :]
    return checks[host, step]


def test_a_healthy_host(lab, checkup, index):
    use_index(lab.machines["h1"], index)
    checks = checkup(lab, "h1")
    assert statuses(checks, "h1") == {OK: list(STEPS[:-1])}, checks
    found = {step: check.found for (host, step), check in checks.items()}
    assert found["name"] == f"root@{lab.machines['h1'].address}:2222"
    assert found["login"] == "as root"
    assert found["Python"].startswith(PYTHON)
    assert found["packages"] == f"from {index}"
    assert found["clock"] == "right"
    assert found["profile"] == "1 host"
    assert checks["h1", "cores"].to_dict()["status"] == "ok"


def test_what_nobody_has_to_give_it_is_found_out(lab, checkup):
    checks = checkup(lab, "h1", wanted=None)
    assert checks["h1", "Python"].status is OK
    assert "the environment needs about" in checks["h1", "disk"].found


def test_two_hosts_reach_each_other(fresh, checkup, index):
    for _ in range(2):
        use_index(fresh.add(), index)
    checks = checkup(fresh, "h1", "h2")
    address = fresh.machines["h1"].address
    assert checks["h1", "network"].found == f"waits for the others at {address}"
    assert checks["h2", "network"].found == f"reaches h1 at {address}"
    assert {check.status for check in checks.values()} == {OK}
    h1 = fresh.machines["h1"]
    assert eventually(lambda: h1.ports() == {(address, 2222)}, 5)
    assert eventually(lambda: not h1.processes(), 5)


def test_an_unknown_key(fresh, checkup):
    fresh.add()
    fresh.known_hosts.write_text("")
    check = assert_fails_at(checkup(fresh, "h1"), "h1", "host key")
    assert "is not known" in check.found
    subprocess.run(check.advice.splitlines()[-1], shell=True, check=True)
    assert checkup(fresh, "h1")["h1", "host key"].status is OK


def test_a_changed_key(fresh, checkup):
    machine = fresh.add()
    other = make_key(fresh.directory / "other")
    kind, key = other.with_suffix(".pub").read_text().split()[:2]
    fresh.known_hosts.write_text(f"[{machine.address}]:2222 {kind} {key}\n")
    check = assert_fails_at(checkup(fresh, "h1"), "h1", "host key")
    assert "CHANGED" in check.found
    subprocess.run(check.advice.splitlines()[-1], shell=True, check=True)
    assert checkup(fresh, "h1")["h1", "host key"].status is OK


def test_known_hosts_of_the_profile(fresh, checkup, tmp_path):
    fresh.add()
    others = tmp_path / "empty"
    others.touch()
    checks = checkup(fresh, "h1", options={"known_hosts": str(others)})
    assert f">> {others}" in assert_fails_at(checks, "h1", "host key").advice


def test_a_wrong_user(lab, checkup):
    lab.configure("nobody", HostName=lab.machines["h1"].address, Port=2222, User="nobody")
    check = assert_fails_at(checkup(lab, "nobody"), "nobody", "login")
    assert "lets nobody not in" in check.found
    assert "authorized_keys" in check.advice


def test_a_locked_key_is_asked_for_once(fresh, checkup):
    for _ in range(2):
        fresh.add()
    key = make_key(fresh.directory / "locked", "ed25519", "secret")
    for name, machine in list(fresh.machines.items()):
        (machine.home / ".ssh" / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
        fresh.configure(f"{name}-locked", HostName=machine.address, Port=2222, IdentityFile=key)
    prompts = []

    def ask(prompt):
        prompts.append(prompt)
        return "secret" if "wrong" in prompt else "wrong"

    checks = checkup(fresh, "h1-locked", "h2-locked", ask=ask)
    assert checks["h1-locked", "login"].status is OK
    assert checks["h2-locked", "login"].status is OK
    assert len(prompts) == 2
    check = assert_fails_at(checkup(fresh, "h1-locked"), "h1-locked", "login")
    assert "nobody can be asked" in check.found


def test_a_host_that_is_down(lab, checkup):
    lab.configure("down", HostName=lab.machines["h1"].address, Port=2)
    check = assert_fails_at(checkup(lab, "down"), "down", "port")
    assert "nobody listens" in check.found
    assert "Is sshd running there" in check.advice


def test_an_unknown_name(lab, checkup):
    lab.configure("typo", HostName="no-such-host.invalid")
    check = assert_fails_at(checkup(lab, "typo"), "typo", "name")
    assert "no-such-host.invalid" in check.found
    assert_fails_at(checkup(lab, "-oops"), "-oops", "name")


def test_behind_another_host(fresh, checkup, index):
    fresh.add()
    use_index(fresh.add(), index)
    h1, h2 = (machine.address for machine in fresh.machines.values())
    fresh.configure("behind", HostName=h2, Port=2222, ProxyJump="h1")
    checks = checkup(fresh, "behind")
    assert checks["behind", "port"].found == f"open, through {h1}:2222"
    assert checks["behind", "login"].status is OK
    fresh.known_hosts.write_text("")
    check = assert_fails_at(checkup(fresh, "behind"), "behind", "port")
    assert check.found.startswith("h1 (jump 1 of 1 to behind): its ssh-ed25519 key")
    assert "To accept it:" in check.advice


def test_no_python(fresh, checkup):
    machine = fresh.add()
    (machine.home / ".bashrc").write_text("PATH=/root/bin\n")
    (machine.home / "bin").mkdir()
    (machine.home / "bin" / "sh").symlink_to("/bin/sh")
    hide = """
        for one in /usr/bin/python3 /usr/local/bin/python3; do
            [ ! -f "$one" ] || mount --bind /dev/null "$one"
        done
        for one in /root/.pyenv /opt/*conda*; do
            [ ! -d "$one" ] || mount --bind /root/bin "$one"
        done
    """
    inside = ["nsenter", "-t", str(_shell_of(machine)), "-m", "sh", "-c", hide]
    subprocess.run(inside, check=True)
    check = assert_fails_at(checkup(fresh, "h1"), "h1", "Python")
    assert f"the notebook runs Python {PYTHON}" in check.found
    assert "no Python 3.8 or newer" in check.found
    assert "Install python3 there" in check.advice


def _shell_of(machine):
    """Return a process of a machine, in its mounts."""
    return psutil.Process(machine.process.pid).children()[0].pid


def test_another_python_that_cannot_be_downloaded(fresh, checkup, wanted):
    fresh.add(options="SetEnv UV_PYTHON_INSTALL_MIRROR=http://127.0.0.1:9/pythons")
    other = replace(wanted, lock=replace(wanted.lock, python="3.99"))
    check = assert_fails_at(checkup(fresh, "h1", wanted=other), "h1", "Python")
    assert "the notebook runs Python 3.99" in check.found
    assert PYTHON in check.found
    assert "refused" in check.found


def test_another_python_that_can_be_downloaded(fresh, checkup, wanted, index):
    mirror = index.removesuffix("/simple")
    fresh.add(options=f"SetEnv UV_PYTHON_INSTALL_MIRROR={mirror}")
    other = replace(wanted, lock=replace(wanted.lock, python="3.99"))
    check = checkup(fresh, "h1", wanted=other)["h1", "Python"]
    assert check.status is OK
    assert check.found.startswith("3.99 will be downloaded")


def own_python(lab, checkup, python):
    pool = Pool("cpu", 1, options={"hosts": ("h1",), "python": python})
    return checkup(lab, "h1", pool=pool)


def test_a_python_that_the_pool_names(lab, checkup, tmp_path):
    checks = own_python(lab, checkup, sys.executable)
    assert checks["h1", "Python"].found == f"{PYTHON} ({sys.executable})"
    assert checks["h1", "packages"].found == f"those of {sys.executable}"
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    check = assert_fails_at(own_python(lab, checkup, f"{bare}/bin/python"), "h1", "Python")
    assert "has no cloudpickle" in check.found
    check = assert_fails_at(own_python(lab, checkup, "/nowhere/python"), "h1", "Python")
    assert "/nowhere/python: not found" in check.advice


@pytest.mark.parametrize(("network", "status"), [("127.0.0.0/8", OK), ("10.250.0.0/24", FAILED)])
def test_a_network_of_the_profile(fresh, checkup, network, status):
    for _ in range(2):
        fresh.add()
    checks = checkup(fresh, "h1", "h2", options={"network": network})
    assert checks["h1", "network"].status is status
    assert ("no address in" in checks["h1", "network"].found) == (status is FAILED)


def test_a_full_disk(fresh, checkup):
    fresh.add(disks={".cache": "1m"})
    check = assert_fails_at(checkup(fresh, "h1"), "h1", "disk")
    assert "free in /root/.cache/jupyter-scale" in check.found
    assert "the environment needs about 10.0 MB" in check.found


def test_an_index_that_cannot_be_reached(fresh, checkup):
    use_index(fresh.add(), "http://me:secret@127.0.0.1:9/simple")
    checks = checkup(fresh, "h1")
    check = checks["h1", "packages"]
    assert check.status is WARNING
    assert check.found.startswith("http://127.0.0.1:9/simple cannot be reached")
    assert "packages will be sent from here" in check.found
    assert "secret" not in str(checks)


def test_leftovers_of_another_cluster(lab, checkup, h1, index):
    machine = lab.machines["h1"]
    folder = machine.home / ".cache" / "jupyter-scale" / "clusters" / "dead1"
    folder.mkdir(parents=True)
    run(h1, ["sh", "-c", "sleep 891 >&- 2>&- &"], env={MARK: "dead1"}, timeout_s=10)
    run(h1, ["sh", "-c", "sleep 892 >&- 2>&- &"], env={MARK: "mine"}, timeout_s=10)
    check = checkup(lab, "h1", known={"mine"})["h1", "leftovers"]
    assert check.status is WARNING
    assert check.found.startswith(
        "cluster dead1: 1 process, /root/.cache/jupyter-scale/clusters/dead1, for"
    )
    command = check.advice.splitlines()[-1].strip()
    assert command.startswith("ssh h1 'kill -9 ")
    script = command.removeprefix("ssh h1 '").removesuffix("'")
    run(h1, ["sh", "-c", script], timeout_s=10).check()
    assert checkup(lab, "h1", known={"mine"})["h1", "leftovers"].found == "none"
    assert "sleep 892" in machine.processes()
    run(h1, ["pkill", "-f", "^sleep 892"], timeout_s=10)


def test_hosts_that_do_not_see_each_other(possible, tmp_path, checkup):
    lab = SshLab(tmp_path, Network())
    try:
        lab.add()
        lab.add()
        h1 = lab.machines["h1"]
        # The second host believes that the first is at home: nothing gets there.
        subprocess.run(
            ["ip", "-n", lab.machines["h2"].namespace, "route", "add", "blackhole",
             f"{h1.address}/32"],
            check=True,
        )  # fmt: skip
        checks = checkup(lab, "h1", "h2")
        check = checks["h2", "network"]
        assert check.status is FAILED
        assert check.found.startswith(f"does not reach h1 at {h1.address}: ")
        assert "firewalls" in check.advice
        assert checks["h1", "network"].status is OK
        assert eventually(lambda: not h1.processes(), 5)
    finally:
        lab.close()


def test_one_that_is_ill_does_not_hold_back_the_others(fresh, checkup):
    fresh.add()
    fresh.configure("down", HostName=fresh.machines["h1"].address, Port=2)
    checks = checkup(fresh, "down", "h1")
    assert_fails_at(checks, "down", "port")
    assert checks["h1", "login"].status is OK
    assert checks["h1", "network"].status is SKIPPED


def test_one_host_by_two_names_and_too_few(lab, checkup):
    lab.configure("alias", HostName=lab.machines["h1"].address, Port=2222)
    checks = checkup(lab, "h1", "alias")
    assert checks["lab", "profile"].found == "'h1' and 'alias' are one host"
    checks = checkup(lab, "h1", min=2)
    assert checks["lab", "profile"].found == "pool 'cpu' is usable from 2 nodes on, and has 1"


def test_it_can_be_given_up(lab, wanted):
    pool = Pool("cpu", 1, options={"hosts": ("h1",)})
    profile = Profile("lab", "ssh", (pool,), options={"ssh_config": str(lab.ssh_config)})
    checks = examine(profile, None, wanted=wanted)
    assert next(checks).step == "name"
    checks.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("examine")]


def test_from_the_command_line(fresh, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    fresh.add()
    (tmp_path / "scale.toml").write_text(
        f'[clusters.lab]\nprovider = "ssh"\nssh_config = "{fresh.ssh_config}"\n'
        '[[clusters.lab.pools]]\nhosts = ["h1"]\n'
    )
    command = ["doctor", "lab", "--directory", str(tmp_path)]
    assert main(command) == 0
    assert " h1: login: as root\n" in capsys.readouterr().out
    fresh.known_hosts.write_text("")
    assert main([*command, "--json"]) == 1
    checks = {check["step"]: check for check in json.loads(capsys.readouterr().out)}
    assert checks["host key"]["status"] == "failed"
    assert "known_hosts" in checks["host key"]["advice"]
