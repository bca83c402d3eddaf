"""How weights start: the statistics that each way of drawing them promises, gate by gate."""

import pytest
import torch

from bench.cells.gru import GRU
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


def blocks(weight):
    return weight.detach().split(H)


def check_spread(weight, wanted):
    """Each gate's block is centred, and spread as it should be."""
    for block in blocks(weight):
        assert block.mean().item() == pytest.approx(0, abs=4 * wanted / block.numel() ** 0.5), "not centred"
        assert block.std().item() == pytest.approx(wanted, rel=0.05), "another spread"


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_xavier_keeps_the_variance_by_the_mean_of_both_widths(gain):
    cell = drawn(input="xavier", recurrent="xavier", gain=gain)
    check_spread(cell.weight_ih, gain * (2 / (F + H)) ** 0.5)
    check_spread(cell.weight_hh, gain * (1 / H) ** 0.5)
    assert cell.weight_ih.abs().max() <= gain * (6 / (F + H)) ** 0.5


def test_he_keeps_the_variance_through_relu():
    cell = drawn(input="he", recurrent="he")
    check_spread(cell.weight_ih, (2 / F) ** 0.5)
    check_spread(cell.weight_hh, (2 / H) ** 0.5)


@pytest.mark.parametrize("sigma", [1.0, 0.01])
def test_normal_has_the_given_spread_whatever_the_width(sigma):
    cell = drawn(input="normal", recurrent="normal", sigma=sigma)
    check_spread(cell.weight_ih, sigma)
    check_spread(cell.weight_hh, sigma)


def check_orthogonal(weight, gain=1.0):
    for block in blocks(weight):
        assert torch.allclose(block @ block.T, gain**2 * torch.eye(H), atol=1e-4), "a gate's block is not orthogonal"


@pytest.mark.parametrize("cell", [Vanilla, LSTM, GRU])
def test_orthogonal_blocks_keep_every_length(cell):
    check_orthogonal(drawn(cell, recurrent="orthogonal").weight_hh)
    check_orthogonal(drawn(cell, recurrent="orthogonal", gain=0.5).weight_hh, 0.5)


def test_orthogonal_over_all_gates_at_once_is_noticed():
    whole = torch.nn.init.orthogonal_(torch.empty(4 * H, H))
    with pytest.raises(AssertionError, match="not orthogonal"):
        check_orthogonal(whole)


def test_a_wrong_spread_is_noticed():
    with pytest.raises(AssertionError, match="another spread"):
        check_spread(drawn(recurrent="he").weight_hh, (1 / H) ** 0.5)


def test_identity_is_the_identity_in_each_gate():
    cell = drawn(GRU, recurrent="identity", gain=0.5, bias="zero")
    assert all(torch.equal(block, 0.5 * torch.eye(H)) for block in blocks(cell.weight_hh))
    assert not cell.bias_ih.any()
    assert not cell.bias_hh.any()


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
    assert torch.allclose(sums[gate], torch.tensor(3.0))
    assert all(bias.abs().max() < 1 for i, bias in enumerate(sums) if i != gate)


@pytest.mark.parametrize("cell", [LSTM, GRU, UGRNN])
def test_a_gate_that_is_opened_keeps_more_of_the_state(cell):
    """By its effect: with the bias far up, the first step leaves the state where it was."""
    made, x = drawn(cell, forget_bias=20.0), torch.zeros(1, F)
    state = tuple(torch.full((1, H), 0.3) for _ in made.states)
    kept = made.step(x, state)[1][-1]
    lost = drawn(cell, forget_bias=-20.0).step(x, state)[1][-1]
    assert (kept - 0.3).abs().mean() < (lost - 0.3).abs().mean() / 2


def test_chrono_remembers_for_one_to_the_longest_number_of_steps():
    made = drawn(LSTM, chrono=50)
    i, f, g, o = (made.bias_ih + made.bias_hh).detach().split(H)
    assert torch.equal(i, -f)
    assert not g.any()
    assert not o.any()
    spans = f.exp()
    assert spans.min() >= 1
    assert spans.max() <= 49
    assert spans.mean().item() == pytest.approx(25, rel=0.15)


def test_coupled_gates_have_no_gate_that_writes():
    torch.manual_seed(0)
    made = LSTM(F, H, coupled=True)
    initialise(made, InitConfig(chrono=50))
    f, g, o = made.bias_ih.detach().split(H)
    assert (f >= 0).all()
    assert not g.any()
    assert not o.any()


@pytest.mark.parametrize(
    ("cell", "init", "message"),
    [
        (MGU, {"recurrent": "orthogonal"}, "MGU is not a gated cell, .*choose init=default"),
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
