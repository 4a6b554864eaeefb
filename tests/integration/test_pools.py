"""Ready-made parallelism in a cell: what the plain cell gives, made by the cluster's workers."""

import json
import textwrap

import psutil
import pytest

from waiting import eventually

PREPARE = """
import functools
import json
import math
import multiprocessing as mp
import os
import pathlib
import signal
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed, wait

import dask
import dask.array as da
import joblib
import jupyter_scale
import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

kernel = os.getpid()
offset, seen = 3, []
matrix = np.arange(200_000.0)


class Point:
    def __init__(self, x):
        self.x = x

    def scaled(self, by):
        return self.x * by


class Refused(ValueError):
    def __init__(self, item, why):
        super().__init__(item, why)
        self.item = item


def pid(_=None):
    return os.getpid()


def shift(x):
    return x + offset


def add(x, y=0):
    return shift(x) + y


def make_point(x):
    return Point(x)


def refuse(x):
    if x == 3:
        raise Refused(x, "three")
    return x


def remember(x):
    seen.append(x)
    return x


def total(i):
    return float(matrix.sum()) + i


def speak(x):
    print("item", x)
    return x


def set_data(value):
    global data
    data = value


def read_data(i):
    return data + i


def lock_of(_):
    return mp.Lock()


def give_lambda(_):
    return lambda: 1


def where(pids):
    return shell not in pids and kernel not in pids and len(set(pids))


def rest(seconds):
    time.sleep(seconds)
    return os.getpid()


def hold(x):
    with open("told"):
        while not pathlib.Path("go").exists():
            time.sleep(0.01 if x < 60 else x)
    return x


def hold_natively(seconds):
    with open("told"):
        sum(range(10**11))


def write_and_hold(x):
    with open("effects", "a") as file:
        print(x, file=file)
    return hold(x)
"""


@pytest.fixture(autouse=True, scope="module")
def prepared(notebook):
    outputs = notebook.run("%scale quiet\n" + PREPARE)
    assert outputs.status == "ok", outputs.traceback
    outputs = notebook.run("%%scale\nshell = os.getpid()")
    assert outputs.status == "ok", outputs.traceback


@pytest.fixture
def scaled(notebook):
    """Run a cell on the cluster; return what it showed, and the reports of its pools."""

    def run(source, status="ok", timeout_s=90):
        outputs = notebook.run("%%scale\n" + textwrap.dedent(source), timeout_s=timeout_s)
        assert outputs.status == status, outputs.traceback
        reports = "__import__('json').dumps([dict(r) for r in jupyter_scale.last_run.loops])"
        return outputs, json.loads(notebook.value(reports))

    return run


