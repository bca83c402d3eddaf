"""Each classic cell, in each of its variants, is its paper's equation: outputs, gradients and parameter count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from oracles import classic
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from bench.api import Cell
from bench.cells.exprnn import ExpRNN
from bench.cells.gru import GRU
from bench.cells.gru_before import GRUBefore
from bench.cells.indrnn import IndRNN
from bench.cells.irnn import IRNN
from bench.cells.janet import JANET
from bench.cells.lem import LEM
from bench.cells.lstm import LSTM
from bench.cells.mgu import MGU
from bench.cells.rhn import RHN
from bench.cells.scrn import SCRN
from bench.cells.slstm import SLSTM
from bench.cells.ugrnn import UGRNN
from bench.cells.vanilla import Vanilla
from bench.config.schema import InitConfig
from bench.measure.flops import parameter_count
from bench.model.init import draw_cell
from bench.unroll.eager import unroll_eager

T, B, F, H = 5, 2, 3, 4


@dataclass(frozen=True)
class Case:
    """A variant of a cell, its oracle, its parameter count by input and hidden size, and its smallest hidden size."""

    cls: Callable[..., Cell]
    oracle: classic.Oracle
    count: Callable[[int, int], int]
    options: dict[str, Any] = field(default_factory=dict)
    smallest: int = 1

    def cell(self, input_size: int = F, hidden_size: int = H, seed: int = 0) -> Cell:
        """In float64, every parameter moved off its start so that none is zero or one by chance."""
        torch.manual_seed(seed)
        cell = self.cls(input_size, hidden_size, **self.options).double()
        with torch.no_grad():
            for parameter in cell.parameters():
                parameter += 0.3 * torch.randn_like(parameter)
        return cell


def gated(blocks: int) -> Callable[[int, int], int]:
    return lambda F, H: blocks * H * (F + H + 2)


def open_slstm(input_size: int, hidden_size: int, **options: Any) -> Cell:
    return draw_cell(InitConfig(forget_bias=1.0), SLSTM, options, input_size, hidden_size)


ALL = {"peepholes": True, "coupled": True, "layer_norm": True}
CASES = {
    "vanilla": Case(Vanilla, classic.vanilla, gated(1)),
    "relu": Case(Vanilla, classic.vanilla, gated(1), {"activation": "relu"}),
    "leaky": Case(Vanilla, classic.vanilla, gated(1), {"activation": "leaky_relu"}),
    "sigmoid": Case(Vanilla, classic.vanilla, gated(1), {"activation": "sigmoid"}),
    "irnn": Case(lambda F, H, activation: IRNN(F, H), classic.vanilla, gated(1), {"activation": "relu"}),
    "lstm": Case(LSTM, classic.lstm, gated(4)),
    "peepholes": Case(LSTM, classic.lstm, lambda F, H: gated(4)(F, H) + 3 * H, {"peepholes": True}),
    "cifg": Case(LSTM, classic.lstm, gated(3), {"coupled": True}),
    "norm": Case(LSTM, classic.lstm, lambda F, H: gated(4)(F, H) + 10 * H, {"layer_norm": True}),
    "all": Case(LSTM, classic.lstm, lambda F, H: gated(3)(F, H) + 2 * H + 8 * H, ALL),
    "gru": Case(GRU, classic.gru, gated(3)),
    "gru_before": Case(GRUBefore, classic.gru_before, lambda F, H: 3 * H * (F + H + 1)),
    "mgu": Case(MGU, classic.mgu, lambda F, H: 2 * H * (F + H + 1)),
    "ugrnn": Case(UGRNN, classic.ugrnn, gated(2)),
    "ugrnn_0": Case(UGRNN, classic.ugrnn, gated(2), {"gate_bias": -0.5}),
    "janet": Case(partial(draw_cell, InitConfig(chrono=9), JANET, {}), classic.janet, gated(2)),
    "janet_0": Case(JANET, classic.janet, gated(2), {"beta": 0.0}),
    "indrnn": Case(IndRNN, classic.indrnn, lambda F, H: H * (F + 2)),
    "exprnn": Case(ExpRNN, classic.exprnn, lambda F, H: H * F + H * (H - 1) // 2 + H, smallest=2),
    "scrn": Case(SCRN, classic.scrn, lambda F, H: (H // 4) * F + (H - H // 4) * (F + H), smallest=2),
    "scrn_3": Case(SCRN, classic.scrn, lambda F, H: 3 * F + (H - 3) * (F + H), {"context": 3, "alpha": 0.5}, 4),
    "rhn": Case(RHN, classic.rhn, lambda F, H: 2 * H * F + 4 * H * (H + 1)),
    "rhn_1": Case(RHN, classic.rhn, lambda F, H: 2 * H * F + 2 * H * (H + 1), {"depth": 1}),
    "lem": Case(LEM, classic.lem, lambda F, H: 4 * H * (F + H + 1)),
    "lem_half": Case(LEM, classic.lem, lambda F, H: 4 * H * (F + H + 1), {"dt": 0.5}),
    "slstm": Case(SLSTM, classic.slstm, gated(4)),
    "slstm_exp": Case(open_slstm, classic.slstm, gated(4), {"forget": "exp"}),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def weights(cell: Cell) -> dict[str, np.ndarray]:
    return {name: p.detach().numpy().copy() for name, p in cell.named_parameters()}


def inputs(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def run(cell: Cell, x_TBF: Tensor) -> Tensor:
    return unroll_eager(cell, x_TBF, cell.initial_state(x_TBF.shape[1], like=x_TBF))[0]


def check_outputs(cell: Cell, oracle: classic.Oracle, x_TBF: Tensor, **options: Any) -> None:
    found, wanted = run(cell, x_TBF).detach().numpy(), classic.outputs(oracle, weights(cell), x_TBF.numpy(), **options)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11, err_msg="outputs differ from the equation's")


def check_gradients(cell: Cell, oracle: classic.Oracle, **options: Any) -> None:
    """Of a weighted sum of the outputs, for inputs and every parameter: along a random direction, the gradient is the
    central difference of the oracle.
    """
    x_TBF, step = inputs(T, B, F), 1e-5
    weight_TBH = inputs(T, B, cell.hidden_size)
    leaves = {"x": x_TBF.requires_grad_(), **dict(cell.named_parameters())}
    gradients = torch.autograd.grad((run(cell, x_TBF) * weight_TBH).sum(), list(leaves.values()))
    place = {"x": x_TBF.detach().numpy().copy(), **weights(cell)}

    def total(moved: dict[str, np.ndarray]) -> float:
        given = {**place, **moved}
        return float((classic.outputs(oracle, given, given["x"], **options) * weight_TBH.numpy()).sum())

    for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
        direction = inputs(*leaf.shape)
        away = step * direction.numpy()
        wanted = (total({name: place[name] + away}) - total({name: place[name] - away})) / (2 * step)
        found = float((gradient * direction).sum())
        assert found == pytest.approx(wanted, rel=1e-6, abs=1e-7), f"gradient of {name} differs from the equation's"


@every_case
@pytest.mark.parametrize("sizes", [(2, 1, 1, 1), (1, 2, 3, 4), (5, 3, 2, 7)], ids=str)
def test_outputs_are_the_equation(case, sizes):
    steps, lanes, features, hidden = sizes
    cell = case.cell(features, max(hidden, case.smallest))
    check_outputs(cell, case.oracle, inputs(steps, lanes, features), **case.options)


@every_case
def test_the_state_carries_all_that_the_equation_remembers(case):
    cell, x_TBF = case.cell(), inputs(T, B, F)
    y, state = unroll_eager(cell, x_TBF[:2], cell.initial_state(B, like=x_TBF))
    rest, _ = unroll_eager(cell, x_TBF[2:], state)
    wanted = classic.outputs(case.oracle, weights(cell), x_TBF.numpy(), **case.options)
    np.testing.assert_allclose(torch.cat((y, rest)).detach().numpy(), wanted, rtol=1e-9, atol=1e-11)


@every_case
def test_gradients_are_the_equation_s(case):
    check_gradients(case.cell(), case.oracle, **case.options)


@every_case
@pytest.mark.parametrize(("features", "hidden"), [(3, 7), (11, 4)])
def test_the_parameter_count_follows_the_formula(case, features, hidden):
    assert parameter_count(case.cell(features, hidden)) == case.count(features, hidden)


@every_case
def test_seeds_are_trained_in_one_program(case):
    cells, x_TBF = [case.cell(seed=seed) for seed in range(3)], inputs(T, B, F)

    class Run(nn.Module):
        def __init__(self, cell: Cell) -> None:
            super().__init__()
            self.cell = cell

        def forward(self, x_TBF: Tensor) -> Tensor:
            return run(self.cell, x_TBF)

    runs = [Run(cell) for cell in cells]
    stacked, _ = stack_module_state(runs)
    together = vmap(lambda p: functional_call(runs[0], p, (x_TBF,)))(stacked)
    torch.testing.assert_close(together, torch.stack([alone(x_TBF) for alone in runs]))


@every_case
def test_a_few_steps_of_training_lower_the_loss(case):
    torch.manual_seed(0)
    cell, head = case.cls(2, 8, **case.options), nn.Linear(8, 2)
    x_TBF = torch.randn(6, 16, 2)
    wanted = x_TBF.roll(1, dims=0) * torch.tensor([0.0, *[1.0] * 5])[:, None, None]  # the input before
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=0.02)
    losses = []
    for _ in range(25):
        losses.append((head(run(cell, x_TBF)) - wanted).square().mean())
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.9 * losses[0]


ANOTHER = [("relu", {"activation": "tanh"}), ("peepholes", {}), ("ugrnn", {"gate_bias": 0.0}), ("slstm_exp", {}),
           ("janet", {"beta": 0.0}), ("scrn", {"alpha": 0.9}), ("lem", {"dt": 0.9})]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), ANOTHER)
def test_another_equation_is_noticed(name, options):
    with pytest.raises(AssertionError, match="outputs differ from the equation's"):
        check_outputs(CASES[name].cell(), CASES[name].oracle, inputs(T, B, F), **options)


class CutUGRNN(UGRNN):
    """The mutant: right outputs, but the gradient does not pass the gate."""

    def gates(self, x_proj, h_proj, h):
        return super().gates(x_proj, h_proj, h.detach())


def test_a_wrong_gradient_is_noticed():
    case = Case(CutUGRNN, classic.ugrnn, gated(2))
    check_outputs(case.cell(), case.oracle, inputs(T, B, F))
    with pytest.raises(AssertionError, match=r"gradient of .* differs from the equation's"):
        check_gradients(case.cell(), case.oracle)
