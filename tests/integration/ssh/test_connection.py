"""Connecting: the ways in, and what is said when there is none."""

import os
import socket
import subprocess
import threading
import time

import pytest

from jupyter_scale.errors import HostError, HostLost
from jupyter_scale.transport.ssh.commands import run, start
from jupyter_scale.transport.ssh.config import resolve
from jupyter_scale.transport.ssh.connection import Connection
from jupyter_scale.transport.ssh.opening import Timeouts
from sshlab import PORT, make_key
from waiting import eventually


def hostname(connection):
    return run(connection, ["hostname"], timeout_s=10).check().stdout.decode().strip()


def refused(connect, lab, name, **options):
    with pytest.raises(HostError) as caught:
        connect(lab, name, **options)
    return caught.value


def test_steps_are_told(lab, connect):
    steps = []
    connection = connect(lab, on_step=lambda host, step: steps.append((host, step)))
    expected = ["resolve", "connect", "handshake", "host key", "authentication"]
    assert steps == [("h1", step) for step in expected]
    assert hostname(connection) == "h1"
    assert connection.is_open
    assert connection.is_alive()
    assert repr(connection) == f"<Connection to h1 (root@{lab.machines['h1'].address}:2222) open>"


def test_the_fast_cipher_is_agreed_on(h1):
    assert h1._wire.local_cipher == h1._wire.remote_cipher == "aes128-gcm@openssh.com"


def test_a_name_with_user_and_port(lab, connect):
    address = lab.machines["h1"].address
    lab.configure(address)
    assert hostname(connect(lab, f"root@{address}:{PORT}")) == "h1"


def test_closing_twice_is_fine_and_use_after_it_is_an_error(lab, connect):
    connection = connect(lab)
    connection.close()
    connection.close()
    assert not connection.is_open
    assert not connection.is_alive()
    with pytest.raises(HostLost, match="it was closed here"):
        run(connection, ["true"], timeout_s=5)


def test_many_at_once(lab, connect):
    names, errors = [], []

    def one():
        try:
            names.append(hostname(connect(lab)))
        except HostError as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert names == ["h1"] * 16


def test_unknown_name(lab, connect):
    lab.configure("nowhere", HostName="no-such-host.invalid")
    error = refused(connect, lab, "nowhere")
    assert error.step == "resolve"
    assert "no-such-host.invalid" in str(error)


def test_closed_port(lab, connect):
    lab.configure("closed", HostName=lab.machines["h1"].address, Port=1)
    error = refused(connect, lab, "closed")
    assert error.step == "connect"
    assert "nobody listens" in str(error)


def test_a_port_that_says_nothing(lab, connect):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        lab.configure("mute", HostName="127.0.0.1", Port=listener.getsockname()[1])
        began = time.monotonic()
        error = refused(connect, lab, "mute", timeouts=Timeouts(handshake_s=0.5))
    assert time.monotonic() - began < 5
    assert error.step == "handshake"
    assert "did not finish SSH's greeting within 0.5 s" in str(error)


@pytest.mark.parametrize("said", [b"HTTP/1.0 400 Bad\r\n\r\n", b"Exceeded MaxStartups\r\n", b""])
def test_a_port_that_hangs_up(lab, connect, said):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        port = listener.getsockname()[1]
        lab.configure(f"web{port}", HostName="127.0.0.1", Port=port)

        def answer():
            sock, _ = listener.accept()
            sock.sendall(said)
            sock.close()

        thread = threading.Thread(target=answer)
        thread.start()
        error = refused(connect, lab, f"web{port}")
        thread.join()
    assert error.step == "handshake"
    assert "does not speak SSH" in str(error)


def test_an_address_that_never_answers(lab, connect):
    with socket.socket() as listener:  # a full backlog swallows what comes
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        place = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(place)
        lab.configure("full", HostName=place[0], Port=place[1], ConnectTimeout=1)
        error = refused(connect, lab, "full")
        for filler in fillers:
            filler.close()
    assert error.step == "connect"
    assert "did not answer within 1 s" in str(error)