SAME = {
    "executor map": """
        with ProcessPoolExecutor() as executor:
            list(executor.map(shift, range(20)))""",
    "executor map with chunks": """
        with ProcessPoolExecutor() as executor:
            list(executor.map(add, range(20), range(20), chunksize=6))""",
    "executor submit": """
        with ProcessPoolExecutor(2) as executor:
            futures = [executor.submit(add, i, y=10) for i in range(6)]
            done = sorted(f.result() for f in as_completed(futures))
            print(done, len(wait(futures).done))
        del futures""",
    "executor initializer": """
        with ProcessPoolExecutor(2, initializer=set_data, initargs=(7,)) as executor:
            r = list(executor.map(read_data, range(4)))
        r, 'data' in dir()""",
    "executor refuses after shutdown": """
        with ProcessPoolExecutor() as executor:
            executor.submit(shift, 1).result()
        try:
            executor.submit(shift, 1)
        except RuntimeError as error:
            print(error)""",
    "executor cancels": """
        with ProcessPoolExecutor(1) as executor:
            futures = [executor.submit(rest, 0.2) for _ in range(6)]
            print(futures[-1].cancel(), futures[-1].cancelled())
            executor.shutdown(cancel_futures=True)
        print(sum(f.cancelled() for f in futures) >= 2)
        del futures""",
    "executor times out": """
        with ProcessPoolExecutor(1) as executor:
            try:
                executor.submit(rest, 1).result(timeout=0.01)
            except TimeoutError as error:
                print(type(error))""",
    "executor refuses lambdas": """
        with ProcessPoolExecutor() as executor:
            future = executor.submit(lambda: 1)
            print(type(future.exception()))
        del future""",
    "executor cannot return lambdas": """
        with ProcessPoolExecutor() as executor:
            future = executor.submit(give_lambda, 1)
            print(type(future.exception()))
        del future""",
    "pool map": """
        with mp.Pool() as pool:
            pool.map(shift, range(20))""",
    "pool of a context": """
        with mp.get_context("fork").Pool(2) as pool:
            pool.starmap(add, [(i, i) for i in range(6)])""",
    "pool imap": """
        with mp.Pool(2) as pool:
            r = list(pool.imap(shift, range(6), chunksize=2)), sorted(
                pool.imap_unordered(shift, range(6)))
        r""",
    "pool apply": """
        came = []
        with mp.Pool(2) as pool:
            r = pool.apply(add, (1,), {"y": 2})
            later = pool.apply_async(add, (5,), callback=came.append)
            later.wait()
            print(r, later.get(), later.successful(), came)
        del later""",
    "pool errors": """
        failed = []
        with mp.Pool(2) as pool:
            later = pool.map_async(refuse, range(5), chunksize=1, error_callback=failed.append)
            later.wait()
            print(later.successful(), failed[0].item)
        del later""",
    "pool close and join": """
        pool = mp.Pool(2)
        r = pool.map_async(shift, range(4))
        pool.close()
        pool.join()
        print(r.get(), pool)
        del r""",
    "pool initializer": """
        with mp.Pool(2, set_data, (7,)) as pool:
            pool.map(read_data, range(4))""",
    "pool cannot return": """
        with mp.Pool(2) as pool:
            try:
                pool.map(lock_of, range(2))
            except mp.pool.MaybeEncodingError as error:
                print(type(error), error.exc)""",
    "a pool is what it was": """
        pool = mp.Pool(1)
        print(isinstance(pool, mp.pool.Pool), type(pool), pool)
        pool.terminate()""",
    "what was bound when it forked": """
        limit = 1
        def read_limit(_):
            return limit
        with mp.Pool(2) as pool:
            limit = 2
            r = pool.map(read_limit, range(2))
        r""",
    "a loop beside a pool": """
        with ProcessPoolExecutor() as executor:
            a = list(executor.map(shift, range(4)))
            offset = 10
            b = [(rest(0.05), shift(i))[1] for i in range(8)]
            c = list(executor.map(shift, range(4)))
        offset = 3
        a, b, c""",
    "a change stays in its process": """
        with mp.Pool(2) as pool:
            pool.map(remember, range(4))
        seen""",
    "bound methods": """
        with ProcessPoolExecutor() as executor:
            r = list(executor.map("{}!".format, range(3)))
            r += list(executor.map(Point(2).scaled, range(3)))
        r""",
    "classes of the notebook": """
        with ProcessPoolExecutor() as executor:
            points = list(executor.map(make_point, range(3)))
        [type(p) is Point and p.x for p in points]""",
    "joblib": "Parallel(n_jobs=2)(delayed(add)(i, y=i) for i in range(20))",
    "joblib with lambdas": "Parallel(n_jobs=-1)(delayed(lambda x: x + offset)(i) for i in (1, 2))",
    "joblib as generator": """
        list(Parallel(n_jobs=2, return_as='generator')(delayed(add)(i) for i in range(9)))""",
    "joblib classes": """
        points = Parallel(n_jobs=2)(delayed(make_point)(i) for i in range(3))
        [type(p) is Point and p.x for p in points]""",
    "joblib jobs": """
        joblib.effective_n_jobs(1), joblib.effective_n_jobs(3), joblib.effective_n_jobs(None)""",
    "joblib in threads": """
        Parallel(n_jobs=2, require='sharedmem')(delayed(remember)(i) for i in range(4))
        Parallel(n_jobs=2, prefer='threads')(delayed(remember)(i) for i in range(4))
        print(sorted(seen))
        seen.clear()""",
    "joblib is serial with one job": """
        Parallel(n_jobs=1)(delayed(remember)(i) for i in range(3))
        Parallel()(delayed(remember)(i) for i in range(3))
        print(seen)
        seen.clear()""",
    "grid search": """
        X, y = make_classification(2000, random_state=0)
        search = GridSearchCV(LogisticRegression(), {'C': [0.1, 1, 10]}, n_jobs=-1).fit(X, y)
        search.best_params_, search.cv_results_['mean_test_score'].tolist()""",
    "cross validation": """
        X, y = make_classification(2000, random_state=0)
        cross_val_score(LogisticRegression(), X, y, n_jobs=2).tolist()""",
    "dask": """
        x = da.from_array(np.arange(10_000.0), chunks=1000)
        float((x + 1).sum().compute()), dask.delayed(shift)(4).compute()""",
    "a large array read by all": """
        with mp.Pool(2) as pool:
            pool.map(total, range(4))""",
    "a large array passed to all": """
        Parallel(n_jobs=2)(delayed(np.dot)(matrix, matrix) for _ in range(6))""",
}


