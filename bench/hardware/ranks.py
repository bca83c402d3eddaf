"""The processes that share the batches of one run, a device each: a rank is one of them.

Every rank draws the same batches and takes its lanes of each. What is summed over the lanes is added up over the ranks,
so that each has the gradient of the whole batch and makes the same update of the same weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, distributed, nn
from torch.distributed.rendezvous import rendezvous

from bench.api import Batch
from bench.config.torchrun import started
from bench.errors import BenchError, Failed

T = TypeVar("T")

_FAULT = "bench fault"
_LONGEST = timedelta(days=1)  # that the others wait while one scores or measures; one that has ended is noticed at once


class RankLost(BenchError):
    """Another process of the run has ended. `status` is that of the run: interrupted, or what the process said."""

    def __init__(self, message: str, status: str = "interrupted") -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Ranks:
    """The ranks of a run as one of them sees them: it is `number` of `count`, from 0 on.

    All methods that speak to the others are to be called by every rank, in one order; each raises RankLost where
    another rank has ended. With a single rank they give back what they are given.
    """

    number: int = 0
    count: int = 1
    local: int = 0
    """The number of this rank among those on its machine, which are `beside` in all."""
    beside: int = 1
    store: Any = field(default=None, repr=False, compare=False)

    @property
    def is_first(self) -> bool:
        """Whether this rank is the one that scores, measures, writes and speaks."""
        return self.number == 0

    def share(self, lanes: int) -> slice:
        """This rank's part of so many lanes; the first lane where there are too few for all ranks."""
        begin, end = (lanes * each // self.count for each in (self.number, self.number + 1))
        return slice(begin, end) if begin < end else slice(0, 1)

    def lanes(self, batch: Batch) -> Batch:
        """This rank's lanes of a batch. Where there are too few for all, it has the first one with a weight of 0."""
        if self.count == 1:
            return batch
        lanes = len(batch.fresh)
        own = batch.lanes(self.share(lanes))
        too_few = lanes * self.number // self.count == lanes * (self.number + 1) // self.count
        return replace(own, weight=torch.zeros_like(own.weight)) if too_few else own

    def sum(self, value: float) -> float:
        """The sum of a number over the ranks, in double precision."""
        return value if self.count == 1 else self._sums([value])[0]

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Each flag, true where it is so on any rank."""
        return flags if self.count == 1 else tuple(total > 0 for total in self._sums(flags))

    def _sums(self, values: Sequence[float]) -> list[float]:
        numbers = torch.tensor(values, dtype=torch.float64)
        with self._reaching_all():
            distributed.all_reduce(numbers)
        return numbers.tolist()

    @torch.no_grad()
    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Give every parameter the sum of its gradients over the ranks; none where no rank has one."""
        if self.count == 1:
            return
        there = parameters[0].new_tensor([parameter.grad is not None for parameter in parameters])
        gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
        flat = torch.cat([*(gradient.flatten() for gradient in gradients), there])
        with self._reaching_all():
            distributed.all_reduce(flat)
        *sums, there = flat.split([*(each.numel() for each in parameters), len(parameters)])
        for parameter, total, ranks in zip(parameters, sums, there.tolist(), strict=True):
            parameter.grad = total.view_as(parameter).to(parameter.dtype) if ranks else None

    def first_says(self, value: T) -> T:
        """What the first rank gives; the values of the others do not count."""
        if self.count == 1:
            return value
        said = [value if self.is_first else None]
        with self._reaching_all():
            distributed.broadcast_object_list(said, src=0)
        return cast(T, said[0])

    def all_say(self, value: T) -> list[T]:
        """What each rank gives, by number."""
        said = [value] * self.count
        if self.count > 1:
            with self._reaching_all():
                distributed.all_gather_object(said, value)
        return said

    def all_lanes(self, tensors: list[Tensor]) -> list[Tensor]:
        """Tensors `[B, ...]` with the lanes of all ranks, each of which gives its own."""
        if self.count == 1:
            return tensors
        of_all = self.all_say([tensor.cpu() for tensor in tensors])
        return [torch.cat(parts) for parts in zip(*of_all, strict=True)]

    def must_agree(self, parameters: Sequence[nn.Parameter]) -> None:
        """Raise Failed, on every rank, where weights differ between ranks: each would train a model of its own."""
        if self.count > 1:
            sums = self.all_say([_bits(parameter) for parameter in parameters])
            if other := next((number for number, each in enumerate(sums) if each != sums[0]), None):
                raise Failed(
                    f"the weights of processes 0 and {other} differ to the last bit after the same updates: start all "
                    "on processors of one kind, with the same versions"
                )

    def tell_fault(self, status: str, reason: str) -> None:
        """Leave word of why this rank ends, for the one that records the run."""
        if self.store is not None:
            with suppress(RuntimeError):
                self.store.set(_FAULT, json.dumps([status, f"process {self.number}: {reason}"]))

    @contextmanager
    def _reaching_all(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # torch's errors of a closed connection
            raise self._lost() from error

    def _lost(self) -> RankLost:
        with suppress(RuntimeError):
            if self.store.check([_FAULT]):
                status, reason = json.loads(self.store.get(_FAULT))
                return RankLost(reason, status)
        return RankLost("another process of the run has ended; the same command goes on from the last checkpoint")


ALONE = Ranks()
"""The one rank of a run on one device."""


@contextmanager
def joined() -> Iterator[Ranks]:
    """In the block the ranks that torchrun has started can speak to each other; ALONE where it has started no others.

    They speak by gloo, and add up what lies on GPUs by NCCL.
    """
    place = started()
    if place.count == 1:
        yield ALONE
        return
    store, _, _ = next(rendezvous("env://"))
    by_nccl = torch.cuda.is_available() and distributed.is_nccl_available()
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if by_nccl else "gloo",
        store=store,
        rank=place.number,
        world_size=place.count,
        timeout=_LONGEST,
    )
    try:
        yield Ranks(place.number, place.count, place.local, place.beside, store)
    finally:
        with suppress(RuntimeError):  # where another rank has ended
            distributed.destroy_process_group()


def _bits(parameter: Tensor) -> int:
    """The sum of a tensor's bits as whole numbers, which no order of adding up changes."""
    whole = torch.int64 if parameter.element_size() == 8 else torch.int32
    return int(parameter.detach().contiguous().view(whole).sum())
