"""Cells that are each wrong in one way, made from a correct one."""

from __future__ import annotations

import ctypes
import random
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell
from bench.cells.gru import GRU
from bench.cells.slstm import SLSTM


class AgedState(NamedTuple):
    """The state of `Good`: its output `[B, H]`, and how many steps each lane has seen `[B]`."""

    h: Tensor
    age: Tensor


class Good(Cell):
    """h' = a h + W x + sin(age), with a in (0, 1). Its second form drives all steps at once."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.weight = nn.Parameter(torch.randn(hidden_size, input_size))
        self.decay = nn.Parameter(torch.randn(hidden_size))

    def initial_state(self, batch_size: int, like: Tensor) -> AgedState:
        return AgedState(like.new_zeros(batch_size, self.hidden_size), like.new_zeros(batch_size))

    def factor(self) -> Tensor:
        return torch.sigmoid(self.decay)

    def drive(self, x: Tensor, age: Tensor) -> Tensor:
        """What enters the recurrence, for one step `[B, F]` or for all `[T, B, F]`."""
        return F.linear(x, self.weight) + torch.sin(age)[..., None]

    def step(self, x_BF: Tensor, state: AgedState) -> tuple[Tensor, AgedState]:  # type: ignore[override]
        h = self.factor() * state.h + self.drive(x_BF, state.age)
        return h, AgedState(h, state.age + 1)

    def unroll(self, x_TBF: Tensor, state: AgedState) -> tuple[Tensor, AgedState]:
        age_TB = state.age + torch.arange(len(x_TBF)).to(state.age)[:, None]
        h, outputs, factor = state.h, [], self.factor()
        for drive_BH in self.drive(x_TBF, age_TB).unbind(0):
            h = factor * h + drive_BH
            outputs.append(h)
        return torch.stack(outputs), AgedState(h, state.age + len(x_TBF))


class WideOutput(Good):
    def step(self, x_BF, state):
        h, state = super().step(x_BF, state)
        return torch.cat([h, h], dim=-1), state

    unroll = None


class LanesLast(Good):
    """One age for all lanes."""

    def initial_state(self, batch_size, like):
        return AgedState(super().initial_state(batch_size, like).h, like.new_zeros(1))


class OtherUnroll(Good):
    def unroll(self, x_TBF, state):
        y_TBH, last = super().unroll(x_TBF, state)
        return y_TBH + 1e-3, last


class OtherGradient(Good):
    """The same values, but the parallel form does not learn `decay`."""

    def unroll(self, x_TBF, state):
        self.factor = lambda: torch.sigmoid(self.decay.detach() + 0 * self.decay)
        try:
            return super().unroll(x_TBF, state)
        finally:
            del self.factor


class StaleVendor(GRU):
    """Another equation than its parent's, beside the parent's vendor form."""

    def gates(self, x_proj, h_proj, h):
        return 0.9 * super().gates(x_proj, h_proj, h)


class DropsItsState(Good):
    """A parallel form in blocks of 64 steps, each of which begins anew."""

    def unroll(self, x_TBF, state):
        outputs = []
        for block_TBF in x_TBF.split(64):
            if outputs:
                state = AgedState(torch.zeros_like(state.h), state.age)
            y_TBH, state = super().unroll(block_TBF, state)
            outputs.append(y_TBH)
        return torch.cat(outputs), state


class CutsItsGradient(DropsItsState):
    """The same values; the gradient alone begins anew with each block."""

    def unroll(self, x_TBF, state):
        outputs = []
        for block_TBF in x_TBF.split(64):
            y_TBH, state = Good.unroll(self, block_TBF, AgedState(state.h.detach() if outputs else state.h, state.age))
            outputs.append(y_TBH)
        return torch.cat(outputs), state


class EightLanes(Good):
    """A parallel form for vectors of 8 lanes, which leaves the rest of them at what they were."""

    def unroll(self, x_TBF, state):
        y_TBH, last = super().unroll(x_TBF, state)
        return torch.cat([y_TBH[:, :8], y_TBH[:, 8:] * 0], dim=1), last


class EightUnits(Good):
    """A parallel form in blocks of 8 units, which forgets the last ones where they are no whole block."""

    def unroll(self, x_TBF, state):
        y_TBH, last = super().unroll(x_TBF, state)
        whole = self.hidden_size - self.hidden_size % 8 or self.hidden_size
        return torch.cat([y_TBH[..., :whole], y_TBH[..., whole:] * 0], dim=-1), last


class OnlyFloat32(Good):
    """Mixes what autocast makes bfloat16 with what it does not, in a function that asks for one dtype."""

    def drive(self, x, age):
        clock = torch.sin(age)[..., None]
        return torch.lerp(F.linear(x, self.weight), clock.expand(*x.shape[:-1], self.hidden_size), 0.5)


class CoarseInBfloat16(Good):
    """A parallel form that is another where it is given bfloat16."""

    def unroll(self, x_TBF, state):
        y_TBH, last = super().unroll(x_TBF, state)
        coarse = F.linear(x_TBF[0], self.weight).dtype is torch.bfloat16
        return (y_TBH * 0.8 if coarse else y_TBH), last


class SpareRow(Good):
    """One row more of weights than there are units."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.weight = nn.Parameter(torch.randn(hidden_size + 1, input_size))

    def drive(self, x, age):
        return F.linear(x, self.weight[:-1]) + torch.sin(age)[..., None]


