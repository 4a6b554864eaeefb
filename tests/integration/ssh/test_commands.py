"""Commands: what arrives, what comes back, and what is ended."""

import json
import shlex
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from jupyter_scale.errors import CommandTimeout, HostError, StartError
from jupyter_scale.transport.ssh.commands import run, start
from waiting import eventually

AWKWARD = ["a b", "it's", '"quoted"', "$HOME", "`date`", "back\\slash", "new\nline", "*", "", "é"]


def test_arguments_arrive_as_they_are(h1):
    done = run(h1, ["printf", "%s\\0", *AWKWARD], timeout_s=10)
    assert done.stdout.decode().split("\0")[:-1] == AWKWARD


@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/dash"])
def test_login_shells(fresh, connect, shell):
    machine = fresh.add(shell=shell)
    connection = connect(fresh)
    # What start files print is not the command's. bash reads this one for commands over SSH.
    (machine.home / ".bashrc").write_text("echo noise; echo more\n")
    done = run(connection, ["printf", "%s|", "it's", "a  b", "$0"], env={"A": "1"}, timeout_s=10)
    assert done.stdout == b"it's|a  b|$0|"


@pytest.mark.parametrize(("ends", "words"), [("exit 3", "did not run"), ("exec sleep 9", "begin")])
def test_a_login_shell_that_only_complains(fresh, connect, ends, words):
    machine = fresh.add()
    connection = connect(fresh)
    (machine.home / ".bashrc").write_text(f"echo no licence >&2; {ends}\n")
    with pytest.raises(HostError, match=words):
        run(connection, ["true"], timeout_s=2)


def test_status_streams_and_input(h1):
    done = run(h1, ["sh", "-c", "cat; echo bad >&2; exit 7"], input=b"in", timeout_s=10)
    assert (done.status, done.stdout, done.stderr) == (7, b"in", b"bad\n")
    with pytest.raises(HostError, match=r"failed with exit status 7(.|\n)*    bad"):
        done.check()


@pytest.mark.parametrize(("name", "number"), [("TERM", 15), ("KILL", 9), ("SEGV", 11), ("HUP", 1)])
def test_a_signal_is_told(h1, name, number):
    assert run(h1, ["sh", "-c", f"kill -{name} $$"], timeout_s=10).status == -number


def test_no_such_program(h1):
    done = run(h1, ["no-such-program"], timeout_s=10)
    assert done.status == 127
    assert b"no-such-program: not found" in done.stderr


def test_environment_and_directory(lab, h1):
    (lab.machines["h1"].home / "a dir").mkdir()
    script = 'printf "%s|%s" "$KEY" "$PWD"'
    done = run(h1, ["sh", "-c", script], env={"KEY": "it's $x"}, cwd="a dir", timeout_s=10)
    assert done.stdout == b"it's $x|/root/a dir"
    assert run(h1, ["true"], cwd="nowhere", timeout_s=10).status != 0


def test_large_streams_both_ways(h1):
    data = bytes(range(256)) * (1 << 16)
    assert run(h1, ["cat"], input=data, timeout_s=30).stdout == data


def test_input_that_nobody_reads(h1):
    done = run(h1, ["true"], input=bytes(20 << 20), timeout_s=30)
    assert done.status == 0


def test_of_much_output_the_ends_are_kept(h1):
    done = run(h1, ["seq", "1000000"], timeout_s=30, most_output_bytes=1000)
    assert done.stdout.startswith(b"1\n2\n")
    assert done.stdout.endswith(b"999999\n1000000\n")
    assert b"bytes are left out" in done.stdout
    assert len(done.stdout) < 1100


def test_a_time_limit_kills_all_of_the_command(lab, h1):
    began = time.monotonic()
    with pytest.raises(CommandTimeout, match=r"did not end within 0.5 s(.|\n)*    begun") as caught:
        run(h1, ["sh", "-c", "echo begun; sleep 971 & sleep 972"], timeout_s=0.5)
    assert time.monotonic() - began < 5
    assert caught.value.stdout == b"begun\n"
    machine = lab.machines["h1"]
    assert eventually(lambda: not any("sleep 97" in line for line in machine.processes()), 5)


def test_what_stays_in_the_background_holds_nothing_up(lab, h1):
    began = time.monotonic()
    done = run(h1, ["sh", "-c", "sleep 961 & echo over"], timeout_s=20)
    assert time.monotonic() - began < 5
    assert (done.status, done.stdout) == (0, b"over\n")
    assert "sleep 961" in lab.machines["h1"].processes()
    run(h1, ["pkill", "-f", "^sleep 961"], timeout_s=10)


def test_streams_that_are_closed_early(h1):
    done = run(h1, ["sh", "-c", "exec >&- 2>&-; sleep 0.3; exit 4"], timeout_s=20)
    assert done.status == 4


def test_a_shell_that_refuses(fresh, connect):
    fresh.add(options='ForceCommand echo "go away"')
    with pytest.raises(HostError, match=r"did not run 'true'(.|\n)*    go away"):
        run(connect(fresh), ["true"], timeout_s=10)


