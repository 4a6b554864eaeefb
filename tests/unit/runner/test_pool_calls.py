"""Calls of a pool on their way: by name, by value, not at all; buffers once; closed pools."""

import mmap
import multiprocessing
import pickle
import types
from concurrent.futures import Future, ProcessPoolExecutor

import numpy as np
import pytest

from jupyter_scale.runner.host.pools.sharing import SharedMaps, why_shared
from jupyter_scale.runner.host.pools.store import BufferStore
from jupyter_scale.runner.host.pools.wire import Memory, StaysHere, pack, unpack
from jupyter_scale.shipping.closedpools import OF_A_POOL
from jupyter_scale.shipping.reducers import RefusedError

SOURCE = """
limit = 3

class Point:
    class Inner:
        pass

    def __init__(self, x):
        self.x = x

def shift(x):
    return x + limit

def make(x):
    return lambda: x + limit

nameless = make(1)
reader = lambda: eval("limit")
"""


@pytest.fixture
def main(monkeypatch):
    """A notebook's namespace, which `pickle` finds as ``__main__``."""
    module = types.ModuleType("__main__")
    exec(compile(SOURCE, "<cell>", "exec"), module.__dict__)
    monkeypatch.setitem(__import__("sys").modules, "__main__", module)
    return module.__dict__


def inline(buffer):
    return Memory(buffer.nbytes, None, bytes(buffer))


def packed(value, main, *, is_strict=True, is_call=True, store=inline):
    return pack(value, main, main, store, is_strict=is_strict, is_call=is_call)


def test_definitions_travel_by_name(main):
    point, other = main["Point"](1), dict(main)
    bundle, needs = packed((main["shift"], [point], main["Point"].Inner), main)
    assert needs == {"shift", "Point"}
    function, [arrived], inner = unpack(bundle, other, None)
    assert function is main["shift"]
    assert type(arrived) is main["Point"]
    assert arrived is not point
    assert inner is main["Point"].Inner


def test_a_name_that_is_not_there_is_told(main):
    bundle, _ = packed(main["shift"], main)
    with pytest.raises(AttributeError, match="has no attribute 'shift'"):
        unpack(bundle, {}, None)


def test_a_function_without_a_name_is_refused_as_plain_pickle_does(main):
    errors = []
    for dump in (pickle.dumps, lambda function: packed(function, main)):
        with pytest.raises((pickle.PicklingError, AttributeError)) as caught:
            dump(main["nameless"])
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]


def test_a_function_without_a_name_travels_by_value_for_joblib(main):
    bundle, needs = packed(main["nameless"], main, is_strict=False)
    assert needs == {"limit"}
    assert unpack(bundle, {"limit": 10}, None)() == 11


def test_a_function_that_may_read_any_name_stays(main):
    with pytest.raises(StaysHere, match=r"eval\(\)"):
        packed(main["reader"], main, is_strict=False)


def test_arrays_are_copies(main):
    array = np.arange(10_000.0)
    bundle, _ = packed(array, main)
    arrived = unpack(bundle, {}, None)
    arrived[0] = 5
    assert array[0] == 0
    assert [memory.nbytes for memory in bundle.memory] == [array.nbytes]


def make_mapped():
    return np.frombuffer(mmap.mmap(-1, 4096))


SHARED = {
    "a lock": multiprocessing.Lock,
    "a queue": multiprocessing.SimpleQueue,
    "a value": lambda: multiprocessing.Value("i"),
    "raw memory": lambda: multiprocessing.RawArray("d", 4),
    "an array on raw memory": lambda: np.frombuffer(multiprocessing.RawArray("d", 4)),
    "an array on mapped memory": make_mapped,
}


@pytest.mark.parametrize("name", SHARED)
def test_what_processes_share_stays(main, name):
    value = SHARED[name]()
    assert why_shared(value, SharedMaps())
    with pytest.raises(StaysHere):
        packed([value], main)


def test_private_memory_is_not_shared():
    private = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE)
    for array in (np.arange(3.0), np.zeros(1 << 20), np.frombuffer(private)):
        assert why_shared(array, SharedMaps()) == ""


def test_a_result_that_processes_share_is_refused_as_plain_pickle_does(main):
    with pytest.raises(RuntimeError, match="through inheritance"):
        packed(multiprocessing.Lock(), main, is_call=False)


def segments(directory):
    return sorted(path.name for path in directory.iterdir())


def bundle_of(main, store, value):
    return packed(value, main, store=store.put)[0]


def test_the_same_content_is_stored_once(main, tmp_path):
    store, array = BufferStore(tmp_path), np.arange(100_000.0)
    first, second = bundle_of(main, store, array), bundle_of(main, store, array.copy())
    assert len(segments(tmp_path)) == 1
    assert (unpack(first, {}, tmp_path) == unpack(second, {}, tmp_path)).all()


def test_a_buffer_goes_with_its_only_call(main, tmp_path):
    store = BufferStore(tmp_path)
    store.release(bundle_of(main, store, np.arange(100_000.0)))
    assert segments(tmp_path) == []


def test_a_buffer_that_comes_again_stays_until_the_end(main, tmp_path):
    store, array = BufferStore(tmp_path), np.arange(100_000.0)
    store.release(bundle_of(main, store, array))
    store.release(bundle_of(main, store, array))
    [name] = segments(tmp_path)
    store.release(bundle_of(main, store, array))
    assert segments(tmp_path) == [name]
    store.clear()
    assert segments(tmp_path) == []


def test_small_buffers_travel_inside(main, tmp_path):
    bundle = bundle_of(main, BufferStore(tmp_path), np.arange(1000.0))
    assert segments(tmp_path) == []
    assert unpack(bundle, {}, tmp_path).sum() == 499_500


def test_closed_pools_travel(main):
    with ProcessPoolExecutor(2) as executor:
        pass
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pass
    bundle, _ = packed((executor, pool), main, is_call=False)
    other_executor, other_pool = unpack(bundle, {}, None)
    with pytest.raises(RuntimeError, match="after shutdown"):
        other_executor.submit(abs, 1)
    with pytest.raises(ValueError, match="Pool not running"):
        other_pool.map(abs, [1])
    other_pool.join()
    assert repr(other_pool) == repr(pool)


def test_open_pools_do_not_travel(main):
    with ProcessPoolExecutor(1) as executor, pytest.raises(RefusedError, match=OF_A_POOL):
        packed(executor, main)
    with pytest.raises(RefusedError, match=OF_A_POOL):
        packed(Future(), main)
