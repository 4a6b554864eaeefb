"""Samples, read out of what a scheduler answers."""

from dataclasses import asdict

from jupyter_scale.model.feed import GpuView
from jupyter_scale.monitor.samples import Sample, WorkerSample, read_sample


def test_workers_in_order_of_their_names():
    looked = {
        "idle_since_s": 5.0,
        "gpus": {},
        "workers": {
            "tls://1": {"name": 1, "memory_limit": 10, "metrics": {"cpu": 2.0, "memory": 3}},
            "tls://0": {"name": "0", "memory_limit": None, "metrics": {}},
        },
    }
    expected = Sample((WorkerSample("0", 0.0, 0, 0), WorkerSample("1", 2.0, 3, 10)), 5.0)
    assert read_sample(looked) == expected


def test_the_gpus_of_a_node():
    gpus = [GpuView(0, "A100", 50.0, 7, 8, 40.0, 99.5), GpuView(1, "A100", *[None] * 5)]
    looked = {"workers": {}, "idle_since_s": None, "gpus": {"n": [asdict(gpu) for gpu in gpus]}}
    assert read_sample(looked).gpus == {"n": tuple(gpus)}
