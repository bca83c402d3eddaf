"""How weights start: the statistics that each way of drawing them promises, gate by gate."""

import math
from functools import partial

import pytest
import torch
from starts import Blocks, Is, Normal, Orthogonal, Through, Uniform, within

from bench.cells.gru import GRU
from bench.cells.janet import JANET
from bench.cells.lstm import LSTM
from bench.cells.mgu import MGU
from bench.cells.slstm import SLSTM
from bench.cells.ugrnn import UGRNN
from bench.cells.vanilla import Vanilla
from bench.config.schema import InitConfig
from bench.errors import ConfigError
from bench.model.init import initialise

F, H = 60, 120


def drawn(cell=LSTM, seed=0, **init):
    torch.manual_seed(seed)
    made = cell(F, H)
    initialise(made, InitConfig(**init))
    return made


KINDS = {
    "xavier": lambda gain, taken, given: within(gain * math.sqrt(6 / (taken + given))),
    "he": lambda gain, taken, given: Normal(gain * math.sqrt(2 / taken)),
    "orthogonal": lambda gain, taken, given: Orthogonal(gain),
    "identity": lambda gain, taken, given: Is(gain * torch.eye(given, taken)),
    "normal": lambda sigma, taken, given: Normal(sigma),
}
"""How the block of a gate starts that maps so many inputs to so many outputs, with a gain, or sigma for `normal`."""
GATED = (Vanilla, LSTM, GRU)


@pytest.mark.parametrize("factor", [1.0, 0.3])
@pytest.mark.parametrize("side", ["input", "recurrent"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_gate_s_block_starts_as_the_kind_says(kind, side, factor):
    option, name = "sigma" if kind == "normal" else "gain", {"input": "weight_ih", "recurrent": "weight_hh"}[side]
    for cell in GATED:
        made = [drawn(cell, seed, **{side: kind, option: factor}) for seed in range(2)]
        taken = getattr(made[0], name).shape[1]
        starts = Blocks((KINDS[kind](factor, taken, H),) * cell.blocks)
        starts.check([getattr(each, name).detach() for each in made])


@pytest.mark.parametrize(
    ("draw", "start", "message"),
    [
        (lambda: torch.nn.init.orthogonal_(torch.empty(4 * H, H)), Blocks((Orthogonal(1.0),) * 4), "not orthogonal"),
        (lambda: torch.nn.init.orthogonal_(torch.empty(H, H)), Orthogonal(1.1), "not orthogonal"),
        (lambda: torch.empty(H, H).normal_(0, 1), Normal(1.05), "a deviation of"),
        (lambda: torch.empty(H, H).uniform_(-1.7, 1.7), Normal(1.7 / 3**0.5), "another distribution"),
        (lambda: torch.empty(H, H).uniform_(-1, 0.99), within(1), "never near 1"),
        (lambda: torch.empty(H, H).uniform_(-1, 1.01), within(1), "above 1"),
        (lambda: torch.empty(H, H).uniform_(-1, 1) ** 3, within(1), "another distribution"),
        (lambda: torch.empty(H, 1).uniform_(-1, 1).expand(H, H), within(1), "never near|distribution|repeat"),
    ],
)
def test_a_start_that_is_another_is_noticed(draw, start, message):
    torch.manual_seed(0)
    with pytest.raises(AssertionError, match=message):
        start.check([draw()])


def test_zero_biases_leave_the_weights():
    cell, plain = drawn(GRU, bias="zero"), drawn(GRU)
    assert not cell.bias_ih.any()
    assert not cell.bias_hh.any()
    assert torch.equal(cell.weight_hh, plain.weight_hh)


def test_default_leaves_everything_as_the_cell_drew_it():
    torch.manual_seed(0)
    plain = LSTM(F, H)
    assert all(torch.equal(a, b) for a, b in zip(drawn().parameters(), plain.parameters(), strict=True))
    only_recurrent = drawn(recurrent="orthogonal")
    assert torch.equal(only_recurrent.weight_ih, plain.weight_ih)
    assert torch.equal(only_recurrent.bias_ih, plain.bias_ih)


@pytest.mark.parametrize(("cell", "gate"), [(LSTM, 1), (SLSTM, 1), (GRU, 1), (UGRNN, 0)])
def test_forget_bias_is_that_of_the_gate_that_keeps_the_state(cell, gate):
    made = drawn(cell, forget_bias=3.0)
    sums = (made.bias_ih + made.bias_hh).detach().split(H)
    assert torch.allclose(sums[gate] + made.keeps_constant, torch.tensor(3.0))
    assert all(bias.abs().max() < 1 for i, bias in enumerate(sums) if i != gate)


@pytest.mark.parametrize("constant", [1.0, -2.0])
@pytest.mark.parametrize("init", [{"forget_bias": 3.0}, {"chrono": 50}])
def test_a_gate_with_a_constant_of_its_own_starts_where_another_without_it_does(constant, init):
    with_it, without = (drawn(partial(UGRNN, gate_bias=bias), **init) for bias in (constant, 0.0))
    x, state = torch.randn(2, F), (torch.randn(2, H),)
    assert torch.allclose(with_it.step(x, state)[0], without.step(x, state)[0], atol=1e-6)


@pytest.mark.parametrize("cell", [LSTM, GRU, UGRNN])
def test_a_gate_that_is_opened_keeps_more_of_the_state(cell):
    """By its effect: with the bias far up, the first step leaves the state where it was."""
    made, x = drawn(cell, forget_bias=20.0), torch.zeros(1, F)
    state = tuple(torch.full((1, H), 0.3) for _ in made.states)
    kept = made.step(x, state)[1][-1]
    lost = drawn(cell, forget_bias=-20.0).step(x, state)[1][-1]
    assert (kept - 0.3).abs().mean() < (lost - 0.3).abs().mean() / 2


@pytest.mark.parametrize(
    ("cell", "keeps", "writes"),
    [(LSTM, 1, 0), (partial(LSTM, coupled=True), 0, None), (GRU, 1, None), (JANET, 0, None), (UGRNN, 0, None),
     (SLSTM, 1, 0)],
)  # fmt: skip
def test_chrono_remembers_for_one_to_the_longest_number_of_steps(cell, keeps, writes):
    """Tallec & Ollivier: b_f = log u with u uniform in [1, T - 1], b_i = -b_f, and every other bias is 0."""
    biases = [list(drawn(cell, seed, chrono=50).bias_ih.detach().split(H)) for seed in range(4)]
    constant = drawn(cell).keeps_constant
    Through(torch.exp, Uniform(1, 49)).check([bias[keeps] + constant for bias in biases])
    for bias in biases:
        if writes is not None:
            assert torch.equal(bias[writes], -bias[keeps])
        assert not any(other.any() for i, other in enumerate(bias) if i not in (keeps, writes))
    assert not drawn(cell, chrono=50).bias_hh.any()


@pytest.mark.parametrize(
    ("cell", "init", "message"),
    [
        (MGU, {"recurrent": "orthogonal"}, "MGU is not a gated cell, .*choose init=default"),
        (MGU, {"start": "torch"}, r"init\.start=torch: MGU is not a gated cell; choose init=default"),
        (
            Vanilla,
            {"forget_bias": 1.0},
            r"init\.forget_bias=1\.0: Vanilla has no gate with a bias that keeps its state",
        ),
        (Vanilla, {"chrono": 9}, r"init\.chrono: Vanilla has no gate"),
    ],
)
def test_what_a_cell_has_no_place_for_is_one_line(cell, init, message):
    with pytest.raises(ConfigError, match=message):
        drawn(cell, **init)
