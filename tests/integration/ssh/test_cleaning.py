"""The environments that hosts keep, removed side by side."""

import pytest

from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.providers.ssh.cleaning import clean_hosts

GONE = "1" * 20


@pytest.fixture
def kept(fresh):
    """Return a function that makes a machine which keeps an environment."""

    def make():
        machine = fresh.add()
        cache = machine.home / ".cache" / "jupyter-scale"
        directory = cache / "environments" / f"{GONE}-x86_64"
        directory.mkdir(parents=True)
        (directory / "file").write_bytes(bytes(5_000_000))
        return cache

    return make


def test_all_hosts_are_cleaned_and_one_that_is_down_is_told(fresh, kept):
    caches = [kept(), kept()]
    fresh.configure("down", HostName=fresh.machines["h1"].address, Port=2)
    options = {"ssh_config": str(fresh.ssh_config)}
    profiles = [
        Profile("lab", "ssh", (Pool("a", options={"hosts": ("h1", "down")}),), options=options),
        Profile("other", "ssh", (Pool("b", options={"hosts": ("h2", "h1")}),), options=options),
    ]
    cleaned = {one.host: one for one in clean_hosts(profiles, None, 3.0)}
    assert set(cleaned) == {"h1", "h2", "down"}
    assert cleaned["h1"].removed == cleaned["h2"].removed == ()  # they were used lately
    assert all(cache.exists() for cache in caches)
    cleaned = {one.host: one for one in clean_hosts(profiles, None, 0.0)}
    assert [one.hash for one in cleaned["h1"].removed] == [GONE]
    assert cleaned["h2"].removed[0].size_bytes == 5_000_000
    assert "nobody listens" in cleaned["down"].error
    assert not any(cache.exists() for cache in caches)
