"""What a step may do that the operations of a trace do not tell: it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.overrides import TorchFunctionMode

from bench.kernels.step import Cannot

__all__ = ["WithoutNumbers", "refuse_own_gradients"]


class WithoutNumbers(TorchFunctionMode):
    """Refuses what makes Python's numbers of a tensor out of a tracer's sight: they would stay what they are now."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.tolist, Tensor.numpy, Tensor.__array__):
            raise Cannot(f"{func.__name__} makes Python's numbers of a tensor; compute with tensors")
        return func(*args, **(kwargs or {}))


def refuse_own_gradients(results: Sequence[Tensor]) -> None:
    """Refuse a step that calls a function with a backward pass of its own, which its operations do not tell."""
    nodes = [result.grad_fn for result in results if isinstance(result, Tensor)]
    seen = set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, BackwardCFunction):
            name = type(node).__name__.removesuffix("Backward")
            raise Cannot(f"{name} has a gradient of its own; write x + (forward(x) - x).detach() for that of x")
        nodes += [before for before, _ in node.next_functions]
