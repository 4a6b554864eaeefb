"""Environments on a host, made for real: once, twice, at once, and against all odds."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_scale.environment import launch
from jupyter_scale.environment.additions import additions_path
from jupyter_scale.environment.host import ask
from jupyter_scale.environment.prepare import Needs, prepare
from jupyter_scale.errors import EnvironmentFailed
from localhost import LocalHost, end, wait_for_step
from waiting import eventually


@pytest.fixture
def offline_host(host, wheels):
    """A host whose only packages are the tiny wheels."""
    host.env.update(UV_FIND_LINKS=str(wheels), UV_NO_INDEX="1")
    return host


@pytest.fixture
def gate(offline_host, programs, tmp_path):
    """A pipe that installations on the host wait for: they go on when it is opened, or gone."""
    pipe = tmp_path / "gate"
    os.mkfifo(pipe)
    gated = tmp_path / "gated"
    gated.mkdir()
    uv = gated / "uv"
    uv.write_text(
        "#!/bin/sh\n"
        f'if [ "$2" = install ] && [ -p {pipe} ]; then touch {pipe}.begun; read go <{pipe}; fi\n'
        f'exec {programs}/uv "$@"\n'
    )
    uv.chmod(0o755)
    offline_host.env["PATH"] = f"{gated}:{offline_host.env['PATH']}"
    return pipe


def wait_at_gate(process, pipe):
    """Wait until an installation is at the gate."""
    wait_for_step(process, "installing")
    assert eventually(pipe.with_name("gate.begun").exists, 20)


def open_gate(pipe):
    """Let the installation that waits go on, and later ones not wait."""
    with pipe.open("w") as file:
        pipe.unlink()
        file.write("go\n")


def make_request(wanted, **fields):
    lock = wanted.lock
    request = {"op": "make", "hash": lock.hash, "python": lock.python, "platform": lock.platform}
    pins = [{"name": pin.name, "version": pin.version} for pin in lock.pins]
    return {**request, "pins": pins, "carried": [], "verify": [], **fields}


def start(host, request):
    return host.start(launch.command(), [launch.standard_input(request)])


def imported(python, source):
    return subprocess.run(
        [python, "-I", "-c", source], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_first_and_second_time(offline_host, prepared):
    wanted = prepared("tiny-a==1.0", "tiny-b==1.0", needs=Needs(("tiny-a",), ("tiny_a",)))
    steps = []
    first = prepare(offline_host, wanted, steps.append)
    assert not first.was_complete
    assert first.unmatched == ()
    assert [step.step for step in steps][:2] == ["python", "packages"]
    assert imported(first.python, "import tiny_a; print(tiny_a.version)") == "1.0"
    assert imported(first.python, "import tiny_a; print(tiny_a.__file__)").startswith(
        first.site_packages
    )
    before = offline_host.conversations
    second = prepare(offline_host, wanted, steps.append)
    assert second == replace(first, was_complete=True, seconds=second.seconds)
    assert second.seconds < 0.3
    assert offline_host.conversations == before + 1


def test_from_the_index(host, prepared):
    made = prepare(host, prepared("iniconfig==2.0.0"))
    assert made.unmatched == ()
    assert imported(made.python, "import iniconfig; print('fine')") == "fine"


def test_a_package_is_added_and_another_changed(offline_host, prepared):
    first = prepare(offline_host, prepared("tiny-a==1.0"))
    second = prepare(offline_host, prepared("tiny-a==2.0", "tiny-b==1.0"))
    assert imported(second.python, "import tiny_a, tiny_b; print(tiny_a.version)") == "2.0"
    assert imported(first.python, "import tiny_a; print(tiny_a.version)") == "1.0"


def test_a_running_process_finds_what_was_added(offline_host, prepared, tmp_path):
    first = prepare(offline_host, prepared("tiny-a==1.0"))
    source = (
        "import sys, tiny_a; sys.stdin.readline();"
        "sys.path.append(sys.argv[1]); from jupyter_scale.environment import additions;"
        "from pathlib import Path; from importlib.metadata import version;"
        "additions.look_there(Path(sys.argv[2])); import tiny_b;"
        "print(tiny_b.__file__, version('tiny-b'), version('tiny-a'))"
    )
    second = prepare(offline_host, prepared("tiny-a==1.0", "tiny-b==1.0"))
    ours = str(Path(launch.__file__).parents[2])
    Path(additions_path(str(tmp_path))).write_text(f"/nowhere\n{second.site_packages}\n")
    arguments = [ours, str(tmp_path)]
    found = subprocess.run(
        [first.python, "-I", "-c", source, *arguments],
        input="go\n",
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert found.startswith(second.site_packages)
    assert found.split()[1:] == ["1.0", "1.0"]


def test_additions_are_not_tried_again(offline_host, prepared):
    needs = Needs((), ("tiny_a",))
    prepare(offline_host, prepared("tiny-a==1.0", needs=needs))
    broken = Needs((), ("no_such_module",))
    made = prepare(offline_host, prepared("tiny-a==1.0", "tiny-b==1.0", needs=broken))
    assert made.unmatched == ()
    with pytest.raises(EnvironmentFailed, match="cannot be imported") as caught:
        prepare(offline_host, prepared("tiny-a==2.0", needs=broken))
    assert "no_such_module" in caught.value.last_lines[-1]


def test_what_cannot_be_had_is_left_out_and_told(offline_host, prepared):
    wanted = prepared("nosuch-package==1.0", "tiny-a==7.0", "tiny-b==1.0")
    made = prepare(offline_host, wanted)
    assert [(one.name, one.version) for one in made.unmatched] == [
        ("nosuch-package", "1.0"),
        ("tiny-a", "7.0"),
    ]
    assert imported(made.python, "import tiny_b; print(tiny_b.version)") == "1.0"
    assert prepare(offline_host, wanted).unmatched == made.unmatched


@pytest.mark.parametrize(("platform", "has_b"), [(None, False), ("other-platform", True)])
def test_elsewhere_what_packages_need_is_installed_too(offline_host, prepared, platform, has_b):
    wanted = prepared("tiny-needy==1.0", "tiny-a==2.0")
    if platform is not None:
        wanted = replace(wanted, lock=replace(wanted.lock, platform=platform))
    made = prepare(offline_host, wanted)
    assert made.unmatched == ()
    found = "import importlib.util as u, tiny_a; print(tiny_a.version, u.find_spec('tiny_b'))"
    version, *spec = imported(made.python, found).split(" ", 1)
    assert version == "2.0"  # the notebook's, whatever the package says
    assert (spec != ["None"]) == has_b


def test_what_packages_need_elsewhere_and_cannot_be_had(offline_host, prepared):
    wanted = prepared("tiny-orphan==1.0")
    wanted = replace(wanted, lock=replace(wanted.lock, platform="other-platform"))
    made = prepare(offline_host, wanted)
    assert [one.name for one in made.unmatched] == ["nosuch-package"]
    assert imported(made.python, "import tiny_orphan; print(tiny_orphan.version)") == "1.0"


def test_a_build_that_no_index_has_is_replaced_by_the_public_one(offline_host, prepared):
    made = prepare(offline_host, prepared("tiny-a==1.0+cu999"))
    assert imported(made.python, "import tiny_a; print(tiny_a.version)") == "1.0"
    (unmatched,) = made.unmatched
    assert "1.0 is installed instead" in str(unmatched)


def test_what_is_essential_is_not_left_out(offline_host, prepared):
    with pytest.raises(EnvironmentFailed, match=r"tiny-a==7\.0 cannot be had") as caught:
        prepare(offline_host, prepared("tiny-a==7.0", needs=Needs(("tiny-a",))))
    assert caught.value.code == "package"
    assert nothing_is_left(offline_host)


def test_two_at_once(offline_host, prepared, gate):
    request = make_request(prepared("tiny-a==1.0"))
    first = start(offline_host, request)
    wait_at_gate(first, gate)
    second = start(offline_host, request)
    wait_for_step(second, "waiting for another start")
    open_gate(gate)
    assert wait_for_step(first, "ready")["unmatched"] == []
    ready = wait_for_step(second, '"')  # nothing in between: the first has made it
    assert ready["event"] == "ready"
    end(first)
    end(second)


def test_killed_in_the_middle(offline_host, prepared, gate):
    wanted = prepared("tiny-a==1.0")
    first = start(offline_host, make_request(wanted))
    wait_at_gate(first, gate)
    first.kill()
    first.wait(5)
    first.stdout.close()
    assert list((offline_host.home / ".cache/jupyter-scale/environments").glob("*/bin/python"))
    # Its installer lives on, and keeps the next start waiting so that two never write at once.
    steps = []
    made = []
    thread = threading.Thread(
        target=lambda: made.append(prepare(offline_host, wanted, steps.append)), daemon=True
    )
    thread.start()
    assert eventually(lambda: any("waiting" in step.message for step in steps), 20)
    open_gate(gate)
    thread.join(30)
    assert imported(made[0].python, "import tiny_a; print(tiny_a.version)") == "1.0"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_interrupted_in_the_middle(offline_host, prepared, gate, number):
    first = start(offline_host, make_request(prepared("tiny-a==1.0")))
    wait_at_gate(first, gate)
    first.send_signal(number)
    assert wait_for_step(first, "error")["code"] == "interrupted"
    assert first.wait(5) == 130
    first.stdout.close()
    assert nothing_is_left(offline_host)


def test_nobody_listens_any_more(offline_host, prepared, gate):
    first = start(offline_host, make_request(prepared("tiny-a==1.0")))
    wait_at_gate(first, gate)
    first.stdout.close()
    first.wait(15)
    assert nothing_is_left(offline_host)


def nothing_is_left(host):
    return not list((host.home / ".cache/jupyter-scale/environments").glob("*/*"))


def test_without_an_index_the_laptop_is_asked_for_wheels(host, prepared, closed_index, own_package):
    host.env["UV_DEFAULT_INDEX"] = closed_index
    host.env["UV_HTTP_RETRIES"] = "0"
    interpreter, lock = own_package(direct_url=None)
    request = make_request(prepared(lock=lock))
    with pytest.raises(EnvironmentFailed, match="package index cannot be reached") as caught:
        ask(host, request)
    assert caught.value.code == "index"
    assert closed_index not in str(caught.value) or "@" not in str(caught.value)
    assert nothing_is_left(host)
    steps = []
    wanted = prepared(lock=lock, interpreter=interpreter)
    made = prepare(host, wanted, steps.append)
    assert any("collecting wheels" in step.message for step in steps)
    assert imported(made.python, "import tiny_own; print(tiny_own.version)") == "'3.0'"
    assert made.unmatched == ()


def test_a_local_package_is_carried(offline_host, prepared, own_package):
    interpreter, lock = own_package(direct_url={"url": "file:///somewhere", "dir_info": {}})
    assert [one.name for one in lock.carried] == ["tiny-own"]
    wanted = prepared(lock=lock, interpreter=interpreter)
    made = prepare(offline_host, wanted)
    assert imported(made.python, "import tiny_own; print(tiny_own.version)") == "'3.0'"
    compiled = replace(lock.carried[0], tags=("cp311-cp311-macosx_11_0_arm64",))
    elsewhere = replace(lock, platform="darwin-arm64", carried=(compiled,))
    made = prepare(offline_host, replace(wanted, lock=elsewhere))
    assert [one.name for one in made.unmatched] == ["tiny-own"]
    assert "darwin-arm64" in made.unmatched[0].why


def test_a_host_without_uv_gets_the_laptops(offline_host, prepared, programs, tmp_path):
    folder = tmp_path / "without-uv"
    folder.mkdir()
    for path in Path(programs).iterdir():
        if path.name != "uv":
            (folder / path.name).symlink_to(path.resolve())
    host = LocalHost(offline_host.home, (str(folder), "/usr/bin", "/bin"))
    host.env.update({k: v for k, v in offline_host.env.items() if k.startswith("UV_")})
    steps = []
    made = prepare(host, prepared("tiny-a==1.0"), steps.append)
    assert "upload" in [step.step for step in steps]
    assert imported(made.python, "import tiny_a; print(tiny_a.version)") == "1.0"
    steps.clear()
    prepare(host, prepared("tiny-b==1.0"), steps.append)
    assert "upload" not in [step.step for step in steps]


def test_a_python_that_the_host_has_not(offline_host, prepared):
    wanted = prepared("tiny-a==1.0", downloads=False)
    wanted = replace(wanted, lock=replace(wanted.lock, python="3.2"))
    with pytest.raises(EnvironmentFailed) as caught:
        prepare(offline_host, wanted)
    assert caught.value.code == "python"
    assert "runs Python 3.2" in caught.value.why
    assert f"{wanted.lock.python}" in caught.value.next_step
    assert nothing_is_left(offline_host)


def test_a_python_that_cannot_be_downloaded(offline_host, prepared):
    offline_host.env["UV_OFFLINE"] = "1"
    wanted = prepared("tiny-a==1.0")
    wanted = replace(wanted, lock=replace(wanted.lock, python="3.2"))
    with pytest.raises(EnvironmentFailed, match="Downloading one failed"):
        prepare(offline_host, wanted)


def test_no_permission(offline_host, prepared, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFailed) as caught:
        prepare(offline_host, prepared("tiny-a==1.0", cache=str(tmp_path / "file" / "cache")))
    assert caught.value.code == "permission"
    assert "Choose another directory" in caught.value.next_step
