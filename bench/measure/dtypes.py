"""The dtypes that a model's products of matrices have in fact: autocast decides op by op, and by device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator
from torch.utils._pytree import tree_leaves

from bench.kernels.uncompiled import UncompiledMode
from bench.measure.costs import cost_of
from bench.train.setup import Setup
from bench.unroll.agreement import PIECE
from bench.unroll.generated import KernelUnroll

_FUSED = ("rnn", "lstm", "gru")
"""Parts of the names of torch's fused recurrent layers, whose products no counter sees."""


def product_dtypes(setup: Setup) -> list[str]:
    """The names of the dtypes of all factors of matrix products in a forward pass of training, sorted.

    The model goes by the form and in the precision of the run, on its device, over the first steps of a batch.
    """
    model, machine = setup.model.train(), setup.machine
    batch = next(iter(setup.task.batches("train", setup.config.batch_size, Generator().manual_seed(0))))
    if setup.task.spec.reads != "sequence":
        batch = batch.span(0, min(PIECE, len(batch.inputs)))
    with Products() as products, machine.autocast():
        model.predict(batch.to(machine.device), model.initial_state(len(batch.fresh)))
    generated = {form.dtype for form in model.unrolls if isinstance(form, KernelUnroll)}  # no counter sees into them
    return sorted(str(dtype).removeprefix("torch.") for dtype in products.seen | generated)


class Products(UncompiledMode):
    """Collects the dtypes of the factors of all products of matrices that torch computes within it, into `seen`."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[torch.dtype] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        products, _ = cost_of(func, args, out) or (0, 0)
        if products or any(part in func._schema.name for part in _FUSED):
            tensors = (leaf for leaf in tree_leaves(args) if isinstance(leaf, torch.Tensor))
            self.seen |= {tensor.dtype for tensor in tensors if tensor.is_floating_point() or tensor.is_complex()}
        return out
