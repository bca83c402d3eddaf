"""The time of the bare products of matrices of a training step, at the model's own shapes: a limit of its speed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from bench.api import Batch
from bench.hardware.large_product import ONEDNN, has_onednn
from bench.hardware.machine import Machine
from bench.hardware.timing import Timed
from bench.kernels.uncompiled import UncompiledMode
from bench.measure.costs import PRODUCTS, name_of
from bench.measure.lookups import Lookups
from bench.model.sequence import SequenceModel

STEPS = 64
"""Time steps of a batch over which products are collected, each time step having the same."""

_LONG = 2e-3  # seconds over which a product is repeated
_REPEATS = 3


class Factor(NamedTuple):
    """A tensor but for its numbers."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, value: Any) -> Any:
        """The factor of a tensor; any other value as it is."""
        return cls(tuple(value.shape), value.stride(), value.dtype) if isinstance(value, Tensor) else value


class Product(NamedTuple):
    """A call of an op of torch that multiplies matrices. `made` is the shape of its result."""

    op: Any
    arguments: tuple[Any, ...]
    made: tuple[int, ...]


def seconds_of_products(model: SequenceModel, batch: Batch, machine: Machine) -> float:
    """Seconds of the bare products of a training step, forward and backward, for each time step of a lane.

    They are those of the loop of steps, whatever form the model goes by: the products with inputs alone for all steps
    at once, one with the state a step, and that of a weight's gradient for all steps at once, since nothing waits for
    it. Products with one-hot vectors are none. Each product is repeated on the same numbers, which lie in the caches
    then. The model stays as it is.
    """
    batch = batch.span(0, min(STEPS, len(batch.inputs))).to(machine.device)
    products = _over_time_at_once(_collected(model, batch, machine), {tuple(p.shape) for p in model.parameters()})
    spent = sum(count * _seconds(product, machine) for product, count in products.items())
    return spent / (len(batch.inputs) * len(batch.fresh))


def _collected(model: SequenceModel, batch: Batch, machine: Machine) -> Counter[Product]:
    model = deepcopy(model).train()
    model.choose_unroll("eager")
    with torch.random.fork_rng(devices=[]), _Products(Lookups(model)) as products:
        with machine.autocast():
            logits, _ = model.predict(batch, model.initial_state(len(batch.fresh)))
        logits.sum().backward()
    return products.seen


class _Products(UncompiledMode):
    """Collects the products that torch computes within it, into `seen`, but for those with one-hot vectors."""

    def __init__(self, lookups: Lookups) -> None:
        super().__init__()
        self.seen: Counter[Product] = Counter()
        self._lookups = lookups

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        is_product = name_of(func) in PRODUCTS and isinstance(out, Tensor)
        if is_product and self._lookups.additions(func, args) is None:
            arguments = tree_map(lambda value: tuple(value) if isinstance(value, list) else Factor.of(value), args)
            self.seen[Product(func, arguments, tuple(out.shape))] += 1
        self._lookups.see(func, args, out)
        return out


def _over_time_at_once(products: Counter[Product], weights: set[tuple[int, ...]]) -> Counter[Product]:
    """The products, with those of a weight's gradient, one for each step, as one over all steps."""
    found: Counter[Product] = Counter()
    for product, count in products.items():
        if product.op is torch.ops.aten.mm.default and {product.made, product.made[::-1]} & weights:
            left, right = product.arguments
            (m, k), (_, n) = left.shape, right.shape
            whole = (Factor((m, k * count), (1, m), left.dtype), Factor((k * count, n), (n, 1), right.dtype))
            found[Product(product.op, whole, product.made)] += 1
        else:
            found[product] += count
    return found


def _seconds(product: Product, machine: Machine) -> float:
    """The shortest of some times of the product, by the fastest library that torch has for it."""

    def made(value: Any) -> Any:
        if not isinstance(value, Factor):
            return value
        return torch.empty_strided(value.shape, value.stride, dtype=value.dtype, device=machine.device).fill_(0.5)

    arguments = tree_map(made, product.arguments, is_leaf=lambda value: isinstance(value, Factor))
    with torch.no_grad():
        return min(_shortest(call, machine) for call in _calls(product, arguments))


def _calls(product: Product, arguments: Sequence[Any]) -> Iterator[Callable[[], Any]]:
    """The product by torch's own library, and by oneDNN where that has it."""
    yield partial(product.op, *arguments)
    if name_of(product.op) in ("mm", "addmm"):
        left, right = arguments[-2:]
        if has_onednn(left):
            yield partial(ONEDNN, left.contiguous().to_mkldnn(), right.t().contiguous().to_mkldnn())


def _shortest(call: Callable[[], Any], machine: Machine) -> float:
    def work() -> int:
        call()
        return 1

    timed = Timed(work, machine)
    timed.warm_up(_LONG)
    return min(timed.sample().seconds for _ in range(_REPEATS)) / timed.calls