class SpareColumn(Good):
    """Weights for one input more than there is."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.weight = nn.Parameter(torch.randn(hidden_size, input_size + 1))

    def drive(self, x, age):
        return F.linear(x, self.weight[:, 1:]) + torch.sin(age)[..., None]


class SpareBias(Good):
    """A bias of twice the length, of which half is read."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.bias = nn.Parameter(torch.zeros(2 * hidden_size))

    def drive(self, x, age):
        return super().drive(x, age) + self.bias[: self.hidden_size]


class NaiveSoftplus(Good):
    """The logarithm of 1 + exp, which is infinite from 89 on."""

    def drive(self, x, age):
        return torch.log(1 + torch.exp(super().drive(x, age)))


class SteepForLarge(Good):
    """Finite for any input, and with a gradient of inf * 0 for large ones."""

    def drive(self, x, age):
        drive = super().drive(x, age)
        return drive.clamp(max=80) + 1 / (1 + torch.exp(drive))


class UnitInputs(Good):
    """Inputs divided by their length, which may be 0."""

    def drive(self, x, age):
        return super().drive(x / x.norm(dim=-1, keepdim=True), age)


class LengthOfInputs(Good):
    """The root of a sum of squares: right in value at 0, and infinite in gradient."""

    def drive(self, x, age):
        return super().drive(x, age) + F.linear(x, self.weight).square().sum(-1, keepdim=True).sqrt()


class ForgetfulUnroll(Good):
    def unroll(self, x_TBF, state):
        initial = self.initial_state(x_TBF.shape[1], like=x_TBF)
        return super().unroll(x_TBF, AgedState(initial.h, state.age))


class UnrollLosesTheAge(Good):
    def unroll(self, x_TBF, state):
        y_TBH, last = super().unroll(x_TBF, state)
        return y_TBH, AgedState(last.h, state.age)


class BranchesByNumbers(Good):
    """A branch that a trace does not see: on a number that is read in memory, by its address."""

    unroll = None

    def step(self, x_BF, state):
        h, state = super().step(x_BF, state)
        size = x_BF.element_size() if x_BF.device.type == "cpu" else 0
        factor = 2.0 if any(ctypes.string_at(x_BF.data_ptr(), size)) else 1.0
        return factor * h, state


class SeesTheFuture(Good):
    def unroll(self, x_TBF, state):
        return super().unroll(x_TBF - x_TBF.mean(0), state)


