"""The ways to run something elsewhere that are compared: one class for each library.

A contestant has a kernel of its own, so none pays for another's threads, imports or settings. All
it does is to write cells, in the way that its documentation recommends.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol


class Contestant(Protocol):
    """A way to run something elsewhere. Every cell that it returns binds ``r`` to the result.

    Attributes
    ----------
    name
        What the table and ``--only`` call it.
    package
        The module that must be installed.
    end
        The cell that ends its cluster.
    """

    name: str
    package: str
    end: str

    def start(self, workers: int, definitions: str) -> str:
        """Return the cell that starts its cluster.

        Parameters
        ----------
        workers
            How many processes of one thread.
        definitions
            Source of the functions that will be called; the kernel has run it.
        """

    def call(self, function: str, *names: str) -> str:
        """Return the cell that calls a function with small values."""

    def send(self, function: str, name: str) -> str:
        """Return the cell that calls a function with a large array."""

    def map(self, function: str, count: int, *names: str, batches: int | None = None) -> str:
        """Return the cell that makes a list of what a function returns for each number.

        Parameters
        ----------
        names
            Large values that the function gets, too.
        batches
            Cut the numbers into so many tasks, where the library does not do that itself.
        """


class Plain:
    """The cell as it is, in the kernel."""

    name = "plain"
    package = "IPython"
    end = ""

    def start(self, workers: int, definitions: str) -> str:
        """Start nothing."""
        return ""

    def call(self, function: str, *names: str) -> str:
        """Call it."""
        return f"r = {function}({', '.join(names)})"

    def send(self, function: str, name: str) -> str:
        """Call it."""
        return self.call(function, name)

    def map(self, function: str, count: int, *names: str, batches: int | None = None) -> str:
        """Call it in a comprehension."""
        return f"r = [{function}({', '.join(['i', *names])}) for i in range({count})]"


class Scale(Plain):
    """The same cell with ``%%scale`` on top."""

    name = "%%scale"
    package = "jupyter_scale"
    end = "%scale down"

    def start(self, workers: int, definitions: str) -> str:
        """Start a local cluster."""
        return f"%load_ext jupyter_scale\n%scale quiet\n%scale up --workers {workers}"

    def call(self, function: str, *names: str) -> str:
        """Call it there."""
        return f"%%scale\n{super().call(function, *names)}"

    def map(self, function: str, count: int, *names: str, batches: int | None = None) -> str:
        """Call it in a comprehension, which spreads."""
        return f"%%scale\n{super().map(function, count, *names)}"


class Joblib(Plain):
    """``joblib.Parallel``, which makes batches and maps large arrays by itself."""

    name = "joblib"
    package = "joblib"
    end = """
from joblib.externals import loky

loky.get_reusable_executor().shutdown()
"""

    def start(self, workers: int, definitions: str) -> str:
        """Start the processes of its default backend; they are kept."""
        return f"""
import joblib

joblib_workers = {workers}
joblib.Parallel(n_jobs=joblib_workers)(joblib.delayed(abs)(i) for i in range(8))
"""

    def map(self, function: str, count: int, *names: str, batches: int | None = None) -> str:
        """Call it in a comprehension whose function is delayed."""
        call = f"joblib.delayed({function})({', '.join(['i', *names])})"
        return f"r = joblib.Parallel(n_jobs=joblib_workers)({call} for i in range({count}))"


class Distributed:
    """``distributed``: ``scatter`` and ``submit``."""

    name = "distributed"
    package = "distributed"
    end = "client.close(); cluster.close()"

    def start(self, workers: int, definitions: str) -> str:
        """Start a local cluster and a client."""
        return f"""
from distributed import Client, LocalCluster

cluster = LocalCluster(
    n_workers={workers}, threads_per_worker=1, processes=True, dashboard_address=None
)
client = Client(cluster)
"""

    def call(self, function: str, *names: str) -> str:
        """Submit it, and wait."""
        return f"r = client.submit({', '.join([function, *names])}, pure=False).result()"

    def send(self, function: str, name: str) -> str:
        """Scatter the array first; hashing it would take longer than sending it."""
        return self.call(function, f"client.scatter({name}, hash=False)")

    def map(self, function: str, count: int, *names: str, batches: int | None = None) -> str:
        """Map, and gather; large values are scattered, and batches made by hand."""
        values = "".join(f", {name}=client.scatter({name}, hash=False)" for name in names)
        if batches is None:
            return f"r = client.gather(client.map({function}, range({count}){values}, pure=False))"
        return f"""
