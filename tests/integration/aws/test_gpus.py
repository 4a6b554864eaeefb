"""Pools with and without GPUs, which are fake."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

import fakenvml
from awsprofiles import left, write_profile


@pytest.fixture
def python_with_gpus():
    """A Python whose processes find two GPUs; instances' users can read it."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    fakenvml.build(directory)
    python = directory / "python"
    lines = ["#!/bin/sh", f"export LD_LIBRARY_PATH={directory}", f'exec {sys.executable} "$@"', ""]
    python.write_text("\n".join(lines))
    python.chmod(0o755)
    yield str(python)
    shutil.rmtree(directory)


@fakenvml.needs_compiler
def test_a_mixed_cluster(aws, tmp_path, ec2_laptop, python_with_gpus):
    gpu = {"name": "gpu", "instance_type": "g5.xlarge", "workers": 2}
    write_profile(
        tmp_path / "notebooks", {}, {**gpu, "python": python_with_gpus}, {**gpu, "name": "bare"}
    )
    laptop = ec2_laptop()
    said = laptop.run("%scale up train")
    assert "is up: 5 workers" in said
    assert "not on bare-1: the GPUs of its type" in said, said
    assert "no NVIDIA driver" in said
    hosts = {one.api.instance_type: one.id for one in aws.living[:2]}
    laptop.run("%%scale --gpu 1\nimport socket\nwhere = socket.gethostname()")
    assert laptop.run("print(where)").strip() == hosts["g5.xlarge"]
    laptop.run(
        """
        import os, socket, time
        def load(i):
            time.sleep(0.2)
            return list(range(i * 10, i * 10 + 10)), socket.gethostname()
        def train(parts):
            numbers, hosts = zip(*parts)
            total = sum(map(sum, numbers))
            return total, socket.gethostname(), os.environ["CUDA_VISIBLE_DEVICES"], set(hosts)
        """
    )
    laptop.run(
        """%%scale
        import dask
        parts = dask.persist(*(dask.delayed(load)(i) for i in range(20)))
        with dask.annotate(resources={"GPU": 1}):
            trained = dask.delayed(train)(list(parts))
        result = trained.compute(optimize_graph=False)
        del parts, trained
        """
    )
    total, host, device, fed_by = eval(laptop.run("print(result)"))
    assert total == sum(range(200))
    assert host == hosts["g5.xlarge"]
    assert device in ("0", "1")
    assert hosts["t3.medium"] in fed_by
    laptop.run("%scale down")
    assert left(aws) == {}
