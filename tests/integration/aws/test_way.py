"""From a profile to instances, cells on them, and nothing left."""

import pytest

from awsprofiles import left, write_profile


@pytest.fixture
def laptop(tmp_path, ec2_laptop):
    write_profile(tmp_path / "notebooks", {"count": 2}, max_cost=5.0)
    return ec2_laptop()


def test_the_whole_way(aws, laptop):
    said = laptop.run("%scale up train")
    assert "The cluster 'train' is up: 2 workers." in said
    laptop.run("%%scale\nimport socket\nwhere = socket.gethostname()")
    assert laptop.run("print(where)").strip() in aws.machines
    laptop.run(
        "import time, socket\ndef there(i):\n    time.sleep(0.05)\n    return socket.gethostname()"
    )
    laptop.run("%%scale\nhosts = [there(i) for i in range(40)]")
    assert laptop.run("print(len(set(hosts)))") == "2\n"
    assert "node     cpu-2: running" in laptop.run("%scale")
    laptop.run("%scale down")
    assert left(aws) == {}
    assert aws.count("RunInstances") == 1


def test_the_next_kernel_finds_the_cluster_from_another_network(aws, laptop, ec2_laptop):
    laptop.run("%scale up train")
    before = set(aws.machines)
    laptop.kill()
    aws.move()
    second = ec2_laptop()
    assert "is up: 2 workers" in second.run("%scale up train")
    assert set(aws.machines) == before
    second.run("%%scale\nx = 1")
    second.run("%scale down")
    assert left(aws) == {}
    assert aws.count("RunInstances") == 1
