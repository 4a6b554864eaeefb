"""Instances as machines: what boots, lives and ends when the API says so, and what says so back."""

import base64
import os
import shlex
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import awscloudinit
from awsimds import ADDRESS, Imds, document
from sshlab import Machine, Network, ip_in
from waiting import eventually

#: Ways to boot. A stranger has another host key than the user data gave it.
BOOTS = ("well", "dies", "silent", "stranger")
_UID = 54321
_SHUTDOWN = """\
#!/bin/sh
# Power goes off at once; pid 1 is sshd, and with it goes everything.
case "$(basename "$0") $*" in
  "shutdown -h now" | "shutdown -P now" | "shutdown -h +0" | poweroff*) kill -TERM 1 ;;
  *) echo "this machine knows no: $(basename "$0") $*" >&2; exit 1 ;;
esac
"""
_ENVIRONMENT = {**awscloudinit._ENVIRONMENT, "TERM": "dumb"}


class Ec2Network(Network):
    """A lab's network where hosts can have public addresses and a metadata service."""

    def __init__(self):
        super().__init__()
        ip_in(self.client, "route add 203.0.113.0/24 dev eth0")

    def publish(self, number):
        """Give a host a public address (of those that are for documentation); return it."""
        address = f"203.0.113.{number}"
        ip_in(self.hosts[number], f"addr add {address}/32 dev eth0")
        return address

    def move_client(self, last):
        """Give the client another address, which ends in `last`, as in another café."""
        old, self.client_address = self.client_address, f"10.99.0.{last}"
        ip_in(
            self.client,
            f"addr del {old}/24 dev eth0",
            f"addr add {self.client_address}/24 dev eth0",
            "route add 203.0.113.0/24 dev eth0",
        )

    def serve_metadata(self, number):
        """Give a host the address of the metadata service."""
        ip_in(self.hosts[number], f"addr add {ADDRESS[0]}/32 dev lo")


