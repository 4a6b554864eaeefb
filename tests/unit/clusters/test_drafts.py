"""Profiles that a form describes: what is added to a file, and what is refused of which field."""

import pytest

from jupyter_scale.clusters.drafts import add_profile, check_draft, to_toml
from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.errors import ProfileError, ProfileExists

SSH = {"provider": "ssh", "pools": [{"name": "cpu", "hosts": ["h1", "me@10.0.0.7:2222"]}]}
KEPT = """\
# Ours; ask Ada before you change it.
[clusters.lab]   # the old machines
provider = "ssh"
    [[clusters.lab.pools]]
    hosts = ['a',   # first
             'b']
"""


def test_a_profile_is_read_as_it_was_described():
    table = {
        **SSH,
        "idle_timeout": "30m",
        "scheduler_port": 8786,
        "network": None,
        "pools": [{"name": "cpu", "hosts": ["h1"], "workers": 2, "python": 'C:\\py "x"\x7f'}],
    }
    profile = check_draft("lab", table)
    assert (profile.name, profile.provider, profile.idle_timeout_s) == ("lab", "ssh", 1800)
    assert dict(profile.options) == {"scheduler_port": 8786}
    [pool] = profile.pools
    assert (pool.name, pool.workers, pool.options["hosts"]) == ("cpu", 2, ("h1",))
    assert pool.options["python"] == 'C:\\py "x"\x7f'


def test_the_text_of_a_profile():
    assert to_toml("a.b", {"provider": "aws", "max_cost": 20.5, "pools": [{"spot": True}, {}]}) == (
        '[clusters."a.b"]\n'
        'provider = "aws"\n'
        "max_cost = 20.5\n"
        '[[clusters."a.b".pools]]\n'
        "spot = true\n"
        '[[clusters."a.b".pools]]\n'
    )


@pytest.mark.parametrize(
    ("name", "table", "key", "complaint"),
    [
        ("a b", {}, "name", "found 'a b', expected a name of letters"),
        ("x", {"provider": "sssh"}, "provider", "There is no provider 'sssh'"),
        ("x", {"provider": "ssh", "pools": [{}]}, "hosts", "needs hosts, and has none"),
        ("x", {"provider": "ssh", "pools": [{"hosts": ["a", "a"]}]}, "hosts", "'a' is there twice"),
        ("x", {"provider": "ssh", "pools": [{"hosts": "a"}]}, "hosts", "found hosts = 'a'"),
        ("x", {"idle_timeout": "5s"}, "idle_timeout", "at least 10 s"),
        ("x", {"pools": [{"workers": 0}]}, "workers", "found workers = 0"),
        ("x", {"pools": 3}, "pools", "found pools = 3"),
        ("x", {"pools": [3]}, "pools", "found pools = 3, expected one or more"),
        ("x", {"speed": 3}, "speed", "unknown key 'speed'"),
        ("x", {"orphan_after": {}}, "orphan_after", "expected a text, a number"),
        ("x", {"orphan_after": float("nan")}, "orphan_after", "found nan"),
        ("x", {"pools": [{"worker_preload": [["a"]]}]}, "worker_preload", "found ['a']"),
        ("x", {"idle_timeout": "\ud800"}, "idle_timeout", "no Unicode text"),
        ("x", {"provider": "aws", "pools": [{"instance_type": "m5.large"}]}, "region", "missing"),
        (
            "x",
            {"provider": "aws", "region": "us-east-1", "pools": [{"instance_type": "M5"}]},
            "instance_type",
            "is no type of instances",
        ),
    ],
)
def test_what_is_refused_names_its_key(name, table, key, complaint):
    with pytest.raises(ProfileError) as caught:
        check_draft(name, table)
    assert caught.value.key == key
    assert complaint in caught.value.complaint
    assert "line" not in caught.value.complaint


@pytest.mark.parametrize("end", ["\n", ""])
def test_what_the_file_says_stays_as_it_is(tmp_path, end):
    path = tmp_path / "scale.toml"
    path.write_text(KEPT.rstrip("\n") + end)
    path.chmod(0o640)
    add_profile(path, "new", SSH)
    text = path.read_text()
    assert text.startswith(KEPT + "\n[clusters.new]\n")
    assert path.stat().st_mode & 0o777 == 0o640
    assert load_profile("lab", tmp_path).pools[0].options["hosts"] == ("a", "b")
    assert load_profile("new", tmp_path).pools[0].name == "cpu"
    assert [one.name for one in tmp_path.iterdir()] == ["scale.toml"]


def test_line_ends_stay_what_they_are(tmp_path):
    path = tmp_path / "scale.toml"
    path.write_bytes(KEPT.replace("\n", "\r\n").encode())
    add_profile(path, "new", SSH)
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n")
    assert load_profile("new", tmp_path).provider == "ssh"


def test_a_file_and_its_directory_are_made(tmp_path):
    path = tmp_path / "config" / "scale.toml"
    add_profile(path, "new", SSH)
    assert load_profile("new", tmp_path / "config").provider == "ssh"


def test_a_link_stays_one(tmp_path):
    (tmp_path / "dotfiles.toml").write_text(KEPT)
    (tmp_path / "scale.toml").symlink_to(tmp_path / "dotfiles.toml")
    add_profile(tmp_path / "scale.toml", "new", SSH)
    assert (tmp_path / "scale.toml").is_symlink()
    assert "[clusters.new]" in (tmp_path / "dotfiles.toml").read_text()


@pytest.mark.parametrize(
    ("before", "error", "message"),
    [
        (KEPT, ProfileExists, "a profile 'lab' already"),
        ("[clusters.lab\n", ProfileError, "is not valid TOML"),
        ("clusters = { old = {} }\n", ProfileError, "cannot be added behind the others"),
        ("clusters = 3\n", ProfileError, "found clusters = 3"),
    ],
)
def test_a_file_is_not_touched_when_it_cannot_be_added_to(tmp_path, before, error, message):
    path = tmp_path / "scale.toml"
    path.write_text(before)
    with pytest.raises(error, match=message):
        add_profile(path, "lab", SSH)
    assert path.read_text() == before


def test_a_directory_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ProfileError, match="cannot be changed"):
        add_profile(tmp_path / "file" / "scale.toml", "lab", SSH)
