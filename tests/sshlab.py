"""Machines with a real sshd, on this one: each with processes, a home and a name of its own.

A machine is a process in fresh pid, mount and UTS namespaces, so that killing that one process is
what a power cut is to a machine. Machines listen on loopback addresses that no other lab has, or
in network namespaces of their own, on links that can be cut and mended.
"""

import contextlib
import ctypes
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from sockets import ESTABLISHED, LISTENING, inodes_of, sockets_around
from waiting import eventually

PORT = 2222
SSHD = "/usr/sbin/sshd"
_CLONE_NEWNET = 0x40000000
_CONFIG = """\
ListenAddress {address}:{port}
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
PrintMotd no
MaxStartups 100:30:200
LogLevel VERBOSE
"""


def why_impossible():
    """Return why there can be no lab here, nothing where there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    for program in (SSHD, "unshare", "ip", "ssh-keygen"):
        if shutil.which(program) is None:
            return f"needs {program}"
    tried = subprocess.run(
        ["unshare", "-m", "-u", "-p", "-f", "true"], capture_output=True, check=False
    )
    return "" if tried.returncode == 0 else "needs namespaces"


def require_lab():
    """Skip where there can be no lab; in continuous integration that is a failure."""
    if why := why_impossible():
        if os.environ.get("CI"):
            pytest.fail(f"the SSH tests cannot run: {why}")
        pytest.skip(why)


def make_key(path, kind="ed25519", passphrase="", *options):
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", path, *options],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return path


class Machine:
    """One host; `home` is its /root, as seen from here. There is a user "ubuntu" on it as well."""

    port = PORT

    def __init__(
        self,
        lab,
        name,
        address,
        namespace,
        *,
        kinds=("ed25519",),
        disks=None,
        options="",
        shell="",
        hidden=(),
    ):
        self.lab, self.name, self.address, self.namespace = lab, name, address, namespace
        self.directory = lab.directory / name
        self.home = self.root = self.directory / "root"
        self.disks = disks or {}
        self.options = options
        self.shell, self.hidden = shell, hidden
        self.process = None
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        self.home.chmod(0o700)
        self.keys = {kind: make_key(self.directory / f"host_{kind}", kind) for kind in kinds}

    def public_keys(self):
        return [Path(f"{key}.pub").read_text().split()[:2] for key in self.keys.values()]

    def start(self):
        self.boot()
        ready = self._answers
        eventually(lambda: ready() or self.process.poll() is not None, 20)
        assert self.process.poll() is None, (self.directory / "out").read_text() + self.log()
        return self

    def boot(self):
        """Start it, without waiting until it answers."""
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        config = self.directory / "sshd_config"
        hosts = "".join(f"HostKey {key}\n" for key in self.keys.values())
        known = _CONFIG.format(address=self._listens_on(), port=self.port)
        if "Subsystem" not in self.options:
            known += "Subsystem sftp internal-sftp\n"
        config.write_text(f"{hosts}{self.options}\n{known}")  # of two lines the first counts
        home = shlex.quote(str(self.root))
        script = [f"hostname {self.name}"]
        for shared in _under_root():
            (self.root / shared.name).mkdir(exist_ok=True)
            script.append(f"mount --bind {shared} {home}/{shared.name}")
        script.append(f"mount --rbind {home} /root")
        script.append("mount -t tmpfs tmpfs /dev/shm")  # what a dead machine had there goes with it
        for disk, size in self.disks.items():
            (self.root / disk).mkdir(exist_ok=True)
            script.append(f"mount -t tmpfs -o size={size} tmpfs /root/{disk}")
        script += [f"mount --bind /dev/null {shlex.quote(str(path))}" for path in self.hidden]
        script += self._accounts()
        log = shlex.quote(str(self.directory / "sshd.log"))
        script.append(f"exec {SSHD} -D -f {shlex.quote(str(config))} -E {log}")
        command = ["unshare", "-m", "-u", "-p", "--fork", "--kill-child", "--mount-proc"]
        command += ["--propagation", "private", "bash", "-e", "-c", "\n".join(script)]
        if self.namespace:
            command = ["ip", "netns", "exec", self.namespace, *command]
        with (self.directory / "out").open("ab") as out:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _listens_on(self):
        return self.address

    def _accounts(self):
        """Return how root gets another shell, and how there comes to be a user, ubuntu."""
        lines = Path("/etc/passwd").read_text().splitlines()
        if self.shell:
            lines[0] = f"root:x:0:0:root:/root:{self.shell}"
        passwd = self.directory / "passwd"
        passwd.write_text("\n".join([*lines, "ubuntu:*:54321:54321::/home/ubuntu:/bin/bash", ""]))
        keys = "/root/.ssh/authorized_keys"
        return [
            f"mount --bind {shlex.quote(str(passwd))} /etc/passwd",
            "mount -t tmpfs -o size=64m tmpfs /home",
            f"install -D -o 54321 -g 54321 -m 600 {keys} /home/ubuntu/.ssh/authorized_keys",
            "chown -R 54321:54321 /home/ubuntu",
        ]

    def _answers(self):
        place = (self.address, self.port)
        with (
            contextlib.suppress(OSError),
            self.lab.inside(),
            socket.create_connection(place, 1) as sock,
        ):
            return sock.recv(4) == b"SSH-"
        return False

    def kill(self):
        """End all of its processes at once."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def log(self):
        with contextlib.suppress(FileNotFoundError):
            return (self.directory / "sshd.log").read_text()
        return ""

    def _members(self):
        """Return its processes, as psutil on this machine knows them."""
        own = []
        with contextlib.suppress(psutil.NoSuchProcess):  # the machine is down
            for child in psutil.Process(self.process.pid).children():
                own += [child, *child.children(recursive=True)]
        spaces = {_pid_namespace(process.pid) for process in own} - {None}
        return [p for p in psutil.process_iter() if _pid_namespace(p.pid) in spaces]

    def processes(self):
        """Return the command lines of its processes, but sshd's."""
        found = []
        for process in self._members():
            with contextlib.suppress(psutil.Error):
                command = process.cmdline()
                if command and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(command))
        return [command for command in found if not command.startswith(("sshd:", SSHD))]

    def find(self, *words):
        """Return its processes that have all these words in their command lines."""
        found = []
        for process in self._members():
            with contextlib.suppress(psutil.Error):
                if set(words) <= set(process.cmdline()):
                    found.append(process)
        return found

    def ports(self):
        """Return the addresses and ports on which its processes listen."""
        own = {inode for process in self._members() for inode in inodes_of(process.pid)}
        return {
            (one.address, one.port)
            for one in self._sockets()
            if one.state == LISTENING and one.inode in own
        }

    def callers(self):
        """Return how many connections to its sshd there are, also those that it has not taken."""
        place = (self.address, PORT)
        return sum(
            one.state == ESTABLISHED and (one.address, one.port) == place for one in self._sockets()
        )

    def _sockets(self):
        """Return what is in its network, which is ours unless it has one of its own."""
        return sockets_around(self.process.pid)