class Ec2Machine(Machine):
    """A machine as an Amazon image makes it, but that it has neither systemd nor sudo.

    `home` is the one user's. /var/lib, /var/log and /run are its own and begin empty.
    """

    port = 22

    def __init__(self, lab, name, address, namespace, *, user, user_data, key):
        self.user = user
        super().__init__(lab, name, address, namespace)
        self.root.chmod(0o711)  # so that its user can run a Python that is below /root
        self.home = self.directory / "home"
        self.home.mkdir()
        os.chown(self.home, _UID, _UID)
        for folder in ("var-lib", "var-log", "sbin"):
            (self.directory / folder).mkdir()
        shutdown = self.directory / "sbin" / "shutdown"
        shutdown.write_text(_SHUTDOWN)
        shutdown.chmod(0o755)
        (self.directory / "sbin" / "poweroff").symlink_to("shutdown")
        self._user_data = self.directory / "user-data"
        self._user_data.write_bytes(user_data)
        self._key = key

    def set_host_keys(self, ssh_keys):
        """Take the ed25519 host key of user data."""
        if private := ssh_keys.get("ed25519_private"):
            self.keys["ed25519"].write_text(private)
            Path(f"{self.keys['ed25519']}.pub").write_text(ssh_keys["ed25519_public"])

    def _listens_on(self):
        return "0.0.0.0"

    def _accounts(self):
        """Return how the machine comes to its folders and its user, and what cloud-init does."""
        lines = Path("/etc/passwd").read_text().splitlines()
        home = f"/home/{self.user}"
        passwd = self.directory / "passwd"
        account = f"{self.user}:*:{_UID}:{_UID}::{home}:/bin/bash"
        passwd.write_text("\n".join([*lines, account, ""]))
        own = self.directory
        binds = {
            own / "passwd": "/etc/passwd",
            own / "var-lib": "/var/lib",
            own / "var-log": "/var/log",
            own / "sbin": "/usr/local/sbin",
        }
        if Path("/usr/sbin/shutdown").exists():
            binds[own / "sbin" / "shutdown"] = "/usr/sbin/shutdown"
        cloudinit = [sys.executable, "-P", awscloudinit.__file__]
        return [
            *(shlex.join(["mount", "--bind", str(a), b]) for a, b in binds.items()),
            "mount -t tmpfs -o size=64m,mode=755 tmpfs /run",
            "mkdir /run/sshd",
            "mount -t tmpfs -o size=1m,mode=755 tmpfs /home",
            f"mkdir {home}",
            shlex.join(["mount", "--bind", str(self.home), home]),
            shlex.join([*cloudinit, "files", str(self._user_data), self.user, self._key]),
            shlex.join([*cloudinit, "commands", str(self._user_data)]) + " &",
        ]

    def path(self, inside):
        """Return where a file of the machine is, seen from here."""
        own = {"/var/lib": "var-lib", "/var/log": "var-log", f"/home/{self.user}": "home"}
        for folder, name in {**own, "/root": "root"}.items():
            if inside.startswith(f"{folder}/"):
                return self.directory / name / inside.removeprefix(f"{folder}/")
        raise ValueError(f"{inside} is not the machine's own")

    def run(self, *command, timeout_s=60):
        """Run a command on the machine as root; return what it prints, raise if it fails."""
        inner = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        done = subprocess.run(
            ["nsenter", "-t", inner.split()[0], "-m", "-u", "-p", "-n", "--", *command],
            env=_ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout


class Ec2Instance:
    """One instance: what moto knows of it (`api`), and its machine while it lives."""

    def __init__(self, lab, api, how, user, key):
        self.lab, self.api, self.how = lab, api, how
        self.id = api.id
        self.user, self.key = user, key
        self.user_data = awscloudinit.parse(raw := as_bytes(api.user_data))
        self.address, self.namespace = lab.network.add_host()
        self.number = int(self.address.rpartition(".")[2])
        self.public_address = lab.network.publish(self.number) if api.public_ip else ""
        self.machine = Ec2Machine(
            lab, self.id, self.address, self.namespace, user=user, user_data=raw, key=key
        )
        if how != "stranger":
            self.machine.set_host_keys(self.user_data.ssh_keys)
        self.spot_action = ""
        self.silent = how == "silent"
        self.unheard = set()
        self.imds = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._off = threading.Event()
        self._set_state("pending", 0)
        api.launch_time -= timedelta(seconds=lab.launched_ago_s)
        nic = api.nics[0]
        nic.private_ip_address = self.address
        nic.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": self.address}]
        nic.public_ip = self.public_address or None
        self._life = threading.Thread(target=self._live, name=f"life of {self.id}")

    def begin(self):
        self._life.start()

    @property
    def state(self):
        return self.api._state.name

    @property
    def groups(self):
        return self.api.nics[0].group_set

    def _set_state(self, name, code):
        self.api._state.name, self.api._state.code = name, code

    def _live(self):
        self.lab.network.serve_metadata(self.number)
        with self.lab.network.inside(self.namespace):
            self.imds = Imds(self._metadata)
        try:
            self._run()
        finally:
            self.imds.close()
            self.lab.unplug(self)
            self._set_state("terminated", 48)
            self._ended.set()

    def _run(self):
        with self._lock:
            if self._off.is_set():
                return
            if self.how == "dies":
                self._reason("Server.InternalError", "Internal error on launch")
                return
            if not self.silent:
                self.machine.boot()
            self._set_state("running", 16)
        if self.silent or self.machine.process.wait() != 0:
            self._off.wait()  # without power an instance is, for the API, still running
            return
        with self._lock:
            if self._off.is_set():
                return
            self._reason("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
            self.api.nics[0].public_ip = None
            stays = self.api.instance_initiated_shutdown_behavior == "stop"
            if stays:
                self._set_state("stopped", 80)
        if stays:
            self._off.wait()

    def _reason(self, code, message):
        self.api.state_reason = type(self.api.state_reason)(f"{code}: {message}", code)

    def terminate(self):
        """End it, as the API asks; it takes a moment."""
        with self._lock:
            if not self._ended.is_set():
                self._set_state("shutting-down", 32)
            self._off.set()
            self.machine.kill()

    def crash(self):
        """Take the power away; the API goes on to call it running."""
        with self._lock:
            self.silent = True
            self.machine.kill()
        self.lab.enforce_groups()

    def cut(self):
        """Pull its cable."""
        self.lab.network.cut(self.number)

    def mend(self):
        self.lab.network.mend(self.number)

    def wait_until(self, *states, timeout_s=20):
        assert eventually(lambda: self.state in states, timeout_s), self.state

    def wait_for_ssh(self, timeout_s=20):
        out = self.machine.directory / "out"
        assert eventually(self.machine._answers, timeout_s), out.read_text() + self.machine.log()

    def run(self, *command, timeout_s=60):
        return self.machine.run(*command, timeout_s=timeout_s)

    def read(self, path):
        """Return the text of a file on the machine, also when that is gone."""
        return self.machine.path(path).read_text()

    def close(self):
        self.terminate()
        self._life.join(20)
        assert not self._life.is_alive(), f"{self.id} does not end"

    def interrupt(self, action="terminate", when=None):
        """Set a spot notice, as two minutes before Amazon takes it back."""
        moment = when or datetime.now(UTC) + timedelta(minutes=2)
        time = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.spot_action = f'{{"action": "{action}", "time": "{time}"}}'

    def reclaim(self):
        """Take a spot instance back, as Amazon does after the notice."""
        self._reason("Server.SpotInstanceTermination", "Instance terminated by Amazon EC2")
        self.terminate()

    def _metadata(self):
        zone = self.api.placement.zone
        spot = self.api.lifecycle == "spot"
        facts = {
            "instanceId": self.id,
            "instanceType": self.api.instance_type,
            "imageId": self.api.image_id,
            "region": zone[:-1],
            "availabilityZone": zone,
            "privateIp": self.address,
            "accountId": self.api.owner_id,
            "architecture": self.api.architecture,
        }
        tree = {
            "meta-data/ami-id": self.api.image_id,
            "meta-data/instance-id": self.id,
            "meta-data/instance-life-cycle": "spot" if spot else "on-demand",
            "meta-data/instance-type": self.api.instance_type,
            "meta-data/local-ipv4": self.address,
            "meta-data/placement/availability-zone": zone,
            "meta-data/placement/region": facts["region"],
            "dynamic/instance-identity/document": document(facts),
        }
        if self.public_address:
            tree["meta-data/public-ipv4"] = self.public_address
        if self.spot_action:
            tree["meta-data/spot/instance-action"] = self.spot_action
        return tree


def as_bytes(user_data):
    """Return the bytes of user data, which moto keeps in an encoding of its own."""
    return b"" if user_data is None else base64.b64decode(user_data.as_bytes())