@pytest.mark.parametrize("name", SAME)
def test_same_as_plain(notebook, scaled, name):
    source = textwrap.dedent(SAME[name])
    plain = notebook.run(source)
    outputs, _ = scaled(source)
    assert plain.status == "ok", plain.traceback
    assert outputs.stdout == plain.stdout
    assert outputs.result == plain.result
    assert outputs.stderr == ""


ON_WORKERS = {
    "executor": "with ProcessPoolExecutor() as e:\n    r = list(e.map(pid, range(8)))",
    "pool": "with mp.Pool() as pool:\n    r = pool.map(pid, range(8), chunksize=1)",
    "joblib": "r = Parallel(n_jobs=-1)(delayed(rest)(0.1) for _ in range(8))",
}


@pytest.mark.parametrize("name", ON_WORKERS)
def test_runs_on_workers(notebook, scaled, name):
    _, [report] = scaled(ON_WORKERS[name])
    workers = {process.pid for process in notebook.processes("forkserver")}
    assert set(json.loads(notebook.value("list(set(r))"))) <= workers
    assert report["spread"] == report["iterations"] > 0
    assert report["why"] == ""


def test_a_task_has_one_core(notebook, scaled):
    scaled("""
        names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"]
        with ProcessPoolExecutor() as e:
            r = list(e.map(os.getenv, names))
        here = [os.environ.get(name) for name in names]""")
    assert notebook.value("r, here") == "['1', '1', '1'] [None, None, None]"


def test_dask_runs_on_workers(notebook, scaled):
    scaled("r = dask.compute(*[dask.delayed(pid)(i) for i in range(4)])")
    assert notebook.value("shell in r or kernel in r") == "False"


@pytest.mark.parametrize("choice", ["scheduler='threads'", "scheduler='synchronous'"])
def test_dask_goes_where_the_user_says(notebook, scaled, choice):
    scaled(f"r = dask.compute(*[dask.delayed(pid)(i) for i in range(4)], {choice})")
    assert notebook.value("set(r) == {shell}") == "True"


def test_joblib_goes_where_the_user_says(notebook, scaled):
    scaled("""
        with parallel_config(backend='threading'):
            r = Parallel(n_jobs=2)(delayed(pid)() for _ in range(4))""")
    assert notebook.value("set(r) == {shell}") == "True"