def test_no_key_at_all(lab, connect):
    lab.configure("keyless", HostName=lab.machines["h1"].address, Port=PORT, IdentityFile="none")
    error = refused(connect, lab, "keyless")
    assert error.step == "authentication"
    assert "there is no key to log in with" in str(error)
    assert "ssh-add" in str(error)


def test_a_key_that_the_host_does_not_know(lab, connect, tmp_path):
    key = make_key(tmp_path / "stranger")
    lab.configure("strange", HostName=lab.machines["h1"].address, Port=PORT, IdentityFile=key)
    error = refused(connect, lab, "strange")
    assert error.step == "authentication"
    assert f"{key}: not accepted" in str(error)
    assert "authorized_keys" in str(error)


def test_a_host_that_takes_passwords_only(fresh, connect):
    options = "AuthenticationMethods password\nPasswordAuthentication yes"
    fresh.add(options=options)
    error = refused(connect, fresh, "h1")
    assert "by password only" in str(error)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_kinds_of_keys(lab, connect, tmp_path, kind):
    key = make_key(tmp_path / kind, kind)
    authorized = lab.machines["h1"].home / ".ssh" / "authorized_keys"
    with authorized.open("a") as file:
        file.write((tmp_path / f"{kind}.pub").read_text())
    name = f"with-{kind}"
    lab.configure(name, HostName=lab.machines["h1"].address, Port=PORT, IdentityFile=key)
    assert hostname(connect(lab, name)) == "h1"


@pytest.fixture
def locked(lab, tmp_path):
    """A name of h1 whose only key has a passphrase."""
    key = make_key(tmp_path / "locked", "ed25519", "open sesame", "-a", "1")
    with (lab.machines["h1"].home / ".ssh" / "authorized_keys").open("a") as file:
        file.write((tmp_path / "locked.pub").read_text())
    name = f"locked-{tmp_path.name}"
    lab.configure(name, HostName=lab.machines["h1"].address, Port=PORT, IdentityFile=key)
    return name, key


def test_a_locked_key_and_nobody_to_ask(lab, connect, locked):
    error = refused(connect, lab, locked[0])
    assert f"{locked[1]}: needs its passphrase" in str(error)
    assert "ssh-add" in str(error)


def test_a_locked_key_is_opened(lab, connect, locked):
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return "open sesame" if len(asked) > 1 else "wrong"

    connection = connect(lab, locked[0], ask=ask)
    assert hostname(connection) == "h1"
    assert len(asked) == 2
    assert str(locked[1]) in asked[0]
    assert asked[1].startswith("That was wrong")


def test_whoever_is_asked_may_take_his_time(lab, connect, locked):
    def ask(prompt):
        time.sleep(1.5)  # longer than the host may be silent later
        return "open sesame"

    timeouts = Timeouts(keepalive_s=0.2, silence_s=1)
    assert hostname(connect(lab, locked[0], ask=ask, timeouts=timeouts)) == "h1"


def test_sending_and_hearing_nothing_is_not_silence(lab, connect):
    """The other end has nothing to say to what trickles in, and is asked all the same."""
    connection = connect(lab, timeouts=Timeouts(keepalive_s=0.3, silence_s=1))
    child = start(connection, ["sh", "-c", "exec cat >/dev/null"])
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        child.send(b"x")
        time.sleep(0.05)  # the trickle
    assert connection.is_open
    child.end()


def test_asking_again_and_again(h1):
    assert all(h1.is_alive(5) for _ in range(50))


def test_a_wrong_passphrase_is_in_no_message(lab, connect, locked):
    error = refused(connect, lab, locked[0], ask=lambda prompt: "sesame, open")
    assert f"{locked[1]}: the passphrase is wrong" in str(error)
    chain, seen = error, []
    while chain is not None:
        seen.append(repr(chain))
        chain = chain.__cause__ or chain.__context__
    assert "sesame" not in "".join(seen)