class BatchMean(Good):
    def drive(self, x, age):
        return super().drive(x - x.mean(-2, keepdim=True), age)


class BatchNorm(Good):
    """In training only, and without running statistics."""

    def drive(self, x, age):
        return super().drive(x - x.mean(-2, keepdim=True) if self.training else x, age)


class OneClock(Good):
    """Every lane reads the age of the first one."""

    def drive(self, x, age):
        return super().drive(x, age[..., :1].expand_as(age))


class CountsCalls(Good):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.calls = 0

    def drive(self, x, age):
        self.calls += 1
        return super().drive(x, age)


class HiddenGlobal(Good):
    """Keeps its state where no look at the module finds it."""

    calls: ClassVar = [0]

    def drive(self, x, age):
        self.calls[0] += 1
        return super().drive(x, age) + self.calls[0]


class RunningStatistics(Good):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.register_buffer("seen", torch.zeros(()))

    def drive(self, x, age):
        if self.training:
            self.seen += 1
        return super().drive(x, age)


class OwnRandomness(Good):
    """Draws its parameters from Python's generator."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        nn.init.constant_(self.decay, random.random())


class NoisySteps(Good):
    def drive(self, x, age):
        return super().drive(x, age) + random.random()


class UnusedParameter(Good):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.spare = nn.Parameter(torch.zeros(hidden_size))


class DeadParameter(Good):
    """A gate that a mask of zeros keeps shut."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.gate = nn.Parameter(torch.zeros(hidden_size))

    def drive(self, x, age):
        return super().drive(x, age) + 0 * self.gate


class InfiniteGradient(Good):
    """The root of a norm that is 0 at the start: right in value, infinite in gradient."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.shift = nn.Parameter(torch.zeros(hidden_size))

    def drive(self, x, age):
        return super().drive(x, age) + self.shift.square().sum().sqrt()


class StraightThrough(Good):
    """The value of one function with the gradient of another."""

    def drive(self, x, age):
        smooth = super().drive(x, age)
        return smooth + (smooth.round() - smooth).detach()


class AdmitsToRound(StraightThrough):
    expected_failures: ClassVar = {"gradcheck in float64": "rounds its drive"}


class CutsItsPast(Good):
    """Detaches what it carries, so that nothing is learned through time."""

    def step(self, x_BF, state):
        return super().step(x_BF, AgedState(state.h.detach(), state.age))

    unroll = None


class CountsByComparing(Good):
    """Right, although no gradient reaches the age, which is only compared."""

    def drive(self, x, age):
        return super().drive(x, (age >= 3).to(x))


class UnsavedConstant(Good):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.register_buffer("offset", torch.randn(hidden_size), persistent=False)

    def drive(self, x, age):
        return super().drive(x, age) + self.offset


class DefaultDtype(Good):
    def initial_state(self, batch_size, like):
        return AgedState(torch.zeros(batch_size, self.hidden_size), like.new_zeros(batch_size))


class BranchesOnValues(Good):
    def drive(self, x, age):
        drive = super().drive(x, age)
        return drive.clamp(max=100) if drive.max() > 100 else drive


class Squeezes(Good):
    def drive(self, x, age):
        return super().drive(x.squeeze(), age)


class SlowlyExplodes(Good):
    def factor(self):
        return 1.01 + super().factor() * 0.01


class FastInference(Good):
    """Writes into the given state where no gradient is asked for."""

    def step(self, x_BF, state):
        if torch.is_grad_enabled():
            return super().step(x_BF, state)
        h = state.h.mul_(self.factor()).add_(self.drive(x_BF, state.age))
        return h, AgedState(h, state.age + 1)


class ChangesItsInput(Good):
    def step(self, x_BF, state):
        x_BF -= 1
        return super().step(x_BF + 1, state)


class KeepsItsScaleAlone(SLSTM):
    """Does not say that its states are numbers and their scale, of which zoneout may keep none alone."""

    apart = True


class Overflows(Good):
    def factor(self):
        return 1e10 + super().factor()
