"""The runner and the workers start, and seed loops, where numpy is not installed."""

import subprocess
import sys

SOURCE = """
import sys
sys.modules["numpy"] = None  # it cannot be imported
import jupyter_scale.runner.host.shell, jupyter_scale.runner.host.loops.worker
import random
from jupyter_scale.runner.host.loops import seeds
before = seeds.Generators()
seeds.seed_iteration(seeds.loop_seed(), 0)
assert not before.are_as_before()
before.restore()
assert before.are_as_before()
drawn = []
for _ in range(2):
    seeds.seed_iteration(7, 3)
    drawn.append(random.random())
seeds.seed_iteration(7, 4)
print(drawn[0] == drawn[1] != random.random())
"""


def test_the_runner_starts_without_numpy():
    done = subprocess.run(
        [sys.executable, "-c", SOURCE], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "True\n", done.stderr