size = {-(-count // batches)}
parts = [range(k, min(k + size, {count})) for k in range(0, {count}, size)]
parts = client.gather(client.map(lambda part: [{function}(i) for i in part], parts, pure=False))
r = [value for part in parts for value in part]
"""


class IPyParallel:
    """``ipyparallel``: ``push``, ``execute`` and ``pull``."""

    name = "ipyparallel"
    package = "ipyparallel"
    end = "engines.close(); cluster.stop_cluster_sync()"

    def start(self, workers: int, definitions: str) -> str:
        """Start engines, and define there what is called: a function's globals do not travel."""
        return f"""
import logging

import ipyparallel

cluster = ipyparallel.Cluster(n={workers}, log_level=logging.ERROR)
engines = cluster.start_and_connect_sync()
engines[:].execute({definitions!r}, block=True)
engine, balanced = engines[0], engines.load_balanced_view()
engine.block = True
"""

    def call(self, function: str, *names: str) -> str:
        """Push the values, call it on the first engine, pull the result."""
        pushed = ", ".join(f"{name}={name}" for name in names)
        cell = [f"engine.push(dict({pushed}))"] if names else []
        cell += [f"engine.execute('r = {function}({', '.join(names)})')", "r = engine.pull('r')"]
        return "\n".join(cell)

    def send(self, function: str, name: str) -> str:
        """Push the array."""
        return self.call(function, name)

    def map(self, function: str, count: int, *names: str, batches: int | None = None) -> str:
        """Map with balanced load; large values are pushed to all engines first."""
        push = "".join(f"engines[:].push(dict({name}={name}), block=True)\n" for name in names)
        mapped = f"lambda i: {function}({', '.join(['i', *names])})" if names else function
        size = "" if batches is None else f", chunksize={-(-count // batches)}"
        return f"{push}r = balanced.map_sync({mapped}, range({count}){size})"


class Ray:
    """``ray``: ``put``, ``remote`` and ``get``."""

    name = "ray"
    package = "ray"
    end = "ray.shutdown()"

    def start(self, workers: int, definitions: str) -> str:
        """Start ray on this machine, and tell it what may be called; it reports to nobody."""
        return f"""
import os
import types

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_raylet_start_wait_time_s"] = "120"  # on a busy machine

import ray

ray.init(num_cpus={workers}, include_dashboard=False, log_to_driver=False, logging_level="error")
remote = {{
    name: ray.remote(value)
    for name, value in list(globals().items())
    if isinstance(value, types.FunctionType) and value.__module__ == "__main__"
}}
"""

    def call(self, function: str, *names: str) -> str:
        """Start it, and wait."""
        return f"r = ray.get(remote[{function!r}].remote({', '.join(names)}))"

    def send(self, function: str, name: str) -> str:
        """Put the array into the object store first."""
        return self.call(function, f"ray.put({name})")

    def map(self, function: str, count: int, *names: str, batches: int | None = None) -> str:
        """Start them all, and wait for all; large values are put into the store first."""
        put = "".join(f"{name}_there = ray.put({name})\n" for name in names)
        given = ", ".join(["i", *(f"{name}_there" for name in names)])
        if batches is None:
            return (
                f"{put}r = ray.get([remote[{function!r}].remote({given}) for i in range({count})])"
            )
        return f"""
size = {-(-count // batches)}
call = ray.remote(lambda part: [{function}(i) for i in part])
parts = ray.get([call.remote(range(k, min(k + size, {count}))) for k in range(0, {count}, size)])
r = [value for part in parts for value in part]
"""


#: In the order of the table.
ALL: tuple[Contestant, ...] = (Plain(), Scale(), Distributed(), IPyParallel(), Ray())
#: Those that can spread a loop.
LOOPS: tuple[Contestant, ...] = (
    Plain(), Scale(), Joblib(), Distributed(), IPyParallel(), Ray(),
)  # fmt: skip


def is_installed(contestant: Contestant) -> bool:
    """Tell whether a contestant can take part."""
    return find_spec(contestant.package) is not None
