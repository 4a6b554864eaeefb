"""Run the demo notebook from start to end and show what it shows.

Prints each cell's output as it comes and, at the end, how long the plain cells and their
``%%scale`` twins took. The exit status is 1 when a cell fails. The repository is left as it is.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

HERE = Path(__file__).resolve().parent
MAGIC = "%%scale"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class LoudClient(NotebookClient):
    """Executes a notebook and prints what happens, as it happens."""

    def output(self, outs: Any, msg: Any, display_id: Any, cell_index: Any) -> Any:
        """Take one output of a cell, and print it."""
        if msg["msg_type"] == "clear_output":
            return super().output(outs, msg, display_id, cell_index)
        content = msg["content"]
        if msg["msg_type"] == "stream":
            show(content["text"])
        elif msg["msg_type"] in {"display_data", "execute_result"} and not is_widget(content):
            show(content["data"].get("text/plain", "(no text)"))
        return super().output(outs, msg, display_id, cell_index)


def show(text: str) -> None:
    """Print an output, indented; of a line that overwrites itself, the last state."""
    for line in text.rstrip("\n").split("\n"):
        print(f"    {line.rsplit(chr(13), 1)[-1]}", flush=True)


def is_widget(content: dict[str, Any]) -> bool:
    """Tell whether a display is a widget, which text cannot show: the progress bar."""
    return "application/vnd.jupyter.widget-view+json" in content["data"]


def seconds_of(cell: Any) -> float:
    """Return how long the kernel was busy with a cell, by its own clock."""
    times = cell.metadata["execution"]
    busy, idle = (
        datetime.fromisoformat(times[f"iopub.status.{state}"]) for state in ("busy", "idle")
    )
    return (idle - busy).total_seconds()


def find_twins(cells: list[Any]) -> list[tuple[Any, Any]]:
    """Return the pairs of a plain cell and the same cell under ``%%scale``."""
    plain = {cell.source: cell for cell in cells if not cell.source.startswith(MAGIC)}
    pairs = []
    for cell in cells:
        magic, _, body = cell.source.partition("\n")
        if magic.startswith(MAGIC) and body in plain:
            pairs.append((plain[body], cell))
    return pairs


def print_table(cells: list[Any]) -> None:
    """Print how long the twins took, and how much that is."""
    rows = [("cell", "plain", MAGIC, "speed-up")]
    for plain, scaled in find_twins(cells):
        before, after = seconds_of(plain), seconds_of(scaled)
        name = f"[{plain.execution_count}] and [{scaled.execution_count}]"
        rows.append((name, f"{before:.1f} s", f"{after:.1f} s", f"{before / after:.1f} x"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    print()
    for name, *numbers in rows:
        columns = [text.rjust(width) for text, width in zip(numbers, widths[1:], strict=True)]
        print("  ".join([name.ljust(widths[0]), *columns]))
    total = sum(seconds_of(cell) for cell in cells)
    scaled = [cell for cell in cells if cell.source.startswith(MAGIC)]
    print(f"\n{len(cells)} cells, {len(scaled)} of them {MAGIC}: {total:.0f} s in all.")


def announce(cell: Any, number: int) -> None:
    """Print a cell's source before it runs."""
    first, *others = cell.source.split("\n")
    print(f"\n[{number}] {first}")
    for line in others:
        print(f"{' ' * len(f'[{number}]')} {line}")
    sys.stdout.flush()


def run(notebook: Any, timeout_s: int) -> None:
    """Execute a notebook in place, in its own directory.

    Raises
    ------
    CellExecutionError, CellTimeoutError, DeadKernelError
        When a cell fails, takes too long, or ends the kernel.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    numbers = {id(cell): number for number, cell in enumerate(code, start=1)}

    def before(cell: Any, **_others: Any) -> None:
        if id(cell) in numbers:
            announce(cell, numbers[id(cell)])

    client = LoudClient(
        notebook,
        timeout=timeout_s,
        kernel_name="python3",
        record_timing=True,
        resources={"metadata": {"path": str(HERE)}},
        on_cell_start=before,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    client.execute()
    print_table(code)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument(
        "notebook", nargs="?", type=Path, default=HERE / "demo.ipynb", help="default: demo.ipynb"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="save the executed notebook")
    parser.add_argument(
        "--timeout", type=int, default=300, metavar="S", help="seconds for one cell (default 300)"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return the exit status."""
    options = parse(arguments)
    notebook = nbformat.read(options.notebook, as_version=4)
    status = 0
    try:
        run(notebook, options.timeout)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(f"\nThe demo failed.\n{_COLOURS.sub('', str(error))}", file=sys.stderr)
        status = 1
    finally:
        if options.output is not None:
            nbformat.write(notebook, options.output)
    return status


if __name__ == "__main__":
    sys.exit(main())
