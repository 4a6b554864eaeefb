"""Files: whole or not at all, private, and with clear errors."""

import os
import time

import pytest

from jupyter_scale.errors import HostError
from jupyter_scale.transport.ssh.commands import run
from jupyter_scale.transport.ssh.files import Files
from sshlab import PORT


@pytest.fixture
def files(h1):
    with Files(h1) as files:
        yield files


@pytest.fixture
def home(lab):
    return lab.machines["h1"].home


def mode(path):
    return path.stat().st_mode & 0o777


def test_bytes_there_and_back(files, home):
    data = os.urandom(3 << 20)
    files.put_bytes(data, "blob")
    assert (home / "blob").read_bytes() == data
    assert mode(home / "blob") == 0o600
    assert files.get_bytes("blob") == data
    files.put_bytes(b"", "blob")
    assert files.get_bytes("blob") == b""
    assert files.size("blob") == 0


def test_files_there_and_back(files, home, tmp_path):
    data = os.urandom(5 << 20)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)
    seen = []
    files.put_file(source, "sent", mode=0o700, on_progress=lambda *step: seen.append(step))
    assert mode(home / "sent") == 0o700
    assert seen[-1] == (len(data), len(data))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) > 5
    seen.clear()
    target.write_text("old")
    files.get_file("sent", target, on_progress=lambda *step: seen.append(step))
    assert target.read_bytes() == data
    assert mode(target) == 0o600
    assert seen[-1] == (len(data), len(data))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_content_is_sent_once(files, home):
    data = os.urandom(1 << 20)
    seen = []
    path = files.put_content(data, "store/blobs", on_progress=lambda *step: seen.append(step))
    assert (home / path).read_bytes() == data
    assert mode(home / "store") == mode(home / "store/blobs") == 0o700
    inode = (home / path).stat().st_ino
    seen.clear()
    assert files.put_content(data, "store/blobs", on_progress=lambda *s: seen.append(s)) == path
    assert seen == [(1 << 20, 1 << 20)]
    assert (home / path).stat().st_ino == inode


def test_old_parts_are_removed(files, home):
    files.make_directory("parts")
    old, new = home / "parts" / "a.part", home / "parts" / "b.part"
    for part in (old, new):
        part.write_text("half")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    files.put_content(b"content", "parts")
    assert not old.exists()
    assert new.exists()


def test_directories(files, home):
    files.make_directory("one/two/three")
    files.make_directory("one/two/three")
    assert mode(home / "one") == 0o700
    files.put_bytes(b"", "one/file")
    assert sorted(files.list_directory("one")) == ["file", "two"]
    with pytest.raises(HostError, match="h1: one/file: there is a file of that name"):
        files.make_directory("one/file")
    files.remove("one/file")
    files.remove("one/file")
    assert files.size("one/file") is None


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda f: f.put_bytes(b"x", "nodir/x"), "h1: nodir/x: there is no such file or directory"),
        (lambda f: f.get_bytes("nothing"), "h1: nothing: there is no such file or directory"),
        (lambda f: f.put_bytes(b"x", "/proc/version/x"), "h1: /proc/version/x: "),
        (lambda f: f.get_bytes("/root"), "h1: /root: .*[Ii]s a directory"),
        (lambda f: f.list_directory("/root/none"), "h1: /root/none: there is no such"),
    ],
)
def test_errors_name_host_and_path(files, act, said):
    with pytest.raises(HostError, match=said):
        act(files)


def test_too_large_to_fetch(files):
    files.put_bytes(bytes(2000), "large")
    with pytest.raises(HostError, match="2000 bytes or more, and 1000 are allowed"):
        files.get_bytes("large", most_bytes=1000)
    with pytest.raises(HostError, match="and 1000000 are allowed"):
        files.get_bytes("/dev/zero", most_bytes=1_000_000)


def test_a_failed_transfer_leaves_nothing(files, home):
    def stop(done, total):
        raise KeyboardInterrupt

    source = home / "source"
    source.write_bytes(bytes(1 << 20))
    (home / "broken").mkdir()
    with pytest.raises(KeyboardInterrupt):
        files.put_file(source, "broken/x", on_progress=stop)
    assert list((home / "broken").iterdir()) == []
    assert files.size("source") == 1 << 20  # and the session goes on


def test_permission_denied(lab, connect):
    """For a user other than root, who may do everything."""
    address = lab.machines["h1"].address
    lab.configure("ubuntu", HostName=address, Port=PORT, User="ubuntu")
    connection = connect(lab, "ubuntu")
    run(connection, ["sh", "-c", "echo secret >x; chmod 0 x"], timeout_s=10).check()
    with Files(connection) as files:
        with pytest.raises(HostError, match=r"ubuntu: /etc/x: ubuntu may not do that there"):
            files.put_bytes(b"x", "/etc/x")
        with pytest.raises(HostError, match=r"ubuntu: x: .*[Pp]ermission denied"):
            files.get_bytes("x")
        with pytest.raises(HostError, match=r"/new: ubuntu may not do that there"):
            files.make_directory("/new")


def test_no_sftp(fresh, connect):
    fresh.add(options="Subsystem sftp /bin/false")
    with pytest.raises(HostError, match="it offers no SFTP"):
        Files(connect(fresh))
