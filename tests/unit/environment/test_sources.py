"""Where packages come from, as variables and pip's files have it."""

from __future__ import annotations

import pytest

from jupyter_scale.environment.node.sources import Sources, configured_sources, without_passwords

ONE, TWO = "https://one.example/simple", "https://two.example/simple"


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, Sources()),
        ({"PIP_INDEX_URL": ONE}, Sources(ONE)),
        ({"UV_INDEX_URL": ONE, "PIP_INDEX_URL": TWO}, Sources(ONE)),
        ({"UV_DEFAULT_INDEX": ONE}, Sources(ONE)),
        ({"PIP_EXTRA_INDEX_URL": f"{ONE} {TWO}"}, Sources(extra=(ONE, TWO))),
        ({"UV_FIND_LINKS": "/usr,/nonexistent,/bin"}, Sources(links=("/usr", "/bin"))),
        ({"PIP_EXTRA_INDEX_URL": f"file:///nonexistent {ONE}"}, Sources(extra=(ONE,))),
    ],
)
def test_variables(env, expected, tmp_path):
    assert configured_sources({"HOME": str(tmp_path), **env}) == expected


def test_files_of_pip(tmp_path):
    folder = tmp_path / ".config" / "pip"
    folder.mkdir(parents=True)
    (folder / "pip.conf").write_text(
        f"[global]\nindex-url = {ONE}\nextra-index-url =\n    {TWO}\n    {ONE}\n"
    )
    env = {"HOME": str(tmp_path)}
    assert configured_sources(env) == Sources(ONE, (TWO, ONE))
    special = tmp_path / "special.conf"
    special.write_text(f"[install]\nindex-url = {TWO}\n")
    assert configured_sources({**env, "PIP_CONFIG_FILE": str(special)}).index == TWO
    special.write_text("not a file of settings\n")
    assert configured_sources({**env, "PIP_CONFIG_FILE": str(special)}).index == ONE


def test_what_others_cannot_reach():
    sources = Sources("http://localhost:3141/x", (ONE, "http://127.0.0.1/x"), ("/wheels", TWO))
    assert sources.for_others() == Sources("", (ONE,), (TWO,))


def test_round_trip_and_no_password():
    sources = Sources("https://me:secret@one.example/simple", (ONE,), (TWO,))
    assert Sources.from_dict(sources.to_dict()) == sources
    assert "secret" not in repr(sources)
    assert "one.example" in repr(sources)
    assert (
        without_passwords("at https://a:b@c/d and https://e/f") == "at https://c/d and https://e/f"
    )