def test_serial_uses_processes_of_its_own(notebook):
    source = """
        with ProcessPoolExecutor(2) as e:
            r = list(e.map(pid, range(4)))
        with mp.Pool(2) as pool:
            r += pool.map(pid, range(4))
        s = dask.compute(*[dask.delayed(pid)(i) for i in range(4)])"""
    outputs = notebook.run("%%scale --serial\n" + textwrap.dedent(source))
    assert outputs.status == "ok", outputs.traceback
    workers = {process.pid for process in notebook.processes("forkserver")}
    assert not workers & set(json.loads(notebook.value("r")))
    assert notebook.value("set(s) == {shell}") == "True"
    assert notebook.value("jupyter_scale.last_run.loops") == "()"


HERE = {
    "a lock": (
        """
        def use(i):
            with lock:
                return os.getpid()
        def take(given):
            global lock
            lock = given
        with mp.Pool(2, take, (mp.Lock(),)) as pool:
            r = pool.map(use, range(4))""",
        "a Lock of multiprocessing",
    ),
    "shared memory": (
        """
        array = np.frombuffer(mp.RawArray("d", 4))
        def fill(i):
            array[i] = i + 1
            return os.getpid()
        with mp.Pool(2) as pool:
            r = pool.map(fill, range(4))
        print(array.tolist())
        del array""",
        "in shared memory",
    ),
    "a manager": (
        """
        def put(shared, i):
            shared[i] = i
            return os.getpid()
        def work():
            with mp.Manager() as manager, ProcessPoolExecutor(2) as e:
                shared = manager.dict()
                r = list(e.map(functools.partial(put, shared), range(3)))
                print(sorted(shared.values()))
                return r
        r = work()""",
        "a DictProxy of multiprocessing",
    ),
    "a generator": (
        """
        numbers = (i for i in range(9))
        def take(_):
            next(numbers)
            return os.getpid()
        with mp.Pool(2) as pool:
            r = pool.map(take, range(4))
        del numbers""",
        "numbers (generator)",
    ),
    "a file that joblib shares": (
        """
        shared = np.memmap("shared", "d", "w+", shape=4)
        def put(array, i):
            array[i] = i
            return os.getpid()
        r = Parallel(n_jobs=2)(delayed(put)(shared, i) for i in range(4))
        print(shared.tolist())
        del shared""",
        "in shared memory",
    ),
}


@pytest.mark.parametrize("name", HERE)
def test_stays_on_this_machine(notebook, scaled, name):
    source, why = HERE[name]
    plain = notebook.run(textwrap.dedent(source))
    assert plain.status == "ok", plain.traceback
    outputs, [report] = scaled(source)
    workers = {process.pid for process in notebook.processes("forkserver")}
    assert not workers & set(json.loads(notebook.value("r")))
    assert outputs.stdout == plain.stdout
    assert why in outputs.stderr
    assert why in report["why"]
    assert report["spread"] == 0


LIBRARY = """
import os
from multiprocessing import Pool

state = []

def work(i):
    return os.getpid(), state[i]

def run():
    state[:] = [5, 6]
    with Pool(2) as pool:
        return pool.map(work, range(2))
"""


def test_a_library_shares_state_with_its_own_processes(notebook, scaled):
    packages = notebook.directory / "site-packages"
    packages.mkdir()
    (packages / "poollib.py").write_text(LIBRARY)
    notebook.run(f"import sys; sys.path.append({str(packages)!r}); import poollib")
    outputs, reports = scaled("r = poollib.run()")
    workers = {process.pid for process in notebook.processes("forkserver")}
    assert notebook.value("[value for _, value in r]") == "[5, 6]"
    assert not workers & set(json.loads(notebook.value("[pid for pid, _ in r]")))
    assert "the Pool of 'poollib' used processes of its own" in outputs.stderr
    assert reports == []


