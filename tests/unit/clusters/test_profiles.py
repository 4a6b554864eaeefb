"""Profiles: what is read, and what is refused where."""

import pytest

from jupyter_scale.clusters.profiles import load_profile, parse_duration
from jupyter_scale.errors import ProfileError
from jupyter_scale.model.profile import Pool, Profile, embedded_profile

GOOD = """\
[clusters.lab]
provider = "local"
idle_timeout = "30m"
scheduler_port = 8786

[[clusters.lab.pools]]
name = "cpu"
workers = 4
min = 2
worker_preload = ["my_module"]

[clusters.small]
"""


def write(directory, text):
    directory.mkdir(exist_ok=True)
    (directory / "scale.toml").write_text(text)
    return directory


def test_reads_every_key(tmp_path):
    assert load_profile("lab", write(tmp_path, GOOD)) == Profile(
        name="lab",
        provider="local",
        pools=(Pool("cpu", 1, 2, 4, {"worker_preload": ("my_module",)}),),
        idle_timeout_s=1800.0,
        options={"scheduler_port": 8786},
    )


def test_a_table_without_keys_is_a_local_cluster(tmp_path):
    assert load_profile("small", write(tmp_path, GOOD)).pools == (Pool("pool1"),)


def test_local_always_exists(tmp_path):
    assert load_profile("local", tmp_path) == embedded_profile()


def test_local_can_be_declared(tmp_path):
    write(tmp_path, "[clusters.local]\n[[clusters.local.pools]]\nworkers = 3\n")
    assert load_profile("local", tmp_path).pools[0].workers == 3


def test_the_config_directory_comes_second(tmp_path):
    write(tmp_path / "config", '[clusters.a]\nidle_timeout = "1h"\n[clusters.b]\n')
    write(tmp_path / "here", "[clusters.a]\n")
    assert load_profile("a", tmp_path / "here").idle_timeout_s is None
    assert load_profile("a", tmp_path).idle_timeout_s == 3600
    assert load_profile("b", tmp_path / "here").name == "b"


def test_an_unknown_name_lists_what_exists_and_where(tmp_path):
    with pytest.raises(ProfileError) as caught:
        load_profile("lap", write(tmp_path, GOOD))
    message = str(caught.value)
    assert str(tmp_path / "scale.toml") in message
    assert str(tmp_path / "config" / "scale.toml") in message
    assert "did you mean 'lab'?" in message
    assert "lab, local, small" in message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5h", 5400), ("7d", 604800)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "-3m", "3 weeks", "1h30m"])
def test_what_is_no_duration(text):
    assert parse_duration(text) is None


POOL = "[clusters.x]\n[[clusters.x.pools]]\n"


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        ("[cluster.x]\n", 1, ["unknown key 'cluster'", "did you mean 'clusters'?"]),
        ("clusters = 3\n", 1, ["found clusters = 3", "tables [clusters.NAME]"]),
        ("[clusters]\nx = 3\n", 2, ["[clusters.NAME]"]),
        ("[clusters.x]\n\nidle_timout = '3m'\n", 3, ["'idle_timout'", "'idle_timeout'"]),
        ("[clusters.x]\nidle_timeout = 30\n", 2, ["found idle_timeout = 30", "duration"]),
        ("[clusters.x]\nidle_timeout = 'soon'\n", 2, ["found idle_timeout = 'soon'"]),
        ("[clusters.x]\nidle_timeout = '3s'\n", 2, ["at least 10 s"]),
        ("[clusters.x]\nprovider = 'lokal'\n", 2, ["no provider 'lokal'", "local"]),
        ("[clusters.x]\nprovider = 1\n", 2, ["found provider = 1", "text"]),
        ("[clusters.x]\nscheduler_port = 0\n", 2, ["a port from 1 to 65535"]),
        ("[clusters.x]\nscheduler_port = '80'\n", 2, ["found scheduler_port = '80'"]),
        ("[clusters.x]\nscheduler_port = true\n", 2, ["found scheduler_port = True"]),
        ("[clusters.x]\npools = 3\n", 2, ["found pools = 3", "[[clusters.x.pools]]"]),
        ("[clusters.x]\npools = []\n", 2, ["found pools = []"]),
        ("[clusters.x]\n[clusters.x.pools]\nworkers = 2\n", 2, ["[[clusters.x.pools]]"]),
        (POOL + "workers = 0\n", 3, ["found workers = 0", "from 1 to 1024"]),
        (POOL + "workers = -2\n", 3, ["found workers = -2"]),
        (POOL + "workers = 2.5\n", 3, ["found workers = 2.5"]),
        (POOL + "workers = 'two'\n", 3, ["found workers = 'two'"]),
        (POOL + "worker = 2\n", 3, ["unknown key 'worker'", "did you mean 'workers'?"]),
        (POOL + "count = 2\n", 3, ["found count = 2", "1 node at most"]),
        (POOL + "workers = 2\n# more\nmin = 3\n", 5, ["found min = 3", "from 1 to 2"]),
        (POOL + "name = 'a b'\n", 3, ["found name = 'a b'"]),
        (POOL + "worker_preload = 'a'\n", 3, ["found worker_preload = 'a'", "list of modules"]),
        (POOL + "worker_preload = [1]\n", 3, ["found worker_preload = [1]"]),
        (POOL + "[[clusters.x.pools]]\nname='b'\n", 3, ["found '2 pools'", "1 pool at most"]),
        (POOL + "workers=1\n[[clusters.x.pools]]\nworkers=0\n", 5, ["found workers = 0"]),
        ("[clusters.y]\nmin = 1\n" + "[clusters.x]\nmin = 1\n", 4, ["unknown key 'min'"]),
        ('[clusters."x"]\n"minn" = 1\n', 2, ["unknown key 'minn'"]),
    ],
)
def test_what_is_refused(tmp_path, text, line, parts):
    with pytest.raises(ProfileError) as caught:
        load_profile("x", write(tmp_path, text))
    message = str(caught.value)
    for part in (f"{tmp_path / 'scale.toml'}, line {line}:", *parts):
        assert part in message


def test_a_file_that_is_no_toml_is_refused_with_its_line(tmp_path):
    with pytest.raises(ProfileError, match=r"scale\.toml is not valid TOML: .*line 2"):
        load_profile("x", write(tmp_path, "[clusters.x]\na = = 1\n"))


def test_a_file_of_other_bytes_is_refused(tmp_path):
    (tmp_path / "scale.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile("x", tmp_path)


def test_round_trip():
    profile = Profile("a", "local", (Pool("p", 1, 1, 2, {"t": ("x",)}),), 3.0, {"port": 1})
    assert Profile.from_dict(profile.to_dict()) == profile
