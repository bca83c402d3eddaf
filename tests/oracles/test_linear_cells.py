"""Each linear cell is its paper's equation, stepped or all at once: outputs, gradients, state, parameter count."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from oracles import linear
from torch import Tensor

from bench.api import Cell, map_state
from bench.cells.deltanet import GatedDeltaNet
from bench.cells.linear_attention import LinearAttention
from bench.cells.lru import LRU
from bench.cells.mamba import S6
from bench.cells.mingru import MinGRU
from bench.cells.minlstm import MinLSTM
from bench.cells.mlstm import MLSTM
from bench.cells.qrnn import QRNN
from bench.cells.rglru import RGLRU
from bench.cells.s4d import S4D
from bench.cells.sru import SRU
from bench.config.schema import InitConfig
from bench.measure.flops import parameter_count
from bench.model.init import draw_cell
from bench.unroll.eager import unroll_eager

F, H = 3, 5
PAST_A_CHUNK = 67  # one chunk of the cells that go by chunks of 64, and a short rest
NARROW_SCAN = 131  # where the scan too goes by chunks


@dataclass(frozen=True)
class Case:
    """A variant of a cell, its oracle, and its parameter count by input and hidden size."""

    cls: Callable[..., Cell]
    oracle: linear.Oracle
    count: Callable[[int, int], int]
    options: dict[str, Any] = field(default_factory=dict)

    def cell(self, input_size: int = F, hidden_size: int = H) -> Cell:
        """In float64, every parameter moved off its start so that none is zero or one by chance."""
        torch.manual_seed(0)
        cell = self.cls(input_size, hidden_size, **self.options).double()
        with torch.no_grad():
            for parameter in cell.parameters():
                parameter += 0.2 * torch.randn_like(parameter)
        return cell


def memory(heads: int, extra: Callable[[int, int], int] = lambda F, inner: 0) -> Callable[[int, int], int]:
    def count(F: int, H: int) -> int:
        inner = heads * math.ceil(H / heads)
        return 3 * inner * F + inner * H + extra(F, inner)

    return count


CASES = {
    "mingru": Case(MinGRU, linear.mingru, lambda F, H: 2 * H * (F + 1)),
    "mingru_positive": Case(MinGRU, linear.mingru, lambda F, H: 2 * H * (F + 1), {"positive": True}),
    "minlstm": Case(MinLSTM, linear.minlstm, lambda F, H: 3 * H * (F + 1)),
    "minlstm_bias": Case(
        partial(draw_cell, InitConfig(forget_bias=2.0), MinLSTM, {}), linear.minlstm, lambda F, H: 3 * H * (F + 1)
    ),
    "lru": Case(LRU, linear.lru, lambda F, H: 3 * H + 2 * H * (F + H) + H * F),
    "lru_7": Case(LRU, linear.lru, lambda F, H: 21 + 14 * (F + H) + H * F, {"state_size": 7, "activation": "none"}),
    "sru": Case(SRU, linear.sru, lambda F, H: 3 * H * F + 2 * H + H * F * (F != H)),
    "sru_peephole": Case(SRU, linear.sru, lambda F, H: 3 * H * F + 4 * H + H * F * (F != H), {"peephole": True}),
    "qrnn": Case(QRNN, linear.qrnn, lambda F, H: 3 * H * (2 * F + 1)),
    "qrnn_1": Case(QRNN, linear.qrnn, lambda F, H: 3 * H * (F + 1), {"window": 1}),
    "qrnn_4": Case(QRNN, linear.qrnn, lambda F, H: 3 * H * (4 * F + 1), {"window": 4}),
    "rglru": Case(RGLRU, linear.rglru, lambda F, H: H * F + 2 * H * (H + 1) + H),
    "s6": Case(S6, linear.s6, lambda F, H: H * F + 33 * H + 2 * H + H * 16 + H),  # rank 1: H is at most 16 here
    "s6_3": Case(S6, linear.s6, lambda F, H: H * F + 7 * H + 2 * H + H * 3 + H, {"state_size": 3}),
    "s4d": Case(S4D, linear.s4d, lambda F, H: H * F + 128 * H + 2 * H),
    "s4d_6": Case(S4D, linear.s4d, lambda F, H: H * F + 14 * H, {"state_size": 6, "activation": "none"}),
    "s4d_real": Case(S4D, linear.s4d, lambda F, H: H * F + 12 * H, {"state_size": 5, "kind": "real"}),
    "attention": Case(LinearAttention, linear.linear_attention, memory(4)),
    "attention_2": Case(LinearAttention, linear.linear_attention, memory(2), {"heads": 2}),
    "attention_retnet": Case(LinearAttention, linear.linear_attention, memory(3), {"heads": 3, "decay": "retnet"}),
    "deltanet": Case(GatedDeltaNet, linear.deltanet, memory(4, lambda F, _: 4 * (2 * F + 2))),
    "deltanet_1": Case(GatedDeltaNet, linear.deltanet, memory(1, lambda F, _: 2 * F + 2), {"heads": 1}),
    "mlstm": Case(MLSTM, linear.mlstm, memory(4, lambda F, inner: (inner + 8) * (F + 1))),
    "mlstm_1": Case(MLSTM, linear.mlstm, memory(1, lambda F, inner: (inner + 2) * (F + 1)), {"heads": 1}),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def weights(cell: Cell) -> dict[str, np.ndarray]:
    return {name: p.detach().numpy().copy() for name, p in cell.named_parameters()}


def inputs(*shape: int, seed: int = 7) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def check_outputs(cell: Cell, oracle: linear.Oracle, x_TBF: Tensor, **options: Any) -> None:
    """Of the parallel form, of the step loop, and of each where it goes on from the other's state."""
    wanted = linear.outputs(oracle, weights(cell), x_TBF.numpy(), **options)
    initial, middle = cell.initial_state(x_TBF.shape[1], like=x_TBF), len(x_TBF) // 2
    forms = {"unroll": cell.unroll, "step": partial(unroll_eager, cell)}
    for name, other in (("unroll", "step"), ("step", "unroll")):
        found = {name: forms[name](x_TBF, initial)[0]}
        if middle:
            first, state = forms[other](x_TBF[:middle], initial)
            found[f"{name} after {other}"] = torch.cat([first, forms[name](x_TBF[middle:], state)[0]])
        for what, y_TBH in found.items():
            message = f"{what}: outputs differ from the equation's"
            np.testing.assert_allclose(y_TBH.detach().numpy(), wanted, rtol=1e-8, atol=1e-10, err_msg=message)


