"""FLOPs: counts by hand from the equations, torch's own counter where it is right, and work that no counter knows."""

from __future__ import annotations

import mutants_sequences as mutants
import pytest
import torch
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiny import a_config
from torch.utils.flop_counter import FlopCounterMode

from bench.api import Features, Metric, TaskSpec, Tokens
from bench.cells.attention import Attention
from bench.cells.gru import GRU
from bench.cells.lstm import LSTM
from bench.cells.mamba import S6
from bench.cells.s4d import S4D
from bench.cells.tcn import TCN
from bench.config.catalogue import choices
from bench.config.schema import MatchConfig, ModelConfig
from bench.errors import ConfigError
from bench.job.build import build, load_cell
from bench.job.counted import flops_of
from bench.job.match import hidden_for
from bench.measure import flops
from bench.measure.flops import LANES, STEPS, count_flops, flops_per_token
from bench.measure.operations import Counter
from bench.model.sequence import SequenceModel

SOME = settings(max_examples=5)


def built_in(name):
    """The class and the options of a built-in cell."""
    return load_cell(yaml.safe_load(choices("cell")[name].path.read_text()))


def a_model(cell, inputs=3, hidden=8, outputs=0, **options):
    """A cell of float features alone; with `outputs`, a head behind it."""
    return of_inputs(Features(inputs), cell, hidden, outputs, **options)


def of_inputs(inputs, cell, hidden=8, outputs=0, bidirectional=False, **options):
    spec = TaskSpec("x-v1", inputs, outputs, "last_step", Metric("m", "u", "max", 0.0), "none", "none")
    return SequenceModel(spec, lambda f, h: cell(f, h, **options), hidden, bidirectional=bidirectional)


def both(operations):
    return round(operations.products), round(operations.elementwise)


@SOME
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5))
def test_an_lstm_has_two_products_and_21_operations_for_each_unit(F, H, C):
    """8 biases, 4 sums of the projections, 3 sigmoids, 2 tanh, 3 products and a sum; the head has C biases."""
    counted = count_flops(a_model(LSTM, F, H, C))
    assert both(counted.forward) == both(counted.streaming) == (2 * 4 * H * (F + H) + 2 * C * H, 21 * H + C)
    to_states = 2 * 4 * H * H * (STEPS - 1) / STEPS  # the state before the first step needs no gradient
    assert counted.backward.products == 2 * 4 * H * (F + H) + to_states + 2 * 2 * C * H


