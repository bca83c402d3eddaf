"""Distributions that parameters start with, each compared with many draws: bounds, which must be reached, and shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from scipy import stats
from torch import Tensor

Drawn = Mapping[str, Tensor]
_UNLIKELY = 14
"""Of n uniform draws, the largest is farther than this many n-ths from the top once in a million times."""
_ENOUGH = 1500  # values, evenly from all, whose shape is looked at


class Start(Protocol):
    """What a parameter starts with."""

    def check(self, draws: list[Tensor], others: Sequence[Drawn] = ()) -> None:
        """Raise AssertionError unless `draws`, one for each seed, start so; `others` are the cells that they are of."""


@dataclass(frozen=True)
class Uniform:
    """Independent values, uniform from `low` to `high`."""

    low: float
    high: float

    def check(self, draws: list[Tensor], others: Sequence[Drawn] = ()) -> None:
        values = _flat(draws)
        width = self.high - self.low
        near = _UNLIKELY / len(values) * width
        assert values.min() >= self.low - 1e-5 * width, f"below {self.low}: {values.min()}"
        assert values.max() <= self.high + 1e-5 * width, f"above {self.high}: {values.max()}"
        assert values.min() <= self.low + near, f"never near {self.low}: {values.min()}"
        assert values.max() >= self.high - near, f"never near {self.high}: {values.max()}"
        _must_follow(stats.uniform(self.low, width), values)


@dataclass(frozen=True)
class Normal:
    """Independent values with mean 0 and a standard deviation."""

    std: float

    def check(self, draws: list[Tensor], others: Sequence[Drawn] = ()) -> None:
        values = _flat(draws)
        few = 4 / math.sqrt(2 * len(values))  # four standard errors
        assert abs(values.std().item() / self.std - 1) < few, f"a deviation of {values.std()}, not {self.std}"
        _must_follow(stats.norm(0, self.std), values)


@dataclass(frozen=True)
class Is:
    """One value everywhere, or a tensor that may follow from the cell's other parameters."""

    value: float | Tensor | Callable[[Drawn], Tensor]

    def check(self, draws: list[Tensor], others: Sequence[Drawn] = ()) -> None:
        for i, draw in enumerate(draws):
            wanted = self.value(others[i]) if callable(self.value) else torch.as_tensor(self.value)
            assert torch.allclose(draw, wanted.to(draw), rtol=1e-4, atol=1e-6), f"not {wanted}, but {draw}"


@dataclass(frozen=True)
class Through:
    """A function of the values starts as `start` says."""

    function: Callable[[Tensor], Tensor]
    start: Start

    def check(self, draws: list[Tensor], others: Sequence[Drawn] = ()) -> None:
        self.start.check([self.function(draw.double()) for draw in draws], others)


@dataclass(frozen=True)
class Blocks:
    """Equal blocks of rows, each with a start of its own."""

    starts: tuple[Start, ...]

    def check(self, draws: list[Tensor], others: Sequence[Drawn] = ()) -> None:
        for i, start in enumerate(self.starts):
            start.check([draw.chunk(len(self.starts))[i] for draw in draws], others)


@dataclass(frozen=True)
class Where:
    """`inside` where the mask is true, and 0 elsewhere."""

    mask: Tensor
    inside: Start

    def check(self, draws: list[Tensor], others: Sequence[Drawn] = ()) -> None:
        self.inside.check([draw[self.mask] for draw in draws], others)
        Is(0.0).check([draw[~self.mask] for draw in draws], others)


@dataclass(frozen=True)
class Orthogonal:
    """Rows (or columns, where these are fewer) of length `gain`, at right angles to each other."""

    gain: float

    def check(self, draws: list[Tensor], others: Sequence[Drawn] = ()) -> None:
        for draw in draws:
            q = draw.double() if draw.shape[0] <= draw.shape[1] else draw.double().T
            wanted = self.gain**2 * torch.eye(len(q), dtype=q.dtype)
            assert torch.allclose(q @ q.T, wanted, rtol=0, atol=1e-5 * self.gain**2), f"not orthogonal: {q @ q.T}"
        _must_differ(_flat(draws))


def within(bound: float) -> Uniform:
    """Uniform on both sides of 0."""
    return Uniform(-bound, bound)


def over_root(width: int) -> Uniform:
    """Uniform in +-1/sqrt(width), as torch.nn draws its linear layers (by their inputs) and recurrent ones (by H)."""
    return within(1 / math.sqrt(width))


def log_uniform(low: float, high: float) -> Through:
    """The logarithm is uniform."""
    return Through(torch.log, Uniform(math.log(low), math.log(high)))


def check_all(starts: Mapping[str, Start], cells: list[Drawn]) -> None:
    """Raise AssertionError unless every parameter in `cells`, one for each seed, starts as its own line says."""
    assert starts.keys() == cells[0].keys(), f"without each other: {sorted(starts.keys() ^ cells[0].keys())}"
    for name, start in starts.items():
        try:
            start.check([cell[name] for cell in cells], cells)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


def _flat(draws: list[Tensor]) -> Tensor:
    values = torch.cat([draw.detach().flatten() for draw in draws]).double()
    assert values.isfinite().all(), "not finite"
    return values


def _must_follow(distribution: stats.rv_continuous, values: Tensor) -> None:
    some = values[:: len(values) // _ENOUGH + 1]
    found = stats.kstest(some.numpy(), distribution.cdf, method="asymp")
    assert found.pvalue > 1e-4, f"another distribution: a gap of {found.statistic:.3f} for {len(some)} values"
    _must_differ(some)


def _must_differ(values: Tensor) -> None:
    assert len(values.unique()) > 0.98 * len(values), "values that repeat"