@every_case
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (7, 3, H, H), (PAST_A_CHUNK, 1, 2, 3), (NARROW_SCAN, 2, F, 6)])
def test_outputs_are_the_equation_s(case, sizes):
    steps, lanes, features, hidden = sizes
    check_outputs(case.cell(features, hidden), case.oracle, inputs(steps, lanes, features), **case.options)


@every_case
def test_gradients_are_the_equation_s(case):
    """Of a weighted sum of the parallel form's outputs, for inputs and every parameter: along a random direction, the
    gradient is the central difference of the oracle.
    """
    cell, x_TBF, step = case.cell(), inputs(PAST_A_CHUNK, 1, F), 1e-5
    weight_TBH = inputs(PAST_A_CHUNK, 1, H, seed=8)
    y_TBH, _ = cell.unroll(x_TBF.requires_grad_(), cell.initial_state(1, like=x_TBF))
    leaves = {"x": x_TBF, **dict(cell.named_parameters())}
    gradients = torch.autograd.grad((y_TBH * weight_TBH).sum(), list(leaves.values()))
    place = {"x": x_TBF.detach().numpy(), **weights(cell)}

    def total(name: str, moved: np.ndarray) -> float:
        given = {**place, name: moved}
        return float((linear.outputs(case.oracle, given, given["x"], **case.options) * weight_TBH.numpy()).sum())

    for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
        direction = inputs(*leaf.shape, seed=9)
        away = step * direction.numpy()
        wanted = (total(name, place[name] + away) - total(name, place[name] - away)) / (2 * step)
        assert float((gradient * direction).sum()) == pytest.approx(wanted, rel=1e-5, abs=1e-6), f"gradient of {name}"


