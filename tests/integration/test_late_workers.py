"""Workers that join a cluster while a notebook is at work there."""

from ast import literal_eval

import pytest

CELL = """
%%scale
import os
import pathlib
import time

import dask


def add_up(number):
    (here := pathlib.Path({here!r})).joinpath(str(os.getpid())).touch()
    until = time.monotonic() + 60  # each worker has to have its turn
    while len(list(here.iterdir())) < {workers} and time.monotonic() < until:
        time.sleep(0.01)
    return os.getpid(), sum(abs(each) for each in range(number))


found = dask.compute(*(dask.delayed(add_up, pure=False)(number) for number in range(12)))
"""


@pytest.mark.timeout(300)
def test_code_of_cells_runs_on_them_too(notebook, tmp_path):
    for workers in (1, 3):
        notebook.run(f"%scale up --workers {workers}")
        here = tmp_path / str(workers)
        here.mkdir()
        cell = CELL.format(here=str(here), workers=workers)
        assert notebook.run(cell).error is None
    processes, totals = literal_eval(notebook.value("tuple(zip(*found))"))
    assert len(set(processes)) == 3
    assert list(totals) == [sum(range(number)) for number in range(12)]
