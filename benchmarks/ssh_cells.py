"""Measure cells on a machine behind a slow link, and how the Jupyter server answers meanwhile.

The link is a `relay`. What a cell should take is the round trip, the bytes that changed at the
link's rate, and a little of our own. Linux, root.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from cells import describe_machine, format_time
from contestants import Plain
from hosts import PORT, LabServer, SshLab, lab_of, profile, scale_kernel
from kernel import Kernel
from relay import Relay

ROUND_TRIP_S = 0.040
BYTES_PER_S = 100e6 / 8
_ASK_EVERY_S = 0.05
_EMPTY, _READ = "%%scale\npass", "%%scale\nn = len(a)"
_CHANGE = "n = len(a) // 100; m = int(rng.integers(99 * n)); a[m : m + n] = rng.random(n)"


class Cells:
    """What cells took, and how many bytes went to the host."""

    def __init__(self, kernel: Kernel, relay: Relay) -> None:
        self._kernel, self._relay = kernel, relay
        self.rows: list[tuple[str, float, float]] = []

    def measure(self, name: str, cell: str, rounds: int, before: str = "") -> None:
        """Run a cell some times; keep the medians."""
        times, sent = [], []
        for _ in range(rounds):
            if before:
                self._kernel.run(before)
            count = self._relay.sent_bytes
            times.append(self._kernel.seconds(cell))
            sent.append(self._relay.sent_bytes - count)
        self.rows.append((name, statistics.median(times), statistics.median(sent)))

    def table(self) -> str:
        """Return a Markdown table."""
        lines = ["| cell | time | sent | round trip and sent | of our own |"]
        lines.append("| --- | ---: | ---: | ---: | ---: |")
        for name, seconds, sent in self.rows:
            least = ROUND_TRIP_S + sent / BYTES_PER_S
            shown = [format_time(seconds), f"{sent / 1e6:.3f} MB", format_time(least)]
            lines.append(f"| {' | '.join([name, *shown, format_time(seconds - least)])} |")
        return "\n".join(lines)


def measure_cells(megabytes: int, rounds: int) -> Cells:
    """Run cells on one machine behind the link."""
    with ExitStack() as stack:
        lab = stack.enter_context(lab_of(1))
        (machine,) = lab.machines.values()
        relay = stack.enter_context(Relay(machine.address, PORT, ROUND_TRIP_S, BYTES_PER_S))
        lab.configure("far", HostName="127.0.0.1", Port=relay.port, HostKeyAlias=_alias(lab))
        kernel = stack.enter_context(scale_kernel(profile(lab, "lab", ["far"], sys.executable)))
        kernel.run(
            f"import numpy as np; rng = np.random.default_rng(0)\nsize = {megabytes * 125_000}"
        )
        kernel.run("%scale up lab")
        cells = Cells(kernel, relay)
        try:
            kernel.run(_EMPTY)
            cells.measure("empty", _EMPTY, 4 * rounds)
            cells.measure("small values", "%%scale\nr = (1, [1, 2, 3])", 4 * rounds)
            cells.measure(f"{megabytes} MB, new", _READ, 1, "a = rng.random(size)")
            cells.measure(f"{megabytes} MB, unchanged", _READ, rounds, "pass")
            cells.measure(f"{megabytes} MB, 1 % changed", _READ, rounds, _CHANGE)
        finally:
            kernel.run("%scale down")
    return cells


def _alias(lab: SshLab) -> str:
    (machine,) = lab.machines.values()
    return f"[{machine.address}]:{PORT}"


def measure_answers(megabytes: int) -> dict[str, list[float]]:
    """Ask a Jupyter server for its clusters, while nothing happens and during a large transfer."""
    with ExitStack() as stack:
        lab = stack.enter_context(lab_of(1))
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        server = LabServer(directory, profile(lab, "lab", list(lab.machines), sys.executable))
        server.start()
        stack.callback(server.close)
        kernel = server.start_kernel()
        assert kernel.run("%scale up lab", timeout_s=300).status == "ok"
        kernel.run(_EMPTY, timeout_s=300)
        kernel.run(
            f"import numpy as np; a = np.random.default_rng(0).random({megabytes * 125_000})"
        )
        answers = {"at rest": _ask_during(server, lambda: time.sleep(10))}
        begun = time.monotonic()
        cell = lambda: kernel.run(_READ, timeout_s=600)  # noqa: E731 - a name for what is run
        answers[f"while {megabytes} MB travel"] = _ask_during(server, cell)
        print(f"{megabytes} MB took {time.monotonic() - begun:.1f} s", file=sys.stderr)
        kernel.run("%scale down", timeout_s=60)
    return answers


def _ask_during(server: LabServer, work: Callable[[], object]) -> list[float]:
    """Return how long each answer took until a work was done."""
    is_over = threading.Event()
    times: list[float] = []

    def ask() -> None:
        while not is_over.wait(_ASK_EVERY_S):
            begun = time.perf_counter()
            server.ask("GET", "/jupyter-scale/api/clusters")
            times.append(time.perf_counter() - begun)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        work()
    finally:
        is_over.set()
        asking.join()
    return times


def answers_table(answers: dict[str, list[float]]) -> str:
    """Return a Markdown table."""
    lines = ["| answers of the server | count | p50 | p95 | max |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for name, times in answers.items():
        ordered = sorted(times)
        chosen = [ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)], ordered[-1]]
        shown = " | ".join(map(format_time, chosen))
        lines.append(f"| {name} | {len(times)} | {shown} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default 5")
    parser.add_argument(
        "--quick", action="store_true", help="32 and 128 MB instead of 256 and 1000"
    )
    options = parser.parse_args()
    print(", ".join(f"{key} {value}" for key, value in describe_machine([Plain()]).items()))
    print(f"{ROUND_TRIP_S * 1000:.0f} ms and {BYTES_PER_S * 8 / 1e6:.0f} Mbit/s\n")
    print(measure_cells(32 if options.quick else 256, options.rounds).table())
    print()
    print(answers_table(measure_answers(128 if options.quick else 1000)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
