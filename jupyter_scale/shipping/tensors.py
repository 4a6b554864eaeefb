"""PyTorch tensors in main memory: what one holds, and how to make another hold the same.

They travel as numpy arrays, without a copy in between; so does what their own pickling leaves out:
gradients and attributes. Tensors on a device, sparse and quantised ones travel as PyTorch does it.
"""

from __future__ import annotations

import sys
from typing import Any


def is_plain_tensor(tensor: Any) -> bool:
    """Tell whether a tensor is a strided one in main memory that no computation has made."""
    torch = sys.modules["torch"]
    return (
        tensor.grad_fn is None
        and tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_quantized
    )


def tensor_state(tensor: Any) -> tuple[Any, str, bool, Any, list[tuple[str, Any]]]:
    """Return elements (an array), name of their type, requires_grad, gradient and attributes."""
    torch = sys.modules["torch"]
    content = tensor.detach()
    try:
        array = content.numpy()
    except TypeError:  # numpy has no such type: the bytes
        array = content.contiguous().reshape(-1).view(torch.uint8).numpy()
    form = str(content.dtype).removeprefix("torch.")
    return array, form, tensor.requires_grad, tensor.grad, list(vars(tensor).items())


def tensor_form(tensor: Any) -> tuple[bool, tuple[int, ...], tuple[int, ...] | None, str]:
    """Return the arguments of `make_tensor`; no strides where elements overlap or have gaps."""
    is_dense = sys.modules["torch"].ops.aten.is_non_overlapping_and_dense(tensor)
    return (
        type(tensor).__name__ == "Parameter",
        tuple(tensor.shape),
        tuple(tensor.stride()) if is_dense else None,
        str(tensor.dtype).removeprefix("torch."),
    )


def make_tensor(
    is_parameter: bool,  # noqa: FBT001 - wire
    shape: tuple[int, ...],
    strides: tuple[int, ...] | None,
    form: str,
) -> Any:
    """Return a tensor of a form; its elements are not set."""
    import torch

    dtype = getattr(torch, form)
    if strides is None:
        tensor = torch.empty(shape, dtype=dtype)
    else:
        tensor = torch.empty_strided(shape, strides, dtype=dtype)
    return torch.nn.Parameter(tensor, requires_grad=False) if is_parameter else tensor


def set_tensor_state(tensor: Any, state: Any) -> None:
    """Make a tensor hold `state`; whatever shares its storage goes on doing so if the form fits."""
    torch = sys.modules["torch"]
    array, form, requires_grad, gradient, own = state
    dtype = getattr(torch, form)
    content = torch.as_tensor(array if array.flags.writeable else array.copy())
    if content.dtype != dtype:
        content = content.view(dtype).reshape(tensor.shape)
    if tensor.shape == content.shape and tensor.dtype == dtype:
        tensor.data.copy_(content)
    else:
        tensor.data = content.clone()
    tensor.requires_grad_(requires_grad)
    tensor.grad = gradient
    vars(tensor).clear()
    vars(tensor).update(own)
