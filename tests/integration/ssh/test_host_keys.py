"""Every verdict on a host's key, given by a real sshd, and accepted as the message says."""

import subprocess

import pytest

from jupyter_scale.errors import HostKeyError
from sshlab import PORT, make_key


def fingerprint(key):
    text = subprocess.run(
        ["ssh-keygen", "-l", "-f", key], check=True, capture_output=True, text=True
    ).stdout
    return text.split()[1]


def refused(connect, lab, name="h1"):
    with pytest.raises(HostKeyError) as caught:
        connect(lab, name)
    return caught.value


def accept(error):
    subprocess.run(["sh", "-c", error.accept], check=True, capture_output=True)


def known_name(machine):
    return f"[{machine.address}]:{PORT}"


def public(key):
    return " ".join(key.with_name(f"{key.name}.pub").read_text().split()[:2])


@pytest.fixture
def machine(fresh):
    return fresh.add()


def test_unknown(fresh, machine, connect):
    fresh.known_hosts.write_text("# nobody\n")
    error = refused(connect, fresh)
    assert error.fingerprint == fingerprint(machine.keys["ed25519"])
    assert error.fingerprint in str(error)
    assert error.accept in str(error)
    accept(error)
    assert connect(fresh).is_alive()


def test_changed(fresh, machine, connect, tmp_path):
    other = make_key(tmp_path / "other")
    line = f"{known_name(machine)} {public(other)}\n"
    fresh.known_hosts.write_text(f"# a comment\n{line}")
    error = refused(connect, fresh)
    assert "CHANGED" in str(error)
    assert f"{fresh.known_hosts}:2" in str(error)
    assert fingerprint(other) in str(error)
    assert error.fingerprint == fingerprint(machine.keys["ed25519"])
    assert f"ssh-keygen -R '{known_name(machine)}' -f {fresh.known_hosts}" in error.accept
    accept(error)
    assert connect(fresh).is_alive()


def test_changed_on_a_pattern(fresh, machine, connect, tmp_path):
    other = make_key(tmp_path / "other")
    fresh.known_hosts.write_text(f"[127.*]:{PORT} {public(other)}\n")
    error = refused(connect, fresh)
    assert error.accept.startswith("sed -i.bak 1d ")
    accept(error)
    assert connect(fresh).is_alive()


def test_revoked(fresh, machine, connect):
    with fresh.known_hosts.open("a") as file:
        file.write(f"@revoked * {public(machine.keys['ed25519'])}\n")
    error = refused(connect, fresh)
    assert "revoked" in str(error)
    assert f"{fresh.known_hosts}:2" in str(error)
    assert error.accept == ""


def test_one_revoked_line_leaves_the_others(fresh, machine, connect, tmp_path):
    text = fresh.known_hosts.read_text()
    fresh.known_hosts.write_text(f"@revoked * {public(make_key(tmp_path / 'bad'))}\n{text}")
    assert connect(fresh).is_alive()


def test_hashed(fresh, machine, connect):
    subprocess.run(["ssh-keygen", "-H", "-f", fresh.known_hosts], check=True, capture_output=True)
    assert machine.address not in fresh.known_hosts.read_text()
    assert connect(fresh).is_alive()


@pytest.mark.parametrize("names", ["[127.*]:2222", "other,[127.?*]:*", "*"])
def test_patterns(fresh, machine, connect, names):
    fresh.known_hosts.write_text(f"{names} {public(machine.keys['ed25519'])}\n")
    assert connect(fresh).is_alive()


def test_a_pattern_that_leaves_the_host_out(fresh, machine, connect):
    key = public(machine.keys["ed25519"])
    fresh.known_hosts.write_text(f"*,!{known_name(machine)} {key}\n")
    # The name without its port is covered, and OpenSSH takes that for good; so both are left out.
    fresh.known_hosts.write_text(f"*,!{known_name(machine)},!{machine.address} {key}\n")
    assert "is not known" in str(refused(connect, fresh))


def test_an_alias(fresh, machine, connect):
    fresh.configure("alias", HostName=machine.address, Port=PORT, HostKeyAlias="the-host")
    fresh.known_hosts.write_text(f"the-host {public(machine.keys['ed25519'])}\n")
    assert connect(fresh, "alias").is_alive()
    fresh.known_hosts.write_text("")
    error = refused(connect, fresh, "alias")
    accept(error)
    assert fresh.known_hosts.read_text().startswith("the-host ")
    assert connect(fresh, "alias").is_alive()


def test_the_stored_type_of_key_is_asked_for(fresh, connect):
    machine = fresh.add(kinds=("ed25519", "ecdsa", "rsa"))
    for kind in ("rsa", "ecdsa"):
        fresh.known_hosts.write_text(f"{known_name(machine)} {public(machine.keys[kind])}\n")
        connection = connect(fresh)
        assert connection.is_alive()
        assert kind in connection._wire.host_key_type


def test_another_type_than_the_stored_one(fresh, machine, connect, tmp_path):
    rsa = make_key(tmp_path / "rsa", "rsa")
    fresh.known_hosts.write_text(f"{known_name(machine)} {public(rsa)}\n")
    error = refused(connect, fresh)
    assert "is not known" in str(error)
    assert f"ssh-rsa in {fresh.known_hosts}:1" in str(error)


def test_an_authority_vouches_for_nothing(fresh, machine, connect, tmp_path):
    authority = make_key(tmp_path / "authority")
    fresh.known_hosts.write_text(f"@cert-authority * {public(authority)}\n")
    error = refused(connect, fresh)
    assert f"{fresh.known_hosts}:1 names an authority" in str(error)


def test_a_certificate_alone_is_refused(fresh, connect, tmp_path):
    machine = fresh.add(start=False)
    authority = make_key(tmp_path / "authority")
    key = machine.keys["ed25519"]
    sign = ["ssh-keygen", "-q", "-s", authority, "-h", "-I", "h1", f"{key}.pub"]
    subprocess.run(sign, check=True)
    certificate = "ssh-ed25519-cert-v01@openssh.com"
    machine.options = f"HostCertificate {key}-cert.pub\nHostKeyAlgorithms {certificate}"
    machine.start()
    assert "certificates of hosts are not supported" in str(refused(connect, fresh))


@pytest.mark.parametrize("strict", ["no", "accept-new"])
def test_a_lax_config_weakens_nothing(fresh, machine, connect, strict):
    fresh.known_hosts.write_text("")
    fresh.configure("lax", HostName=machine.address, Port=PORT, StrictHostKeyChecking=strict)
    assert "is not known" in str(refused(connect, fresh, "lax"))
    assert fresh.known_hosts.read_text() == ""


def test_a_host_that_is_not_trusted_is_told_nothing(fresh, machine, connect):
    fresh.known_hosts.write_text("")
    refused(connect, fresh)
    assert "Accepted publickey" not in machine.log()
    assert "Failed publickey" not in machine.log()