@SOME
@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 9))
def test_the_element_wise_recurrence_of_s6_counts(F, H, N):
    """A, exp(Delta A), Delta B u, the state's product and sum, and the read: 9 for a state of a channel."""
    rank = -(-H // 16)
    products = 2 * F * H + 2 * H * (rank + 2 * N) + 2 * rank * H
    assert both(count_flops(a_model(S6, F, H, state_size=N)).streaming) == (products, 9 * H * N + 6 * H)


@SOME
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_the_complex_recurrence_of_s4d_counts_in_real_operations(F, H, pairs):
    """One state is stored for each pair; a complex product is 6, one with a real number 2, a quotient 11, an exp 5."""
    discretised = 1 + 1 + 2 + 6 + 11  # exp and minus of the decay, times Delta (real), expm1, a division
    carried = 5 + 6 + 2 + 2  # exp, times the state, times a real input, a sum
    read = 2 + 6 + 2  # twice C (as two reals), times the state, a sum over states
    each = discretised + carried + read
    counted = count_flops(a_model(S4D, F, H, state_size=2 * pairs)).streaming
    assert both(counted) == (2 * F * H, each * H * pairs + 8 * H)  # Delta, D u and its sum, 5 for a gelu


@pytest.mark.parametrize("context", [16, 128, 8192])
def test_attention_over_a_context_costs_four_operations_for_a_key_and_a_unit(context):
    H = F = 8
    counted = count_flops(a_model(Attention, F, H, context=context, heads=2))
    assert counted.streaming.products == 2 * 3 * F * H + 2 * H * H + 4 * context * H
    assert counted.forward.products > 4 * context * H


def test_a_network_of_convolutions_shares_its_weights_norms_over_a_batch_and_pays_them_in_a_step():
    F, H, k, levels = 3, 8, 3, 2
    shapes = [(H, k * F), *[(H, k * H)] * (2 * levels - 1)]
    weights = sum(rows * columns for rows, columns in shapes)
    products = 2 * weights + 2 * H * F
    plain = H * len(shapes) * 2 + H * levels * 2 + H  # biases and relus; residual sums and relus; the skip's bias
    normed = 3 * weights + H * len(shapes)  # squares, sums, products with the scales; a division for each row
    counted = count_flops(a_model(TCN, F, H, levels=levels, kernel_size=k))
    assert both(counted.streaming) == (products, plain + normed)
    assert both(counted.forward) == (products, round(plain + normed / (STEPS * LANES)))


def test_the_matrix_exponential_is_taken_once_for_a_batch():
    (cell, options), H = built_in("exprnn"), 16
    counted = count_flops(a_model(cell, 3, H, **options))
    assert counted.streaming.products == 2 * 3 * H + 2 * H * H + 10 * H**3
    assert counted.forward.products == 2 * 3 * H + 2 * H * H + 10 * H**3 / (STEPS * LANES)


@SOME
@given(st.integers(1, 9), st.integers(2, 40))
def test_a_one_hot_vector_chooses_rows_of_a_weight_whose_gradient_adds_to_them(H, V):
    symbols, features = (count_flops(of_inputs(inputs(V), LSTM, H)) for inputs in (Tokens, Features))
    of_inputs_alone = 2 * 4 * H * V
    assert symbols.forward.products == features.forward.products - of_inputs_alone
    assert symbols.backward.products == features.backward.products - of_inputs_alone
    assert symbols.backward.elementwise == features.backward.elementwise + 4 * H
    assert symbols.streaming == symbols.forward


JOINED = {"ngram_mlp": "the last symbols are one input", "qrnn": "a convolution", "tcn": "a convolution"}
"""Cells whose products with one-hot vectors are counted like any other, and why."""


@pytest.mark.parametrize("name", sorted(set(choices("cell")) - {"custom"}))
def test_products_do_not_depend_on_the_number_of_symbols(name):
    cell, options = built_in(name)
    few, many = (count_flops(of_inputs(Tokens(V), cell, **options)) for V in (5, 25))
    for way in ("forward", "backward", "streaming"):
        differ = getattr(few, way).products != getattr(many, way).products
        assert differ == (name in JOINED)


def test_nor_do_they_where_a_second_cell_reads_from_the_end():
    few, many = (count_flops(of_inputs(Tokens(V), GRU, bidirectional=True)) for V in (5, 25))
    assert few.forward.products == many.forward.products


UNSEEN = {"attention": "attention on a CPU", "transformer": "attention on a CPU", "exprnn": "a matrix exponential"}
"""Cells of whose step torch's counter leaves out something."""


@pytest.mark.parametrize("name", sorted(set(choices("cell")) - {"custom"}))
def test_products_are_those_of_torchs_counter_where_it_sees_them(name):
    cell, options = built_in(name)
    model = a_model(cell, 5, 8, 3, **options)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.step(torch.zeros(1, 5), model.initial_state(1))
    counted = count_flops(model)
    seen = counter.get_total_flops()
    assert counted.streaming.products >= seen if name in UNSEEN else counted.streaming.products == seen
    assert min(each.elementwise for each in (counted.forward, counted.backward, counted.streaming)) > 0
    assert not counted.unknown


def test_a_loop_extended_from_a_few_steps_is_the_loop_in_full(monkeypatch):
    monkeypatch.setattr(flops, "STEPS", 7)
    monkeypatch.setattr(flops, "LANES", 4)
    model = a_model(GRU)
    model.choose_unroll("eager")
    whole = [each * (1 / 28) for each in flops._of_a_batch(model, 7, 4, gradients=True)]
    counted = count_flops(model)
    assert [both(each) for each in whole] == [both(counted.forward), both(counted.backward)]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
@example(2, 3, 4)
def test_complex_numbers_count_as_the_real_ones_that_they_are(m, k, n):
    a, b = torch.ones(m, k, dtype=torch.complex64), torch.ones(k, n, dtype=torch.complex64)
    with Counter() as counter:
        c = a @ b
        c = c * c + c * 2.0
    assert counter.counted.products == 8 * m * k * n
    assert counter.counted.elementwise == (6 + 2 + 2) * m * n


def test_what_computes_nothing_is_free():
    x = torch.ones(4, 4)
    with Counter() as counter:
        torch.where(x > 0, x.T.contiguous(), torch.cat([x, x])[:4]).tril().reshape(-1)[torch.arange(16)].clone()
    assert counter.counted.total == 0 and not counter.counted.unknown


@torch.library.custom_op("toy::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


@torch.library.custom_op("toy::mm", mutates_args=())
def mm(x: torch.Tensor) -> torch.Tensor:
    return x @ x @ x


def test_an_op_of_another_library_is_not_known_whatever_its_name():
    with Counter() as counter:
        mm(torch.ones(3, 3))
    assert counter.counted.unknown == {"toy::mm"} and counter.counted.total == 0


class Foreign(GRU):
    """A user's cell with an op of their own."""

    def step(self, x_BF, state):
        y, state = super().step(x_BF, state)
        return y + twice(y.detach()), state


def test_an_op_that_is_not_known_is_named_in_the_record_and_not_matched(caplog):
    model = a_model(Foreign)
    with caplog.at_level("WARNING", logger="bench"):
        found = flops_of(model)
    assert found["unknown"] == ["toy::twice"] and "FLOPs are without those of toy::twice" in caplog.text
    with pytest.raises(ConfigError, match=r"match.flops: .* toy::twice in Foreign are not known; choose match.params"):
        hidden_for(MatchConfig(flops=5000), lambda size: a_model(Foreign, hidden=size))


class OneLane(GRU):
    """A user's cell that takes batches of a single lane alone."""

    def step(self, x_BF, state):
        if len(x_BF) != 1:
            raise ValueError("one lane alone")
        return super().step(x_BF, state)


def test_a_cell_that_fails_in_a_count_has_none_and_the_run_goes_on(caplog):
    with caplog.at_level("WARNING", logger="bench"):
        assert flops_of(a_model(OneLane)) is None
    assert "FLOPs are not counted: ValueError: one lane alone" in caplog.text


def test_counting_leaves_the_model_and_the_generator_as_they_were():
    model = a_model(LSTM, outputs=2).train()
    model.choose_unroll("vendor")
    before, form, generator = model.state_dict(), model._unrolls, torch.get_rng_state()
    flops_per_token(model)
    count_flops(model)
    assert model.training and model._unrolls is form and torch.equal(generator, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_an_element_wise_recurrence_leaves_no_more_width_for_the_same_flops():
    """Nearly all work of S4D is its recurrence: by products alone it was much wider than others of as much work."""
    size = hidden_for(MatchConfig(flops=50_000), lambda size: a_model(S4D, hidden=size))
    counted = count_flops(a_model(S4D, hidden=size)).forward
    assert counted.total == pytest.approx(50_000, rel=0.02) and counted.products < 0.1 * counted.total


@pytest.mark.parametrize(("attention", "matrices"), [("dot", 2), ("additive", 3)])
def test_an_encoder_decoder_pays_for_its_attention_to_all_that_it_has_read(attention, matrices):
    """A score and its share of the sum are 4 operations for a unit and a symbol read; then come H x H matrices."""
    H = 8
    model = build(a_config(model=ModelConfig(hidden=H, embedding=4, attention=attention)), mutants.Good()).model
    of_decoder = 2 * H * (3 * (4 + H) + model.head.out_features)
    assert count_flops(model).streaming.products == of_decoder + 4 * H * STEPS + matrices * 2 * H * H
