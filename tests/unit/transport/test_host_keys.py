"""What known_hosts says of a key, line by line."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from jupyter_scale.errors import HostKeyError
from jupyter_scale.transport.ssh.hostkeys import (
    Changed,
    HostKey,
    Known,
    Revoked,
    Unknown,
    judge,
    known_kinds,
    parse,
    refusal,
)

ED, ED2 = HostKey("ssh-ed25519", b"ed one"), HostKey("ssh-ed25519", b"ed two")
RSA = HostKey("ssh-rsa", b"rsa one")
FILE = Path("/etc/known hosts")


def hashed(name):
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return "|1|" + "|".join(base64.b64encode(part).decode() for part in (salt, digest))


def lines(*texts):
    return parse(FILE, "\n".join(texts))


@pytest.mark.parametrize(
    ("names", "name", "is_covered"),
    [
        ("host", "host", True),
        ("HOST", "host", True),
        ("host", "HOST", True),
        ("host", "hos", False),
        ("host", "host.example.org", False),
        ("a,host,b", "host", True),
        ("*.example.org", "host.example.org", True),
        ("*.example.org", "example.org", False),
        ("h?st", "host", True),
        ("h?st", "hst", False),
        ("h.st", "host", False),
        ("*", "anything", True),
        ("*,!host", "host", False),
        ("!host,*", "host", False),
        ("*,!host", "other", True),
        ("!host", "other", False),
        ("[host]:2222", "[host]:2222", True),
        ("[host]:2222", "[host]:22", False),
        ("[h*]:*", "[host]:2222", True),
        ("[h]:2222", "h:2222", False),
        ("[::1]:2222", "[::1]:2222", True),
        (hashed("host"), "host", True),
        (hashed("[host]:2222"), "[host]:2222", True),
        (hashed("other"), "host", False),
        ("|1|not base64|x", "host", False),
        ("|2|a|b", "host", False),
    ],
)
def test_names(names, name, is_covered):
    verdict = judge(lines(f"{names} {ED.text}"), [name], ED)
    assert isinstance(verdict, Known if is_covered else Unknown)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ([f"host {ED.text}"], Known),
        ([f"host {ED.text} a comment"], Known),
        ([f"host {ED2.text}"], Changed),
        ([f"host {ED2.text}", f"host {ED.text}"], Known),
        ([f"host {RSA.text}"], Unknown),
        ([f"host {RSA.text}", f"host {ED2.text}"], Changed),
        ([f"other {ED2.text}"], Unknown),
        ([f"@revoked host {ED.text}"], Revoked),
        ([f"host {ED.text}", f"@revoked * {ED.text}"], Revoked),
        ([f"host {ED.text}", f"@revoked other {ED.text}"], Known),
        ([f"host {ED.text}", f"@revoked * {ED2.text}"], Known),
        ([f"@cert-authority host {ED.text}"], Unknown),
        ([f"@cert-authority host {ED2.text}", f"host {ED.text}"], Known),
        ([f"@unheard-of host {ED.text}"], Unknown),
        ([], Unknown),
        (["", "# host", "host", "host ssh-ed25519", "host ssh-ed25519 %%%"], Unknown),
        (["host 1024 35 12345", f"host {ED.text}"], Known),  # SSH 1 had three numbers
        ([f"#host {ED.text}"], Unknown),
        ([f"  host\t{ED.text}"], Known),
    ],
)
def test_verdicts(text, kind):
    assert type(judge(lines(*text), ["host"], ED)) is kind


def test_the_name_without_its_port_vouches_and_does_not_accuse():
    names = ["[host]:2222", "host"]
    assert isinstance(judge(lines(f"host {ED.text}"), names, ED), Known)
    assert isinstance(judge(lines(f"host {ED2.text}"), names, ED), Unknown)
    assert isinstance(judge(lines(f"@revoked host {ED.text}"), names, ED), Revoked)
    assert isinstance(judge(lines(f"[host]:2222 {ED2.text}"), names, ED), Changed)


def test_the_line_is_named():
    verdict = judge(lines("# comment", f"host {ED2.text}"), ["host"], ED)
    assert verdict == Changed(lines("#", f"host {ED2.text}")[0])
    assert verdict.line.place == "/etc/known hosts:2"


def test_known_kinds():
    found = lines(
        f"host {RSA.text}",
        f"other {ED.text}",
        f"@revoked host {ED2.text}",
        f"host {RSA.text}",
        f"* {ED.text}",
    )
    assert known_kinds(found, ["host"]) == ("ssh-rsa", "ssh-ed25519")


def test_a_fingerprint_is_as_openssh_writes_it():
    digest = base64.b64encode(hashlib.sha256(b"ed one").digest()).decode().rstrip("=")
    assert ED.fingerprint == f"SHA256:{digest}"


def refused(*text):
    verdict = judge(lines(*text), ["[host]:2222"], ED)
    return refusal("box", ["[host]:2222"], ED, verdict, Path("/my/known hosts"))


ACCEPT = f"echo '[host]:2222 {ED.text}' >> '/my/known hosts'"


@pytest.mark.parametrize(
    ("text", "said", "accept"),
    [
        ([], "not known", ACCEPT),
        (
            [f"[host]:2222 {RSA.text}"],
            "known are other types (ssh-rsa in /etc/known hosts:1)",
            ACCEPT,
        ),
        ([f"@cert-authority * {RSA.text}"], "/etc/known hosts:1 names an authority", ACCEPT),
        (
            [f"[host]:2222 {ED2.text}"],
            f"{ED.fingerprint}, but /etc/known hosts:1 has {ED2.fingerprint}",
            f"ssh-keygen -R '[host]:2222' -f '/etc/known hosts' && {ACCEPT}",
        ),
        ([f"[*]:2222 {ED2.text}"], "CHANGED", f"sed -i.bak 1d '/etc/known hosts' && {ACCEPT}"),
        ([f"@revoked * {ED.text}"], "revoked in /etc/known hosts:1", ""),
    ],
)
def test_refusals(text, said, accept):
    error = refused(*text)
    assert isinstance(error, HostKeyError)
    assert said in str(error)
    assert error.accept == accept
    assert accept in str(error)
    assert error.fingerprint == ED.fingerprint
    assert ED.fingerprint in str(error)
    assert error.host == "box"
