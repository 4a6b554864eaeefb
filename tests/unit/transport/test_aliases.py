"""The hosts that an ssh_config names."""

import pytest

from jupyter_scale.transport.ssh.aliases import read_aliases


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("Host a b\n  HostName 10.0.0.1\nhost c\n", ("a", "b", "c")),
        ("Host *\nHost a *.example.org !b ? d\n", ("a", "d")),
        ('Host=a\nHost = b\nHost "c"  # note\n# Host no\n', ("a", "b", "c")),
        ("Host a\nHost a b\n", ("a", "b")),
        ("Match host m exec true\n  User x\nHostName z\n", ()),
        ('Host "open\nHost a\n', ("a",)),
    ],
)
def test_names(tmp_path, text, names):
    path = tmp_path / "config"
    path.write_text(text)
    assert read_aliases(path) == names


def test_what_is_included_is_read_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ssh"
    (folder / "more").mkdir(parents=True)
    (folder / "config").write_text("Include more/*.conf missing\nHost last\nInclude config\n")
    (folder / "more" / "b.conf").write_text("Host b\n")
    (folder / "more" / "a.conf").write_text("Host a\n")
    assert read_aliases() == ("a", "b", "last")


def test_without_a_file_there_are_none(tmp_path):
    assert read_aliases(tmp_path / "none") == ()
