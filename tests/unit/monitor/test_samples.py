"""Samples, read out of a scheduler's identity."""

from jupyter_scale.monitor.samples import GpuSample, Sample, WorkerSample, read_sample


def test_workers_in_order_of_their_names():
    identity = {
        "idle_since_s": 5.0,
        "workers": {
            "tls://1": {"name": 1, "memory_limit": 10, "metrics": {"cpu": 2.0, "memory": 3}},
            "tls://0": {"name": "0", "memory_limit": None, "metrics": {}},
        },
    }
    expected = Sample((WorkerSample("0", 0.0, 0, 0), WorkerSample("1", 2.0, 3, 10)), 5.0)
    assert read_sample(identity) == expected


def test_a_gpu_where_distributed_knows_one():
    worker = {
        "name": "0",
        "memory_limit": 1,
        "metrics": {"cpu": 0, "memory": 0, "gpu_utilization": 50, "gpu_memory_used": 7},
        "gpu-name": "Tesla",
        "gpu-memory-total": 8,
    }
    [sample] = read_sample({"workers": {"a": worker}}).workers
    assert sample.gpu == GpuSample("Tesla", 50, 7, 8)