def test_an_open_key_goes_before_a_locked_one(lab, connect, locked):
    name = f"both-{locked[1].parent.name}"
    address = lab.machines["h1"].address
    lab.configure(name, HostName=address, Port=PORT, IdentityFile=f"{locked[1]}\n  IdentityFile "
                  f"{lab.key}")  # fmt: skip
    assert hostname(connect(lab, name, ask=pytest.fail)) == "h1"


@pytest.fixture
def agent(tmp_path):
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    assert eventually(path.exists, 10)
    yield path
    process.kill()
    process.wait(10)


def add_to_agent(agent, key):
    environment = {**os.environ, "SSH_AUTH_SOCK": str(agent)}
    subprocess.run(["ssh-add", "-q", key], env=environment, check=True)


def test_a_key_of_the_agent(lab, connect, agent, tmp_path):
    add_to_agent(agent, lab.key)
    options = {"HostName": lab.machines["h1"].address, "Port": PORT, "IdentityAgent": agent}
    lab.configure("by-agent", IdentityFile="none", **options, IdentitiesOnly="no")
    assert hostname(connect(lab, "by-agent")) == "h1"
    lab.configure("named-only", IdentityFile=tmp_path / "none", **options)
    assert "there is no key to log in with" in str(refused(connect, lab, "named-only"))


def test_the_agent_has_what_the_file_has_not(lab, connect, agent, tmp_path):
    """The public half of a key is enough to say which one of the agent's is meant."""
    for number in range(7):  # more than a host lets be tried
        add_to_agent(agent, make_key(tmp_path / f"other{number}"))
    add_to_agent(agent, lab.key)
    public = tmp_path / "mine.pub"
    public.write_text(lab.key.with_name(f"{lab.key.name}.pub").read_text())
    options = {"HostName": lab.machines["h1"].address, "Port": PORT, "IdentityAgent": agent}
    lab.configure("by-half", IdentityFile=public, **options)
    assert hostname(connect(lab, "by-half")) == "h1"


def test_an_agent_that_is_gone(lab, connect, tmp_path):
    options = {"HostName": lab.machines["h1"].address, "Port": PORT}
    lab.configure("no-agent", IdentityAgent=tmp_path / "gone", **options)
    assert hostname(connect(lab, "no-agent")) == "h1"


def test_a_proxy_command(lab, connect):
    address = lab.machines["h1"].address
    inside = (
        "import socket,sys,threading;s=socket.create_connection((sys.argv[1],int(sys.argv[2])))"
    )
    script = lab.directory / "proxy.py"
    script.write_text(inside.replace(";", "\n") + PROXY)
    lab.configure("proxied", HostName=address, Port=PORT, ProxyCommand=f"python3 {script} %h %p")
    connection = connect(lab, "proxied")
    assert hostname(connection) == "h1"
    connection.close()
    assert not any(str(script) in " ".join(line) for line in commands())


PROXY = """
import os
def up():
    while data := os.read(0, 65536):
        s.sendall(data)
    s.shutdown(1)
threading.Thread(target=up, daemon=True).start()
while data := s.recv(65536):
    os.write(1, data)
"""


def commands():
    import psutil

    return [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]


def test_a_proxy_command_that_fails(lab, connect):
    lab.configure("unproxied", ProxyCommand="false")
    error = refused(connect, lab, "unproxied")
    assert error.step == "handshake"
    assert "ProxyCommand 'false'" in str(error)


def test_keys_are_exchanged_anew_in_between(lab, connect, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from jupyter_scale.transport.ssh import wire

    monkeypatch.setattr(wire._Packets, "REKEY_BYTES", 1 << 20)
    connection = connect(lab)
    data = os.urandom(3 << 20)
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(run, connection, ["cat"], input=data, timeout_s=30) for _ in range(8)]
        assert all(call.result().stdout == data for call in calls)
    assert connection.is_alive()
    assert connection._wire.session_id != connection._wire.H  # which each exchange makes anew


def test_opening_leaves_the_config_as_it_was(lab):
    config = resolve("h1", lab.ssh_config)
    with Connection.open(config) as connection:
        assert connection.config == config
    assert not connection.is_open