def _pid_namespace(pid):
    try:
        return Path(f"/proc/{pid}/ns/pid").readlink()
    except OSError:
        return None


def _under_root():
    """Return the folders of root's home in which this Python is."""
    prefixes = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve()}
    root = Path("/root")
    return {root / p.relative_to(root).parts[0] for p in prefixes if p.is_relative_to(root)}


class SshLab:
    """Machines h1, h2, ..., a user's key, ssh_config and known_hosts for them."""

    def __init__(self, directory, network=None):
        self.directory = Path(directory)
        self.network = network
        self.key = make_key(self.directory / "id_ed25519")
        self.known_hosts = self.directory / "known_hosts"
        self.known_hosts.touch()
        self.ssh_config = self.directory / "ssh_config"
        self.ssh_config.write_text("")
        self.machines = {}
        self._prefix = _free_prefix()

    def add(self, *, kinds=("ed25519",), disks=None, options="", shell="", hidden=(), start=True):
        """Make one more machine, and start it.

        It has host keys of those `kinds`, small file systems in its home (`disks`, name → size),
        more `options` of sshd, another login `shell` than bash, and no programs that are `hidden`.
        """
        number = len(self.machines) + 1
        if self.network is None:
            address, namespace = f"{self._prefix}.{number}", ""
        else:
            address, namespace = self.network.add_host()
        name = f"h{number}"
        machine = Machine(
            self,
            name,
            address,
            namespace,
            kinds=kinds,
            disks=disks,
            options=options,
            shell=shell,
            hidden=hidden,
        )
        shutil.copy(f"{self.key}.pub", machine.home / ".ssh" / "authorized_keys")
        self.trust(machine)
        self.machines[machine.name] = machine
        self.configure(machine.name, HostName=address, Port=PORT)
        return machine.start() if start else machine

    def configure(self, name, **options):
        """Write a section for a name; what was written of it before goes first."""
        given = {
            "User": "root",
            "IdentityFile": self.key,
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": self.known_hosts,
            "GlobalKnownHostsFile": "none",
            **options,
        }
        lines = "".join(f"  {option} {value}\n" for option, value in given.items())
        with self.ssh_config.open("a") as file:
            file.write(f"Host {name}\n{lines}")

    def trust(self, machine):
        """Write a machine's keys into known_hosts."""
        with self.known_hosts.open("a") as file:
            for kind, key in machine.public_keys():
                file.write(f"[{machine.address}]:{PORT} {kind} {key}\n")

    def inside(self):
        """Return a context in which sockets are made where the machines can be reached."""
        return contextlib.nullcontext() if self.network is None else self.network.inside()

    def close(self):
        for machine in self.machines.values():
            machine.kill()
        if self.network is not None:
            self.network.close()