RAISING = {
    "executor": "with ProcessPoolExecutor() as e:\n    list(e.map(refuse, range(5)))",
    "pool": "with mp.Pool() as pool:\n    pool.map(refuse, range(5))",
    "joblib": "Parallel(n_jobs=2)(delayed(refuse)(i) for i in range(5))",
}


@pytest.mark.parametrize("name", RAISING)
def test_raises_as_plain(notebook, scaled, name):
    outputs, _ = scaled(RAISING[name], status="error")
    plain = notebook.run(RAISING[name])
    assert (outputs.ename, outputs.evalue) == (plain.ename, plain.evalue)
    assert outputs.ename == "Refused"
    assert "in refuse" in outputs.traceback
    assert "jupyter_scale" not in outputs.traceback


@pytest.mark.parametrize(
    "call", ["e.map(speak, range(4))", "[e.submit(speak, i) for i in range(4)]"]
)
def test_shows_what_tasks_print(scaled, call):
    outputs, _ = scaled(f"with ProcessPoolExecutor() as e:\n    list({call})\n1;")
    assert sorted(outputs.stdout.splitlines()) == [f"item {i}" for i in range(4)]


@pytest.fixture
def holding(notebook):
    """Return the workers that are in `hold`, which they are until the file "go" is there."""
    work = notebook.directory / "work"
    (work / "told").touch()
    (work / "go").unlink(missing_ok=True)

    def workers():
        return [p for p in notebook.processes("forkserver") if str(work / "told") in opened(p)]

    yield workers
    (work / "go").touch()
    assert eventually(lambda: not workers(), 10)


def opened(process):
    try:
        return [file.path for file in process.open_files()]
    except psutil.Error:
        return []


def test_a_task_whose_worker_died_runs_again(notebook, holding):
    run = notebook.start(
        "%%scale\nwith ProcessPoolExecutor(2) as e:\n    r = list(e.map(hold, [4, 5]))"
    )
    assert eventually(lambda: len(holding()) == 2, 30)
    holding()[0].kill()
    assert eventually(lambda: len(holding()) == 2, 30)
    (notebook.directory / "work" / "go").touch()
    outputs = run.finish()
    assert outputs.status == "ok", outputs.traceback
    assert notebook.value("r") == "[4, 5]"


def test_a_task_with_an_effect_does_not_run_again(notebook, holding):
    source = "with mp.Pool(1) as pool:\n    pool.map(write_and_hold, [4])"
    run = notebook.start("%%scale\n" + source)
    assert eventually(lambda: len(holding()) == 1, 30)
    holding()[0].kill()
    outputs = run.finish()
    assert outputs.ename == "BrokenProcessPool"
    assert "outside effect" in outputs.evalue
    assert (notebook.directory / "work" / "effects").read_text() == "4\n"


INTERRUPTED = {
    "executor": "with ProcessPoolExecutor() as e:\n    list(e.map(hold, [60] * 8))",
    "pool": "with mp.Pool() as pool:\n    pool.map(hold, [60] * 8)",
    "joblib": "Parallel(n_jobs=2)(delayed(hold)(60) for _ in range(8))",
    "dask": "dask.compute(*[dask.delayed(hold)(60) for _ in range(8)])",
    "native": "with ProcessPoolExecutor() as e:\n    list(e.map(hold_natively, [60] * 8))",
}


@pytest.mark.parametrize("name", INTERRUPTED)
def test_an_interrupt_ends_all(notebook, scaled, holding, name):
    workers = len(notebook.processes("forkserver"))
    run = notebook.start("%%scale\n" + INTERRUPTED[name])
    assert eventually(holding, 30)
    notebook.interrupt()
    outputs = run.finish(30)
    assert outputs.ename == "KeyboardInterrupt"
    assert eventually(lambda: not holding(), 15)
    assert eventually(lambda: len(notebook.processes("forkserver")) >= workers, 30)
    scaled(ON_WORKERS["executor"])
    assert notebook.value("where(r) > 0") == "True"