def test_64_at_once(h1):
    """More than a host allows on one connection (MaxSessions is 10)."""
    with ThreadPoolExecutor(64) as pool:
        script = 'sleep 0.05; echo "$0"'
        calls = [
            pool.submit(run, h1, ["sh", "-c", script, str(n)], timeout_s=30) for n in range(64)
        ]
        assert [int(call.result().stdout) for call in calls] == list(range(64))


def test_a_host_that_allows_few(fresh, connect):
    fresh.add(options="MaxSessions 2")
    connection = connect(fresh)
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(run, connection, ["echo"], timeout_s=20) for _ in range(8)]
        assert [call.result().status for call in calls] == [0] * 8


def test_waiting_for_a_session_ends(fresh, connect):
    fresh.add(options="MaxSessions 1")
    connection = connect(fresh)
    child = start(connection, ["cat"])
    with pytest.raises(HostError, match="MaxSessions"):
        run(connection, ["true"], timeout_s=0.5)
    child.send(b"")
    child._execution.close()


ECHO = """
echo '{"ready": true}'
while read -r line; do echo "{\\"heard\\": $line}"; echo "err $line" >&2; done
exit 3
"""


def test_a_child_is_heard(lab, h1):
    child = start(h1, ["sh", "-c", ECHO], what="echo")
    assert child.wait_ready() == {"ready": True}
    assert child.exit_status() is None
    assert not child.wait_readable(0)
    assert child.read_message(0) is None
    child.send(b"1\n2\n")
    assert child.wait_readable(10)
    assert [child.read_message(10), child.read_message(10)] == [{"heard": 1}, {"heard": 2}]
    assert eventually(lambda: child.last_lines() == ("err 1", "err 2"), 5)
    child._execution.close_input()
    with pytest.raises(EOFError):
        child.read_message(10)
    assert eventually(lambda: child.exit_status() == 3, 5)
    assert "exit status 3" in str(child.explain_end())
    child.collect()


def test_its_standard_input_ends_with_the_connection(lab, connect):
    connection = connect(lab)
    child = start(connection, ["sh", "-c", "echo {}; cat; exec touch ended"])
    child.wait_ready()
    connection.close()
    assert eventually((lab.machines["h1"].home / "ended").exists, 10)


def test_a_child_ends_with_all_that_it_started(lab, h1):
    child = start(h1, ["sh", "-c", "sleep 951 & trap '' TERM; echo {}; sleep 952; sleep 953"])
    child.wait_ready()
    machine = lab.machines["h1"]
    assert eventually(lambda: {"sleep 951", "sleep 952"} <= set(machine.processes()), 10)
    child.end(grace_s=0.2)
    assert child.exit_status() == -9
    assert eventually(lambda: not any("sleep 95" in line for line in machine.processes()), 5)


def test_a_child_that_ends_by_itself_when_told(h1):
    child = start(h1, ["sh", "-c", "trap 'exit 5' TERM; echo {}; while :; do sleep 0.05; done"])
    child.wait_ready()
    child.end(grace_s=10)
    assert child.exit_status() == 5


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo oops >&2; exit 9", r"exit status 9(.|\n)*    oops"),
        ("echo not json; sleep 0.1", "not a JSON object"),
        ("sleep 5", "said nothing for 0 s"),
        ("kill -9 $$", "ended by signal 9"),
        ('echo \'{"error": "no room", "next_step": "Make some."}\'', "no room\nMake some."),
    ],
)
def test_a_child_that_is_never_ready(h1, script, said):
    child = start(h1, ["sh", "-c", script], what="keeper")
    with pytest.raises(StartError, match=said):
        child.wait_ready(0.2 if "sleep 5" in script else 10)
    child.end(grace_s=0)


def test_a_log_on_the_host(lab, h1):
    child = start(h1, ["true"], log="no directory/x.log")
    with pytest.raises(StartError, match="exit status"):
        child.wait_ready()
    child.end()
    child = start(h1, ["sh", "-c", "echo lost >&2; echo {}; exec cat"], log="x.log")
    child.wait_ready()
    assert child.last_lines() == ("lost",)
    log = lab.machines["h1"].home / "x.log"
    assert (log.read_text(), log.stat().st_mode & 0o777) == ("lost\n", 0o600)
    child.end()


def test_many_children_write_at_once(h1):
    """Lines of many sizes from several processes at the same time are told apart."""
    line = json.dumps({"text": "x" * 100_000})
    script = f"for n in 1 2 3 4 5; do echo {shlex.quote(line)}; done"
    children = [start(h1, ["sh", "-c", script]) for _ in range(5)]
    sizes = []

    def listen(child):
        sizes.extend(len(child.read_message(20)["text"]) for _ in range(5))

    threads = [threading.Thread(target=listen, args=(child,)) for child in children]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [100_000] * 25
    for child in children:
        child.end()
