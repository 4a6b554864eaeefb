"""A connection as the host that environments are brought to."""

import sys
import threading
import time
from contextlib import closing

import pytest

from jupyter_scale.environment import prepare
from jupyter_scale.environment.courier import Ourselves
from jupyter_scale.errors import HostError, HostLost
from jupyter_scale.providers.ssh.host import SshHost
from jupyter_scale.transport.ssh.commands import run
from waiting import eventually

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def host(h1):
    return SshHost(h1)


def say(script, *arguments):
    return ["sh", "-c", script, "sh", *arguments]


def test_lines_come_one_by_one_while_it_runs(host):
    with closing(
        host.converse(say('echo "{\\"a\\": 1}"; read x; echo "{}"'), _late(), 10)
    ) as lines:
        assert next(lines) == {"a": 1}
        assert list(lines) == [{}]


def _late():
    time.sleep(0.3)
    yield b"go\n"


def test_a_large_input_and_large_lines(host):
    pieces = [bytes(1 << 18)] * 40
    program = (
        "import json, sys; n = len(sys.stdin.buffer.read());"
        " print(json.dumps({'n': n})); print(json.dumps({'text': 'x' * (5 << 20)}))"
    )
    one, two = host.converse(["python3", "-c", program], pieces, 20)
    assert one == {"n": 40 << 18}
    assert two == {"text": "x" * (5 << 20)}


def test_a_last_line_without_an_end_counts(host):
    assert list(host.converse(say("printf '{\"a\": 2}'"), (), 10)) == [{"a": 2}]


def test_much_on_standard_error_does_not_stop_it(host):
    script = "head -c 20000000 /dev/zero | tr '\\0' 'e' >&2; echo '{}'"
    assert list(host.converse(say(script), (), 20)) == [{}]


def test_what_stays_behind_does_not_hold_it_up(lab, h1, host):
    begun = time.monotonic()
    assert list(host.converse(say("sleep 941 & echo '{}'"), (), 30)) == [{}]
    assert time.monotonic() - begun < 5
    assert "sleep 941" in lab.machines["h1"].processes()
    run(h1, ["pkill", "-f", "^sleep 941"], timeout_s=10)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo '{}'; sleep 931", "said nothing for 0.5 s"),
        ("echo no-json; sleep 931", "wrote what is no JSON object: no-json"),
        ("echo '[1]'; sleep 931", "wrote what is no JSON object"),
        ("echo why >&2; exit 3", r"without a word, with exit status 3; it wrote:\n    why"),
    ],
)
def test_what_is_wrong_with_it_is_said_and_it_is_ended(lab, host, script, words):
    with pytest.raises(HostError, match=words):
        list(host.converse(say(script), (), 0.5))
    processes = lab.machines["h1"].processes
    assert eventually(lambda: "sleep 931" not in processes(), 5)


def test_closing_lets_it_clean_up_and_then_kills_its_group(lab, host):
    script = "trap 'touch cleaned; exit' TERM; (trap '' TERM; sleep 921) & echo '{}'; wait"
    lines = host.converse(say(script), (), 10)
    assert next(lines) == {}
    lines.close()
    machine = lab.machines["h1"]
    assert eventually(lambda: not any("921" in line for line in machine.processes()), 5)
    assert (machine.home / "cleaned").exists()


def test_closing_ends_the_feeding_too(host):
    def without_end():
        while True:
            yield bytes(1 << 16)

    lines = host.converse(say("echo '{}'; sleep 911"), without_end(), 10)
    assert next(lines) == {}
    lines.close()
    assert not any(t.name == "feed h1" for t in threading.enumerate())


def test_an_input_that_fails_is_what_is_raised(host):
    def broken():
        yield b"{"
        raise OSError(5, "the disk here is broken")

    with pytest.raises(OSError, match="the disk here is broken"):
        list(
            host.converse(say('cat >/dev/null; echo \'{"error": "half a request"}\''), broken(), 10)
        )


def test_a_broken_link_is_told(wired, connect):
    connection = connect(wired)
    lines = SshHost(connection).converse(say("echo '{}'; sleep 901"), (), 20)
    assert next(lines) == {}
    wired.machines["h1"].kill()
    with pytest.raises(HostLost):
        next(lines)


def test_a_look_at_a_host(host):
    facts = prepare.look(host)
    assert facts.host == "h1"
    assert facts.cores > 0
    assert facts.memory_bytes > 0
    assert facts.free_bytes > 0
    assert PYTHON in facts.pythons
    assert abs(facts.clock_offset_s) < 5


def test_ourselves_on_a_host(h1, host):
    path = Ourselves().bring(host)
    program = "import jupyter_scale.model.bundle as one; print(one.__file__)"
    done = run(h1, [sys.executable, "-P", "-c", program], env={"PYTHONPATH": path}, timeout_s=20)
    assert done.check().stdout.decode().startswith(path)
    steps = []
    assert Ourselves().bring(host, on_step=steps.append) == path
    assert steps == []
