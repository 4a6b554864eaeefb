"""Pure parts of SSH: the text of commands, the order of keys and algorithms, lines of JSON."""

import shutil
import subprocess
from pathlib import Path

import pytest

from jupyter_scale.transport.speaker import Lines
from jupyter_scale.transport.ssh.commands import _Kept
from jupyter_scale.transport.ssh.execution import command_text
from jupyter_scale.transport.ssh.identities import (
    KeyFile,
    WrongPassphrase,
    choose,
    load,
    parse,
    read,
)
from jupyter_scale.transport.ssh.wire import order_kinds
from sshlab import make_key

needs_keys = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
AWKWARD = ["plain", "a b", "it's", '"', "$HOME", "`x`", "\\", "new\nline", "*", "", "é", "-n", "!"]


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_text_of_a_command(shell, tmp_path):
    options = {"env": {"KEY": "it's $x"}, "cwd": str(tmp_path), "log": "the log"}
    script = 'printf "%s|" "$KEY" "$(basename "$PWD")" "$@"; echo lost >&2'
    text = command_text(["sh", "-c", script, "sh", *AWKWARD], "the-mark", **options)
    done = subprocess.run([shell, "-c", text], capture_output=True, check=True, text=True)
    mark, _, rest = done.stdout.removeprefix("\n").partition("\n")
    assert mark.startswith("the-mark ")
    assert mark.split()[1].isdigit()
    assert rest.split("|")[:-1] == ["it's $x", tmp_path.name, *AWKWARD]
    assert done.stderr == ""
    log = tmp_path / "the log"
    assert (log.read_text(), log.stat().st_mode & 0o777) == ("lost\n", 0o600)


@pytest.mark.parametrize("failing", [{"cwd": "/no/such"}, {"log": "/no/such/log"}])
def test_a_command_that_cannot_begin(failing):
    text = command_text(["echo", "begun"], "mark", **failing)
    done = subprocess.run(["sh", "-c", text], capture_output=True, check=False, text=True)
    assert done.returncode != 0
    assert "begun" not in done.stdout
    assert "/no/such" in done.stderr


@pytest.mark.parametrize(
    ("chunks", "kept"),
    [
        ([b"abc"], b"abc"),
        ([b"0123456789"], b"0123456789"),
        ([b"01234", b"56789"], b"0123456789"),
        ([b"01234567890"], b"01234\n[... 1 bytes are left out ...]\n67890"),
        ([b"x"] * 100, b"xxxxx\n[... 90 bytes are left out ...]\nxxxxx"),
        ([b"a" * 50, b"b" * 50], b"aaaaa\n[... 90 bytes are left out ...]\nbbbbb"),
    ],
)
def test_output_of_which_the_ends_are_kept(chunks, kept):
    output = _Kept(10)
    for chunk in chunks:
        output.add(chunk)
    assert output.bytes() == kept
    assert output.bytes() == kept


def test_host_key_algorithms():
    offered = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
    assert order_kinds(offered, ()) == offered
    assert order_kinds(offered, ("ssh-rsa",))[:2] == ("rsa-sha2-512", "rsa-sha2-256")
    assert order_kinds(offered, ("ssh-dss", "ecdsa-sha2-nistp256"))[0] == "ecdsa-sha2-nistp256"
    assert sorted(order_kinds(offered, ("ssh-rsa", "ssh-dss"))) == sorted(offered)


class Offered:
    """A key as an agent has it."""

    def __init__(self, blob):
        self.blob = blob

    def __repr__(self):
        return self.blob.decode()


def file(blob, *, is_locked=False, is_public=False):
    return KeyFile(Path(blob or "old"), "ssh-ed25519", is_locked, blob.encode(), is_public)


@pytest.mark.parametrize(
    ("agent", "files", "only", "chosen"),
    [
        ([], [], False, []),
        (["a", "b"], [], False, ["a", "b"]),
        (["a", "b"], [], True, []),
        (["a", "b"], [file("b")], False, ["b", "a"]),
        (["a", "b"], [file("b")], True, ["b"]),
        (["a", "b"], [file("b"), file("a")], True, ["b", "a"]),
        (["a"], [file("c")], False, ["a", file("c")]),
        (["a"], [file("c")], True, [file("c")]),
        ([], [file("x", is_locked=True), file("y")], False, [file("y"), file("x", is_locked=True)]),
        (["x"], [file("x", is_locked=True)], False, ["x"]),
        (["x"], [file("x", is_public=True)], True, ["x"]),
        ([], [file("x", is_public=True)], True, []),
        ([], [file("")], False, [file("")]),
    ],
)
def test_the_order_of_keys(agent, files, only, chosen):
    found = choose([Offered(key.encode()) for key in agent], files, identities_only=only)
    assert [key if isinstance(key, KeyFile) else repr(key) for key in found] == chosen


@needs_keys
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("passphrase", ["", "secret"])
@pytest.mark.parametrize("form", ["RFC4716", "PEM"])
def test_key_files(tmp_path, kind, passphrase, form):
    size = ["-b", "2048"] if kind == "rsa" else []
    path = make_key(tmp_path / "key", kind, passphrase, "-m", form, "-a", "1", *size)
    public = path.with_suffix(".pub").read_text().split()[0]
    found = read(path)
    assert found.kind == public
    assert found.is_locked == bool(passphrase)
    assert not found.is_public
    if passphrase:
        with pytest.raises(WrongPassphrase):
            load(found, "wrong")
    loaded = load(found, passphrase or None)
    assert loaded.can_sign()
    assert loaded.asbytes() == found.blob


@needs_keys
def test_half_a_key(tmp_path):
    path = make_key(tmp_path / "key")
    path.unlink()
    for one in (path, path.with_suffix(".pub")):
        found = read(one)
        assert found.is_public
        assert found.kind == "ssh-ed25519"


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
     "-----BEGIN OPENSSH PRIVATE KEY-----\n!!!\n-----END OPENSSH PRIVATE KEY-----\n",
     "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbg==\n-----END OPENSSH PRIVATE KEY-----\n"],
)  # fmt: skip
def test_what_is_no_key(text):
    assert parse(Path("x"), text) is None


@needs_keys
def test_a_damaged_key(tmp_path):
    path = make_key(tmp_path / "key")
    lines = path.read_text().splitlines()
    del lines[-2]
    path.write_text("\n".join(lines))
    found = read(path)
    with pytest.raises(ValueError, match="is damaged"):
        load(found)


def spoken(*chunks):
    left = list(chunks)

    def receive(timeout_s):
        if not left:
            raise TimeoutError
        return left.pop(0)

    return Lines("it", receive)


def test_lines_of_json():
    lines = spoken(b'{"a"', b": 1}\n{", b'"b": 2}\n{"c": 3}\n')
    assert not lines.has_line
    assert lines.read(1) == {"a": 1}
    assert [lines.read(1), lines.has_line] == [{"b": 2}, True]
    assert [lines.read(0), lines.has_line] == [{"c": 3}, False]
    assert lines.read(0) is None


def test_the_end_of_lines():
    lines = spoken(b"{}\nrest", b"")
    assert lines.read(1) == {}
    with pytest.raises(EOFError, match="it closed its standard output"):
        lines.read(1)
