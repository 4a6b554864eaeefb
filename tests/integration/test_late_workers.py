"""Workers that join a cluster while a notebook is at work there."""

from ast import literal_eval

CELL = """
%%scale
import os
import time

import dask


def add_up(number):
    time.sleep(0.1)
    return os.getpid(), sum(abs(each) for each in range(number))


found = dask.compute(*(dask.delayed(add_up, pure=False)(number) for number in range(12)))
"""


def test_code_of_cells_runs_on_them_too(notebook):
    notebook.run("%scale up --workers 1")
    notebook.run(CELL)
    notebook.run("%scale up --workers 3")
    assert notebook.run(CELL).error is None
    processes, totals = literal_eval(notebook.value("tuple(zip(*found))"))
    assert len(set(processes)) == 3
    assert list(totals) == [sum(range(number)) for number in range(12)]
