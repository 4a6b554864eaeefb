"""Measure how long a cluster of machines takes to start, beside ``distributed.SSHCluster``.

The machines are sshd on this one, each with processes and a home of its own; one worker each. The
two take turns. Linux, root.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from cells import Results, describe_machine, format_time, ratio
from contestants import Distributed
from hosts import PORT, SshLab, forget_all, lab_of, profile, scale_kernel
from kernel import Kernel, started_kernel

FIRST, SECOND, PEER, MADE = "%%scale, first", "%%scale, second", "SSHCluster", "%%scale, all made"
UP, CELL = "up", "first result"
_PEER_IMPORTS = "import asyncssh\nfrom distributed import Client, SSHCluster"


def _peer_start(lab: SshLab, hosts: int) -> str:
    addresses = [machine.address for machine in list(lab.machines.values())[:hosts]]
    reached = {
        "username": "root",
        "port": PORT,
        "client_keys": [str(lab.key)],
        "known_hosts": str(lab.known_hosts),
        "agent_path": None,
        "config": None,
    }
    return f"""
cluster = SSHCluster(
    {[addresses[0], *addresses]},
    connect_options={reached},
    worker_options={{"nthreads": 1}},
    scheduler_options={{"dashboard": False}},
    remote_python={sys.executable!r},
)
client = Client(cluster)
client.wait_for_workers({hosts})
"""


def _time_start(kernel: Kernel, start: str, cell: str, row: str, results: Results) -> None:
    name, _, column = row.partition("|")
    for what, source in ((UP, start), (CELL, cell)):
        seconds = kernel.seconds(source)
        results.add(f"{name}: {what}", column, seconds)
        print(f"{name}, {column}: {what} {format_time(seconds)}", file=sys.stderr)


def _time_ours(
    lab: SshLab, hosts: int, row: str, results: Results, python: str = sys.executable
) -> None:
    names = list(lab.machines)[:hosts]
    with scale_kernel(profile(lab, "lab", names, python)) as kernel:
        try:
            _time_start(kernel, "%scale up lab", "%%scale\nr = 1", row, results)
        finally:
            kernel.run("%scale down")


def _time_peer(lab: SshLab, hosts: int, row: str, results: Results) -> None:
    with started_kernel() as kernel:
        kernel.run(_PEER_IMPORTS)
        kernel.start_watch()
        cell = "r = client.submit(int).result()"
        _time_start(kernel, _peer_start(lab, hosts), cell, row, results)
        kernel.run("client.close(); cluster.close()")


def measure(sizes: list[int], rounds: int, *, is_made: bool) -> Results:
    """Start clusters of each size in turn: ours with empty caches, ours again, the peer's."""
    results = Results()
    with lab_of(max(sizes)) as lab:
        for turn in range(rounds):
            for hosts in sizes:
                print(f"round {turn + 1} of {rounds}, {hosts} hosts", file=sys.stderr)
                name = "1 host" if hosts == 1 else f"{hosts} hosts"
                forget_all(lab)
                _time_ours(lab, hosts, f"{name}|{FIRST}", results)
                _time_ours(lab, hosts, f"{name}|{SECOND}", results)
                if find_spec("asyncssh"):
                    _time_peer(lab, hosts, f"{name}|{PEER}", results)
        if is_made:
            forget_all(lab)
            _time_ours(lab, 1, f"1 host|{MADE}", results, python="")
    return results


def table(results: Results) -> str:
    """Return the medians as a Markdown table."""
    columns = [FIRST, SECOND, PEER, MADE]
    rows = [["start", *columns, "second / SSHCluster"], ["---", *["---:"] * 5]]
    for row, measured in results.seconds.items():
        times = {name: statistics.median(seconds) for name, seconds in measured.items()}
        shown = [format_time(times.get(name)) for name in columns]
        rows.append([row, *shown, ratio(times.get(SECOND), times.get(PEER))])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0].replace("%", "%%"))
    parser.add_argument("--hosts", type=int, action="append", metavar="N", help="default 1, 4, 8")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default 3")
    parser.add_argument("--made", action="store_true", help="also with the environment made there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every time to FILE")
    options = parser.parse_args()
    machine = describe_machine([Distributed()])
    results = measure(options.hosts or [1, 4, 8], options.rounds, is_made=options.made)
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    print(f"medians of {options.rounds} rounds\n\n{table(results)}")
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": machine, **asdict(results)}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