def tensors(state: Any) -> list[Tensor]:
    return [state] if isinstance(state, Tensor) else [tensor for part in state for tensor in tensors(part)]


@every_case
@pytest.mark.parametrize("steps", [PAST_A_CHUNK, NARROW_SCAN])
def test_both_forms_have_the_same_gradients_through_the_carried_state(case, steps):
    cell, x_TBF = case.cell(), inputs(steps, 2, F).requires_grad_()
    _, state = unroll_eager(cell, inputs(3, 2, F, seed=1), cell.initial_state(2, like=x_TBF))
    state = map_state(lambda tensor: tensor.detach().requires_grad_(), state)
    found = []
    for form in (cell.unroll, partial(unroll_eager, cell)):
        y_TBH, last = form(x_TBF, state)
        total = sum((part * inputs(*part.shape)).sum() for part in (y_TBH, *tensors(last)))
        found.append(torch.autograd.grad(total, [x_TBF, *tensors(state), *cell.parameters()]))
    torch.testing.assert_close(*found, rtol=1e-7, atol=1e-9)


@every_case
@pytest.mark.parametrize(("features", "hidden"), [(3, 7), (11, 4), (6, 6)])
def test_the_parameter_count_follows_the_formula(case, features, hidden):
    assert parameter_count(case.cell(features, hidden)) == case.count(features, hidden)


ANOTHER = [("mingru_positive", {"positive": False}), ("lru_7", {"activation": "gelu"}), ("s4d_6", {"kind": "real"}),
           ("sru_peephole", {"peephole": False})]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), ANOTHER)
def test_another_equation_is_noticed(name, options):
    case = CASES[name]
    with pytest.raises(AssertionError, match="outputs differ from the equation's"):
        check_outputs(case.cell(), case.oracle, inputs(4, 2, F), **{**case.options, **options})


class Forgetful(MinGRU):
    """A mutant whose parallel form drops the state it is given."""

    def unroll(self, x_TBF, state):
        return super().unroll(x_TBF, torch.zeros_like(state))


def test_a_parallel_form_that_drops_its_state_is_noticed():
    with pytest.raises(AssertionError, match="unroll after step: outputs differ"):
        check_outputs(Forgetful(F, H).double(), linear.mingru, inputs(4, 2, F))


@every_case
@pytest.mark.parametrize("size", [-1e3, 1e3])
def test_gates_wide_open_and_shut_leave_outputs_and_gradients_finite(case, size):
    cell = case.cell().float()
    x_TBF = (size * inputs(9, 2, F).sign()).float().requires_grad_()
    y_TBH, _ = cell.unroll(x_TBF, cell.initial_state(2, like=x_TBF))
    gradients = torch.autograd.grad(y_TBH.sum(), [x_TBF, *cell.parameters()])
    assert all(tensor.isfinite().all() for tensor in (y_TBH, *gradients))


BAD = [
    (LRU, {"r_min": 0.9, "r_max": 0.5}, "r_min=0.9"), (LRU, {"max_phase": 0.0}, "max_phase=0"),
    (QRNN, {"window": 0}, "window=0"), (S4D, {"state_size": 3}, "multiple of 2"),
    (MLSTM, {"heads": 0}, "heads=0"), (GatedDeltaNet, {"heads": 0}, "heads=0"),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "options", "message"), BAD)
def test_a_wrong_option_is_named(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls(F, H, **options)
