"""ssh_config as OpenSSH reads it, and as far as it can be read without."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from jupyter_scale.errors import HostError
from jupyter_scale.transport.ssh import config
from jupyter_scale.transport.ssh.config import resolve, resolve_with
from jupyter_scale.transport.ssh.configfiles import read_files

TEXT = """
Host box
  HostName 10.0.0.7
  User ada
  Port 2200
  IdentityFile ~/.ssh/%n_key
  IdentityFile /keys/second
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile /known/one /known/two
  GlobalKnownHostsFile /known/all
  HostKeyAlias the-box
  ConnectTimeout 4
  AddressFamily inet
Host inner
  ProxyJump box,me@gate:2222
Host piped
  HostName 10.0.0.8
  ProxyCommand nc --via %h %p
  StrictHostKeyChecking no
Host *.lab !bad.lab
  User lab
Host *
  User everybody
  ConnectTimeout 9
"""


def without_openssh(name, path):
    return resolve_with(partial(read_files, path), name)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "ssh_config"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize("read", [resolve, without_openssh])
class TestBothWays:
    def test_a_section(self, read, path):
        box = read("box", path)
        assert (box.name, box.hostname, box.user, box.port) == ("box", "10.0.0.7", "ada", 2200)
        assert box.identity_files == (Path.home() / ".ssh/box_key", Path("/keys/second"))
        assert box.identities_only
        assert box.agent == ""
        assert box.user_known_hosts == (Path("/known/one"), Path("/known/two"))
        assert box.global_known_hosts == (Path("/known/all"),)
        assert box.known_names == ("the-box",)
        assert box.connect_timeout_s == 4
        assert box.family == config._FAMILIES["inet"]

    def test_what_the_name_says_goes_first(self, read, path):
        box = read("eve@box:22", path)
        assert (box.hostname, box.user, box.port) == ("10.0.0.7", "eve", 22)

    def test_patterns(self, read, path):
        assert read("one.lab", path).user == "lab"
        assert read("bad.lab", path).user == "everybody"
        assert read("elsewhere", path).connect_timeout_s == 9

    def test_jumps(self, read, path):
        first, second = read("inner", path).jumps
        assert (first.name, first.hostname, first.user) == ("box", "10.0.0.7", "ada")
        assert (second.hostname, second.user, second.port) == ("gate", "me", 2222)

    def test_a_command(self, read, path):
        assert read("piped", path).proxy_command == "nc --via 10.0.0.8 22"

    def test_an_address(self, read, path):
        plain = read("ada@[::1]:2222", path)
        assert (plain.hostname, plain.user, plain.port) == ("::1", "ada", 2222)

    def test_defaults(self, read, path):
        path.write_text("")
        box = read("box", path)
        assert (box.hostname, box.port, box.jumps, box.proxy_command) == ("box", 22, (), "")
        assert Path.home() / ".ssh" / "id_ed25519" in box.identity_files
        assert box.user_known_hosts[0] == Path.home() / ".ssh" / "known_hosts"

    def test_a_file_that_is_wrong(self, read, path):
        path.write_text("Host box\n  Port many\n")
        with pytest.raises(HostError) as caught:
            read("box", path)
        assert caught.value.step == "configuration"
        assert "ssh_config is" in str(caught.value)

    def test_a_file_that_is_not_there(self, read, tmp_path):
        with pytest.raises(HostError, match="nowhere"):
            read("box", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Include more\n", r"ssh_config:1 has 'Include'"),
        ("Host x\n\nMatch host y exec true\n", r"ssh_config:3 has 'Match exec'"),
    ],
)
def test_what_only_openssh_can_follow(path, text, said):
    path.write_text(text)
    with pytest.raises(HostError, match=said):
        without_openssh("box", path)


@pytest.mark.skipif(not shutil.which("ssh"), reason="needs OpenSSH")
def test_openssh_follows_all_of_it(path):
    more = path.with_name("more")
    more.write_text("Host box\n  Port 7\n")
    path.write_text(f"Include {more}\nMatch host box exec true\n  User matched\n")
    box = resolve("box", path)
    assert (box.port, box.user) == (7, "matched")