def _free_prefix():
    """Return a loopback network on which nobody has our port."""
    while True:
        prefix = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}"
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((f"{prefix}.1", PORT))
            return prefix


class Network:
    """A switch with links to hosts and to the client, each in a network namespace.

    `hosts` are the namespaces of those that have a number.
    """

    client_address = "10.99.0.254"
    _made = 0

    def __init__(self):
        Network._made += 1
        self._name = f"js{os.getpid()}n{Network._made}"
        self.hosts = {}
        self._outsiders = []
        self.client = f"{self._name}c"
        self._switch = f"{self._name}s"
        for namespace in (self._switch, self.client):
            ip("netns", "add", namespace)
        ip_in(self._switch, "link add br0 type bridge", "link set br0 up")
        self._plug(self.client, "client", self.client_address)

    def _plug(self, namespace, port, address):
        # An address has its own hardware address: who knew the host before it still finds it.
        hardware = ":".join(f"{int(part):02x}" for part in f"2.0.{address}".split("."))
        ip_in(
            self._switch,
            f"link add {port} type veth peer name eth0 address {hardware} netns {namespace}",
            f"link set {port} master br0 up",
        )
        ip_in(
            namespace,
            "link set lo up",
            f"addr add {address}/24 dev eth0",
            "link set eth0 up",
        )

    def add_host(self):
        """Return address and namespace of a new host; the address ends in the host's number."""
        number = next(n for n in range(1, 254) if n not in self.hosts)
        namespace, address = f"{self._name}h{number}", f"10.99.0.{number}"
        self.hosts[number] = namespace
        ip("netns", "add", namespace)
        self._plug(namespace, f"port{number}", address)
        return address, namespace

    def remove_host(self, number):
        """Take a host away, whose processes have ended."""
        ip_in(self._switch, f"link del port{number}")
        ip("netns", "del", self.hosts.pop(number))

    def cut(self, number=1):
        """Pull a host's cable."""
        ip_in(self._switch, f"link set port{number} down")

    def mend(self, number=1):
        """Put it back; who asked for the host in vain does not make the next one fail."""
        ip_in(self._switch, f"link set port{number} up")
        ip_in(self.client, "neigh flush all")

    def move_client(self):
        """Let the client be another one: whoever sends to the one before hears nothing at all."""
        before, self.client_address = self.client_address, "10.99.0.250"
        ip_in(
            self.client,
            f"addr del {before}/24 dev eth0",
            f"addr add {self.client_address}/24 dev eth0",
        )

    def add_outsider(self):
        """Return the namespace of somebody who is on the same switch, and is nobody to anybody."""
        namespace = f"{self._name}o"
        ip("netns", "add", namespace)
        self._plug(namespace, "outsider", "10.99.0.253")
        self._outsiders.append(namespace)
        return namespace

    @contextlib.contextmanager
    def inside(self, namespace=""):
        """Let this thread, and those that it starts, make their sockets at the client, or there."""
        before = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{namespace or self.client}", os.O_RDONLY)
        try:
            _set_namespace(there)
            try:
                yield
            finally:
                _set_namespace(before)
        finally:
            os.close(before)
            os.close(there)

    def close(self):
        for namespace in (*self.hosts.values(), *self._outsiders, self.client, self._switch):
            ip("netns", "del", namespace)


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def ip_in(namespace, *commands):
    """Run commands of `ip` in a namespace, in one process."""
    subprocess.run(
        ["ip", "-n", namespace, "-batch", "-"],
        input="\n".join(commands),
        text=True,
        check=True,
        capture_output=True,
    )


def _set_namespace(descriptor):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
