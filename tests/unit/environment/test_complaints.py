"""What uv's last words mean: a table of what it really said."""

from __future__ import annotations

import pytest

from jupyter_scale.environment.node.complaints import TOO_OLD, packages_to_blame, refusal


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("  cause: Because there is no version of six==99.1 and you require six==99.1, we", "six"),
        ("  cause: Because no_such.one was not found in the package registry and", "no-such-one"),
        ("  cause: Because a was not found in the provided package locations and", "a"),
        (
            "  cause: Because tensorflow==2.3.0 has no wheels with a matching Python ABI tag",
            "tensorflow",
        ),
        ("  cause: Because x==1 has no wheels with a matching platform tag (e.g., `a`)", "x"),
        ("  cause: Because docopt==0.6.2 has no usable wheels and you require", "docopt"),
        ("error: Failed to download `foo @ https://127.0.0.1:9/foo-1.0.whl`", "foo"),
        ("error: Failed to build `dbus-python==1.3.2`", "dbus-python"),
        ("error: Failed to download and build `foo @ git+https://127.0.0.1:9/x/y@abc`", "foo"),
    ],
)
def test_a_package_is_to_blame(line, name):
    assert list(packages_to_blame(["Resolved 3 packages", line])) == [name]


def test_the_python_is_too_old_for_a_package():
    line = "Because the current Python version (3.11.2) does not satisfy Python>=3.11.5 and"
    line += " soupsieve==4.1.2 depends on Python>=3.11.5, we can conclude"
    assert packages_to_blame([line]) == {"soupsieve": TOO_OLD}


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["  cause: failed to write to file `/x`: No space left on device (os error 28)"], "disk"),
        (["error: Failed to build `a==1`", "No space left on device (os error 28)"], "disk"),
        (["error: failed to create directory: Permission denied (os error 13)"], "permission"),
        (["error: Failed to fetch: http://x", "cause: tcp connect error"], "index"),
        (["  cause: dns error: failed to lookup address information"], "index"),
        (["error: something new"], "install"),
        ([], "install"),
    ],
)
def test_nobody_is_to_blame(lines, code):
    assert packages_to_blame(lines) == {}
    refused = refusal("The installation", lines, 5_000_000, 7_000_000_000, "/cache")
    assert refused.code == code
    assert refused.next_step


def test_a_full_disk_says_how_much():
    refused = refusal("It", ["(os error 28)"], 5_000_000, 7_000_000_000, "/cache")
    assert "/cache: 5 MB are free. The environment needs about 7.0 GB." in refused.error


def test_passwords_are_not_shown():
    lines = ["error: Failed to fetch: https://me:secret@example.org/simple/x/"]
    assert refusal("It", lines, 0, 0, "/").last_lines == (
        "error: Failed to fetch: https://example.org/simple/x/",
    )
