"""PyTorch, where it is installed: parameters stay shared with their optimizer, gradients travel."""

import pytest

from notebook import Notebook

pytest.importorskip("torch")

TRAIN = """
import torch
torch.set_num_threads(1)
torch.manual_seed(0)
w = torch.nn.Parameter(torch.ones(3)); opt = torch.optim.SGD([w], lr=0.1); held = [w]
half = torch.ones(2, dtype=torch.bfloat16); turned = torch.ones(2, 3).T
---
loss = (w * 2).sum(); loss.backward(); opt.step(); turned[0, 0] = 7; half += 1
---
# plain
opt.param_groups[0]["params"][0] is w, held[0] is w, w, w.grad, half, turned, turned.stride()
---
opt.param_groups[0]["params"][0].data.add_(1.0)
---
# plain
w, float(loss.detach())
"""


@pytest.fixture
def notebooks(tmp_path):
    made = []
    for name in ("plain", "scaled"):
        (tmp_path / name).mkdir()
        made.append(Notebook(tmp_path / name))
    made[1].run("%load_ext jupyter_scale\n%scale quiet")
    yield made
    for notebook in made:
        notebook.close()


def test_training_is_the_same(notebooks):
    plain, scaled = notebooks
    for cell in TRAIN.strip().split("\n---\n"):
        wanted = plain.run(cell)
        got = scaled.run(cell if cell.startswith("# plain") else f"%%scale\n{cell}")
        assert (got.status, got.result) == (wanted.status, wanted.result), cell


def test_a_tensor_made_by_a_computation_cannot_travel_to_the_cluster(notebooks):
    scaled = notebooks[1]
    scaled.run("import torch; w = torch.ones(2, requires_grad=True); loss = (w * 2).sum()")
    outputs = scaled.run("%%scale\nloss.backward()")
    assert "ran here: loss (torch.Tensor) cannot travel: the computation" in outputs.stderr
    assert scaled.value("w.grad.tolist()") == "[2.0, 2.0]"


def test_it_comes_home_without_its_computation_and_says_so(notebooks):
    scaled = notebooks[1]
    outputs = scaled.run(
        "%%scale\nimport torch; w = torch.ones(2, requires_grad=True); loss = (w * 2).sum()"
    )
    assert "without the computation that made it" in outputs.stderr
    assert scaled.run("%%scale\nloss.backward(); w.grad.tolist()").result["text/plain"] == (
        "[2.0, 2.0]"
    )
