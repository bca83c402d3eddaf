"""What stands around a cell: each part by its equation, the same over time as step by step, and off by default."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from tiny import CELLS, Given, a_batch, few, seeded

from bench.api import Tokens
from bench.cells.gru import GRU
from bench.cells.gru_before import GRUBefore
from bench.cells.vanilla import Vanilla
from bench.errors import ConfigError
from bench.model.around import Around
from bench.model.layer import Layer, LayerState
from bench.model.noise import NoisyCell
from bench.model.norm import KEPT
from bench.model.passage import Passage, dropout
from bench.model.seq2seq import EncoderDecoder
from bench.model.sequence import SequenceModel
from bench.unroll.forms import choose

H = 5
SPEC = Given(train=[a_batch()]).spec
around = st.builds(
    Around,
    pre_norm=st.sampled_from(["none", "layer", "rms"]),
    expand=st.sampled_from([0.0, 1.3]),
    conv=st.integers(0, 3),
    conv_activation=st.sampled_from(["silu", "none"]),
    norm=st.sampled_from(["none", "layer", "rms", "head_layer", "head_rms", "batch", "batch_per_step"]),
    gate=st.booleans(),
    gate_activation=st.sampled_from(["silu", "gelu"]),
    out_projection=st.booleans(),
    residual=st.booleans(),
    mlp=st.sampled_from([0.0, 1.0, 1.5]),
    mlp_kind=st.sampled_from(["gelu", "geglu", "swiglu"]),
    dropout=st.sampled_from([0.0, 0.3]),
    variational=st.booleans(),
    zoneout=st.sampled_from([0.0, 0.2]),
    recurrent_dropout=st.sampled_from([0.0, 0.2]),
)


def a_layer(cell=GRU, width=H, **options):
    torch.manual_seed(0)
    return Layer(cell, width, H, Around(**options)).double()


def over_time(layer, x_TBF):
    start = layer.initial_state(x_TBF.shape[1], x_TBF)
    return layer(x_TBF, start, choose(layer.cell, "eager").unroll)[0]


def an_input(T=6, B=3, F=H):
    return torch.randn(T, B, F, generator=seeded(), dtype=torch.float64)


@few
@given(st.sampled_from(CELLS), around, st.integers(1, 2))
def test_in_evaluation_streaming_equals_the_whole(cell, around, layers):
    torch.manual_seed(0)
    model = SequenceModel(SPEC, cell, H, layers, around=around).double()
    model.choose_unroll("auto")
    batch = a_batch(T=5, B=3)
    model.train()
    model(batch.inputs, model.initial_state(3))  # running statistics that are no longer those at the start
    model.eval()
    whole, _ = model(batch.inputs, model.initial_state(3))
    state, steps = model.initial_state(3), []
    for x_BF in batch.inputs:
        logits, state = model.step(x_BF, state)
        steps.append(logits)
    torch.testing.assert_close(torch.stack(steps), whole, rtol=1e-9, atol=1e-11)


@few
@given(st.sampled_from(CELLS), around, st.integers(1, 6))
def test_in_evaluation_windows_with_carry_equal_the_whole(cell, around, window):
    torch.manual_seed(0)
    model = SequenceModel(SPEC, cell, H, around=around).double().eval()
    model.choose_unroll("auto")
    inputs = an_input(F=3)
    whole, _ = model(inputs, model.initial_state(3))
    state, parts = model.initial_state(3), []
    for part in inputs.split(window):
        logits, state = model(part, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-9, atol=1e-11)


def test_nothing_stands_around_a_cell_by_default():
    layer, x_TBF = a_layer(), an_input()
    assert [name for name, _ in layer.named_parameters()] == [
        f"cell.{name}" for name, _ in layer.cell.named_parameters()
    ]
    plain = choose(layer.cell, "eager").unroll(x_TBF, layer.cell.initial_state(3, x_TBF))[0]
    assert torch.equal(over_time(layer, x_TBF), plain)


def test_a_layer_is_its_equation():
    layer, x = a_layer(norm="layer", residual=True, gate=True, mlp=2), an_input()
    f = choose(layer.cell, "eager").unroll(x, layer.cell.initial_state(3, x))[0]
    y = x + F.layer_norm(f, [H]) * F.silu(layer.gate(x))
    z = F.linear(F.gelu(F.linear(y, layer.mlp[0].weight, layer.mlp[0].bias)), layer.mlp[2].weight, layer.mlp[2].bias)
    torch.testing.assert_close(over_time(layer, x), y + F.layer_norm(z, [H]))


def test_a_residual_connection_needs_one_width():
    x = an_input(F=2)
    assert torch.equal(over_time(a_layer(width=2, residual=True), x), over_time(a_layer(width=2), x))
    assert not torch.equal(over_time(a_layer(residual=True), an_input()), over_time(a_layer(), an_input()))


def test_batch_norm_shares_its_statistics_over_time_or_keeps_them_a_step():
    x = an_input(T=4, B=50) * torch.arange(1, 5)[:, None, None]
    shared, each = (over_time(a_layer(norm=norm), x) for norm in ("batch", "batch_per_step"))
    assert shared.mean((0, 1)).abs().max() < 1e-12
    assert (shared.mean(1).abs() > 1e-3).any()
    assert each.mean(1).abs().max() < 1e-12
    torch.testing.assert_close(
        each.std(1, correction=0), torch.full((4, H), 0.1, dtype=torch.float64), rtol=1e-2, atol=0
    )


def test_evaluation_takes_the_running_statistics_of_that_time_step():
    layer, x = a_layer(norm="batch_per_step"), an_input(T=3, B=20)
    for _ in range(300):
        trained = over_time(layer, x)
    layer.eval()
    torch.testing.assert_close(over_time(layer, x), trained, rtol=1e-6, atol=1e-9)
    before = layer.norm.means_TH.clone()
    over_time(layer, -x)
    assert torch.equal(layer.norm.means_TH, before)


def test_one_lane_is_normalised_by_what_was_kept():
    layer = a_layer(norm="batch_per_step").eval()
    x_1BH = an_input(T=1, B=1)
    torch.testing.assert_close(layer.norm(x_1BH, torch.zeros(1, 1)), 0.1 * x_1BH, rtol=1e-4, atol=0)


def test_the_statistics_of_a_time_step_are_kept_in_its_place():
    layer, x_TBH = a_layer(norm="batch_per_step"), an_input(T=4, B=20)
    layer.norm(x_TBH, torch.full((20, 1), 2.0))
    torch.testing.assert_close(layer.norm.means_TH[2:6], 0.1 * x_TBH.mean(1))
    torch.testing.assert_close(layer.norm.variances_TH[2:6], 0.9 + 0.1 * x_TBH.var(1, correction=0))
    assert not layer.norm.means_TH[[0, 1, 6, -1]].any(), "no other step's statistics change"
    assert not layer.norm.means_TH.requires_grad, "the graph of a batch is not kept with them"


def test_steps_beyond_the_last_kept_share_its_statistics():
    layer = a_layer(norm="batch_per_step")
    state = layer.initial_state(4, torch.empty(0, dtype=torch.float64))
    x = torch.ones(KEPT + 3, 4, H, dtype=torch.float64) * torch.arange(KEPT + 3)[:, None, None]
    layer.norm(x, state.steps)
    torch.testing.assert_close(layer.norm.means_TH[KEPT - 2 :, 0], 0.1 * torch.tensor([KEPT - 2, KEPT + 0.5]).double())


def test_statistics_are_kept_in_full_precision_under_autocast():
    layer = a_layer(norm="batch_per_step").float()
    layer.norm(torch.ones(3, 4, H, dtype=torch.bfloat16), torch.zeros(4, 1))
    assert layer.norm.means_TH.dtype == torch.float32


def test_one_lane_at_one_step_has_no_statistics():
    with pytest.raises(ConfigError, match=r"model\.norm=batch: one lane at one time step has no variance"):
        over_time(a_layer(norm="batch"), an_input(T=1, B=1))


def test_a_decoder_counts_its_time_steps_from_its_own_start():
    layer = a_layer(norm="batch_per_step")
    own = layer.initial_state(3, an_input()).own
    assert layer.from_step_zero(LayerState(own, steps=torch.full((3, 1), 7.0))).steps.eq(0).all()
    assert a_layer().from_step_zero(own) is own


def test_lanes_that_go_on_get_another_mask():
    torch.manual_seed(0)
    model = SequenceModel(SPEC, GRU, 40, around=Around(recurrent_dropout=0.5)).train()
    first = model.initial_state(3)
    goes_on = model.carry(first, torch.zeros(3, dtype=torch.bool))
    assert not torch.equal(goes_on[0][1], first[0][1])
    assert torch.equal(goes_on[0][0][0], first[0][0][0])


def test_statistics_of_each_step_refuse_lanes_at_different_steps():
    layer, x = a_layer(norm="batch_per_step"), an_input()
    own = layer.initial_state(3, x).own
    with pytest.raises(ValueError, match=r"the lanes of a batch are at different time steps; choose model\.norm=batch"):
        layer(x, LayerState(own, steps=torch.tensor([[0.0], [1.0], [0.0]])), choose(layer.cell, "eager").unroll)


@pytest.mark.parametrize(("same", "kinds"), [(True, 1), (False, 7)])
def test_variational_dropout_drops_the_same_at_every_step(same, kinds):
    torch.manual_seed(0)
    dropped = dropout(torch.ones(7, 3, 40), 0.5, Passage() if same else None)
    assert len({tuple(step.flatten().tolist()) for step in dropped}) == kinds
    assert set(dropped.unique().tolist()) == {0.0, 2.0}


def stepped(zoneout=0.0, recurrent_dropout=0.0, training=True, T=4, cell=GRU):
    torch.manual_seed(0)
    noisy = NoisyCell(cell(H, H), zoneout, recurrent_dropout).double().train(training)
    states = [noisy.initial_state(200, torch.empty(0, dtype=torch.float64))]
    for x_BF in an_input(T, 200):
        states.append(noisy.step(x_BF, states[-1])[1])
    return noisy, states


def test_zoneout_keeps_about_its_share_of_units_as_they_were():
    _, states = stepped(zoneout=0.3, T=3)
    for (old, _), (new, _) in pairwise(states[1:]):
        kept = (old[0] == new[0]).double().mean().item()
        assert kept == pytest.approx(0.3, abs=0.06)


def test_zoneout_in_evaluation_is_the_mean_of_old_and_new():
    noisy, states = stepped(zoneout=0.3, training=False)
    (old, _), (new, _) = states[-2:]
    plain, _ = noisy.cell.step(an_input(4, 200)[-1], old)
    torch.testing.assert_close(new[0], 0.3 * old[0] + 0.7 * plain)


def test_recurrent_dropout_has_one_mask_for_a_sequence_and_none_in_evaluation():
    _, states = stepped(recurrent_dropout=0.25)
    masks = [mask for _, mask in states]
    assert all(torch.equal(mask, masks[0]) for mask in masks)
    assert (masks[0] == 0).double().mean().item() == pytest.approx(0.25, abs=0.06)
    assert masks[0].unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert stepped(recurrent_dropout=0.25, training=False)[1][0][1].eq(1).all()


def test_recurrent_dropout_hides_h_from_the_recurrent_weights_only():
    noisy, states = stepped(recurrent_dropout=0.5, cell=Vanilla, T=2)
    (h,), mask = states[1]
    x = an_input(2, 200)[1]
    cell = noisy.cell
    wanted = torch.tanh(cell.project(x) + F.linear(h * mask, cell.weight_hh, cell.bias_hh))
    torch.testing.assert_close(noisy.step(x, states[1])[0], wanted)


def test_noise_needs_a_gated_cell():
    with pytest.raises(ConfigError, match=r"GRUBefore is not a plain gated cell; set both to 0"):
        NoisyCell(GRUBefore(H, H), 0.1, 0.0)


TEXT = Given(train=[a_batch(T=3)]).spec.__class__(
    "text-v1", Tokens(7), 7, "every_step", SPEC.metric, "generated", "none needed"
)


def test_tied_weights_are_one_matrix_and_train_as_one():
    model = SequenceModel(TEXT, GRU, H, embedding=H, tie=True)
    assert model.encoder.weight is model.head.weight
    assert sum(p.shape == (7, H) for p in model.parameters()) == 1


@pytest.mark.parametrize(
    ("spec", "embedding", "message"),
    [
        (TEXT, 3, "the embedding is 7 symbols by 3, the head 7 by 5; .*model.embedding equal to model.hidden"),
        (TEXT, 0, "needs a task whose inputs and outputs are symbols"),
        (SPEC, 5, "needs a task whose inputs and outputs are symbols"),
    ],
)
def test_weights_that_cannot_be_tied_are_one_line(spec, embedding, message):
    with pytest.raises(ConfigError, match=message):
        SequenceModel(spec, GRU, H, embedding=embedding, tie=True)


def test_an_encoder_decoder_ties_its_decoder():
    spec = TEXT.__class__("t-v1", Tokens(9), 7, "sequence", SPEC.metric, "generated", "none needed", longest=4)
    model = EncoderDecoder(spec, GRU, H, embedding=H, tie=True)
    assert model.encoder.weight is model.head.weight
    assert model.reader.encoder.weight.shape == (9, H)
