"""The encoder-decoder: what it has read reaches what it writes through one state, and else through attention alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import mutants_sequences as mutants
import pytest
import torch
from encoder_decoders import OUTPUTS, SYMBOLS, a_batch, a_model, gradients, predict, total_loss
from hypothesis import given
from hypothesis import strategies as st
from tiny import CELLS, CPU64, a_config, few, seeded

from bench.api import END, Features, Tokens
from bench.cells.gru import GRU
from bench.cells.lstm import LSTM
from bench.cells.qrnn import QRNN
from bench.checks import TASK_LAWS, assert_task, check_task
from bench.checks.compare import layout
from bench.config.schema import BPTTConfig, MatchConfig, ModelConfig
from bench.errors import ConfigError
from bench.job.build import build
from bench.measure.flops import count_flops, parameter_count
from bench.measure.memory import measure_memory
from bench.measure.speed import measure_speed
from bench.model.around import Around
from bench.tasks.copy import Copy
from bench.tasks.translation import Translation
from bench.train.evaluate import evaluate
from bench.train.loop import train

ATTENTIONS = ["none", "dot", "additive"]
BPTT = {"bptt": BPTTConfig("truncated", window=2)}


def attend(attention, h_1H, read_SH):
    """Luong et al.'s attention, one score at a time: with Bahdanau et al.'s score where there are weights for it."""
    if attention.weigh is None:
        scores = [h_1H[0] @ e_H for e_H in read_SH]
    else:
        scores = [
            attention.weigh.weight[0] @ torch.tanh(attention.query.weight @ h_1H[0] + attention.key.weight @ e_H)
            for e_H in read_SH
        ]
    context_H = sum(a * e_H for a, e_H in zip(torch.stack(scores).softmax(0), read_SH, strict=True))
    return torch.tanh(attention.combine.weight @ torch.cat([context_H, h_1H[0]]))[None]


def naive(model, batch):
    """The summed loss, lane by lane and step by step."""
    loss = 0.0
    for lane, length in enumerate(batch.lengths.tolist()):
        states, read = [cell.initial_state(1, like=model.head.weight) for cell in model.cells], []
        for symbol in batch.inputs[:, lane]:
            x = model.reader.encoder(symbol[None])
            for layer, cell in enumerate(model.reader.cells):
                x, states[layer] = cell.step(x, states[layer])
            read.append(x[0])
        written = batch.targets[: length - len(batch.inputs), lane].tolist()
        for before, after in pairwise([END, *written]):
            x = model.encoder(torch.tensor([before]))
            for layer, cell in enumerate(model.cells):
                x, states[layer] = cell.step(x, states[layer])
            x = x if model.attention is None else attend(model.attention, x, read)
            loss = loss - model.head(x).log_softmax(-1)[0, after]
    return loss


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("unroll", ["eager", "auto"])
@pytest.mark.parametrize("cell", CELLS)
def test_loss_and_gradients_are_those_of_a_naive_loop(cell, unroll, attention):
    model, batch = a_model(cell, unroll=unroll, attention=attention), a_batch()
    found, wanted = total_loss(predict(model, batch), batch), naive(model, batch)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(gradients(model, found), gradients(model, wanted))
    assert all(gradient.any() for gradient in gradients(model, total_loss(predict(model, batch), batch)))


@few
@given(st.integers(1, 9), st.sampled_from([GRU, LSTM]))
def test_what_has_been_read_is_a_state_of_one_size_however_long_it_was(S, cell):
    model = a_model(cell)
    assert layout(model.read(a_batch(S).inputs)) == layout(model.initial_state(3))


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_the_state_is_all_that_the_decoder_sees(monkeypatch, attention):
    """With attention the outputs of the encoder are a part of it."""
    model, first, second = a_model(attention=attention), a_batch(seed=0), a_batch(S=7, seed=1)
    second = replace(second, targets=first.targets)
    assert not torch.allclose(predict(model, first), predict(model, second))
    state = model.read(first.inputs)
    monkeypatch.setattr(model, "read", lambda *_: state)
    assert torch.equal(predict(model, first), predict(model, second))
    assert torch.equal(model.decode(first.inputs), model.decode(second.inputs))


@pytest.mark.parametrize("attention", ["dot", "additive"])
def test_attention_sees_each_step_that_was_read_and_the_head_hears_of_it(attention):
    model, batch = a_model(attention=attention), a_batch()
    *begun, memory = model.read(batch.inputs)
    values_BSH = memory.values.detach().requires_grad_()
    logits, _ = model(batch.targets, (*begun, model.attention.remember(values_BSH.transpose(0, 1))))
    (gradient_BSH,) = torch.autograd.grad(logits.square().sum(), values_BSH)
    assert gradient_BSH.any(2).all()


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_a_beam_keeps_each_lane_s_own_memory(attention, beam):
    """All lanes together are decoded as each is alone."""
    model, inputs = a_model(attention=attention, beam=beam), a_batch(S=4, written=(3,) * 8).inputs
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)  # what was read then makes a difference ...
        model.head.bias[END] = -9  # ... and is not answered by END alone
    together = model.decode(inputs)
    assert len(set(map(tuple, together.T.tolist()))) > 1
    for lane in range(8):
        alone = model.decode(inputs[:, [lane]])
        assert torch.equal(together[: len(alone), [lane]], alone)
        assert (together[len(alone) :, lane] == END).all()


def test_every_layer_starts_where_its_own_has_ended():
    model, batch = a_model(), a_batch()
    state = tuple((h.detach().requires_grad_(),) for (h,) in model.read(batch.inputs))
    logits, _ = model(batch.targets, state)
    assert all(torch.autograd.grad(logits.sum(), h, retain_graph=True)[0].any() for (h,) in state)


def test_a_tied_embedding_is_the_decoder_s():
    model = a_model(embedding=5, tie=True)
    assert model.encoder.weight is model.head.weight
    assert model.reader.encoder.weight.shape == (SYMBOLS, 5)
    assert predict(model, a_batch()).shape == (5, 3, OUTPUTS)


@pytest.mark.parametrize("norm", ["layer", "batch", "batch_per_step"])
def test_what_stands_around_a_cell_stands_around_those_of_both_halves(norm):
    around = Around(norm=norm, residual=True, dropout=0.5, zoneout=0.1, recurrent_dropout=0.1)
    model = a_model(around=around, teacher_forcing=0.5)
    assert predict(model, a_batch()).isfinite().all()
    model.eval()
    assert torch.equal(predict(model, a_batch()), predict(model, a_batch()))
    assert model.decode(a_batch().inputs).shape[1] == 3


@pytest.mark.parametrize("beam", [1, 3])
def test_an_output_has_at_most_the_longest_number_of_symbols(beam):
    """Here 6: one that does not end by itself has just so many."""
    model = a_model(beam=beam)
    with torch.no_grad():
        model.head.bias[END] = -1e3
    found = model.decode(a_batch().inputs)
    assert found.shape == (6, 3) and (found != END).all()


@pytest.mark.parametrize(("cell", "around"), [(QRNN, {}), (GRU, {"conv": 4}), (GRU, {"conv": 2, "zoneout": 0.1})])
@pytest.mark.parametrize("inputs", [Tokens(SYMBOLS), Features(3)], ids=str)
def test_last_inputs_are_not_handed_on_where_they_are_of_another_width(inputs, cell, around):
    """One-hot symbols or features are read that are not as wide as those written."""
    model = a_model(cell, inputs, embedding=0, around=Around(**around))
    batch = a_batch() if isinstance(inputs, Tokens) else replace(a_batch(), inputs=torch.ones(4, 3, 3))
    assert layout(model.read(batch.inputs)) == layout(model.initial_state(3))
    assert predict(model, batch).isfinite().all()
    assert model.eval().decode(batch.inputs).shape[1] == 3


def test_features_are_read_as_symbols_are():
    model = a_model(inputs=Features(3))
    batch = replace(a_batch(), inputs=torch.randn(4, 3, 3, generator=seeded()))
    assert predict(model, batch).shape == (5, 3, OUTPUTS)
    assert model.decode(batch.inputs).shape[1] == 3


@few
@given(st.integers(0, 3), st.integers(0, 99))
def test_padding_of_targets_changes_nothing(more, seed):
    model, batch = a_model(), a_batch()
    padded = a_batch(more=more)
    noise = torch.randint(OUTPUTS, padded.targets.shape, generator=seeded(seed))
    padded = replace(padded, inputs=batch.inputs, targets=torch.where(padded.weight > 0, padded.targets, noise))
    padded.targets[: len(batch.targets)][batch.weight > 0] = batch.targets[batch.weight > 0]
    losses = [total_loss(predict(model, each), each) for each in (batch, padded)]
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*(gradients(model, loss) for loss in losses))
    assert batch.tokens == padded.tokens == 3 * 4 + 9


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize("norm", ["batch", "batch_per_step"])
def test_padding_of_targets_is_not_in_the_statistics_of_a_norm(norm, turns):
    found = []
    for more in (0, 3):
        model = a_model(around=Around(norm=norm), teacher_forcing=1 - 1e-12 if turns else 1.0)
        batch = replace(a_batch(more=more), inputs=a_batch().inputs)
        batch.targets[: len(a_batch().targets)] = a_batch().targets
        found.append(predict(model.train(), batch)[:5][a_batch().weight > 0])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_with_all_symbols_given_taking_turns_is_the_fast_path(attention):
    batch = a_batch()
    fast, turns = (a_model(teacher_forcing=rate, attention=attention) for rate in (1.0, 1 - 1e-12))
    torch.testing.assert_close(predict(turns, batch), predict(fast, batch))
    torch.testing.assert_close(*(gradients(m, total_loss(predict(m, batch), batch)) for m in (fast, turns)))


def test_with_no_symbol_given_the_decoder_goes_on_from_its_own():
    model, batch = a_model(teacher_forcing=0.0), a_batch()
    logits = predict(model, batch)
    symbol, state = torch.full((3,), END), model.read(batch.inputs)
    for expected in logits:
        found, state = model.step(symbol, state)
        torch.testing.assert_close(found, expected)
        symbol = found.argmax(-1)
    assert not torch.allclose(logits, predict(a_model(), batch))


def test_a_rate_between_gives_some_symbols_by_torch_s_generator():
    model, batch = a_model(teacher_forcing=0.5), a_batch(written=(9,) * 40)
    torch.manual_seed(1)
    first = predict(model, batch)
    assert not torch.allclose(first, predict(model, batch))
    torch.manual_seed(1)
    assert torch.equal(first, predict(model, batch))


def test_each_lane_draws_for_itself_at_each_step_and_the_rate_is_of_what_was_given():
    """All targets are 1 and the decoder always says 2: what it reads tells what was drawn."""
    model, batch = a_model(teacher_forcing=0.8), a_batch(written=(40,) * 50)
    batch.targets.fill_(1)
    with torch.no_grad():
        model.head.bias[2] = 1e3
    read = []
    model.encoder.register_forward_pre_hook(lambda _, arguments: read.append(arguments[0][0]))
    predict(model, batch)
    start_B, *drawn = read
    assert len(drawn) == 39 and (start_B == END).all()
    given_UB = torch.stack(drawn) == 1
    assert (given_UB | (torch.stack(drawn) == 2)).all()
    assert given_UB.double().mean() == pytest.approx(0.8, abs=0.04)
    assert all(0 < given.sum() < len(given) for given in (*given_UB, *given_UB.T)), "one draw for several symbols"


def test_scores_are_of_given_symbols_whatever_the_rate():
    batch = a_batch()
    assert torch.equal(predict(a_model(teacher_forcing=0.0).eval(), batch), predict(a_model().eval(), batch))


@pytest.mark.parametrize(
    ("options", "value", "remedy"),
    [
        (BPTT, r"bptt=\w+", "choose bptt=full"),
        ({"bptt": BPTTConfig(checkpoint=True)}, r"bptt\.checkpoint=true", r"set bptt\.checkpoint=false"),
    ],
)
def test_windows_of_time_are_refused(options, value, remedy):
    with pytest.raises(ConfigError, match=rf"^{value}: translation-v1 reads a whole sequence.* {remedy}$"):
        build(a_config(**options), mutants.Good())


@pytest.mark.parametrize("option", [{"beam": 2}, {"teacher_forcing": 0.5}, {"attention": "dot"}])
def test_options_of_the_encoder_decoder_are_refused_elsewhere(option):
    with pytest.raises(ConfigError, match=r"model.\w+=.*: copy-v1 writes no sequence; leave it at (1|none)"):
        build(a_config(model=ModelConfig(**option)), Copy())


def test_a_model_has_the_size_that_was_asked_for_and_is_trained_and_measured():
    task = mutants.Good()
    config = a_config(match=MatchConfig(params=20_000), model=ModelConfig(embedding=4, teacher_forcing=0.9, beam=2))
    setup = build(config, task)
    assert parameter_count(setup.model) == pytest.approx(20_000, rel=0.02)
    hidden = setup.config.model.hidden
    of_reader = of_decoder = 3 * (4 + hidden)
    counted = count_flops(setup.model)
    assert counted.forward.products == 2 * hidden * (of_reader + of_decoder + task.spec.outputs)
    assert counted.streaming.products == 2 * hidden * (of_decoder + task.spec.outputs)
    batches = task.batches("train", 20, seeded())
    losses = [step.loss for step in train(setup.model, task, setup.optimizer, batches, setup.config, CPU64)]
    assert losses[-1] < losses[0]
    assert evaluate(setup.model, task, "valid", CPU64)["nll"] < losses[0]
    speed = measure_speed(setup, seconds=0)
    assert all(figure["median"] > 0 for name, figure in speed.items() if name != "longest")
    assert measure_memory(setup)["peak_mib"] > 0


HERE = [law for law in TASK_LAWS if law not in ("same seed same batches", "memory is flat")]

MUTANTS = [
    # mutant, the law it breaks, what the verdict says, and the laws that cannot but fail, too
    ("WritesForEver", "spec is honoured", "spec.longest is not set", set()),
    ("GoesOn", "spec is honoured", "a lane is not fresh", {"splits are disjoint"}),
    ("CountsNoSteps", "spec is honoured", "lengths is None", set()),
    (
        "StopsEarly",
        "spec is honoured",
        "the first END, 0, of a lane's targets is not at its last step",
        {"a constant predictor scores chance"},
    ),
    ("AlignedTargets", "spec is honoured", "weight is", set(TASK_LAWS)),
    ("MeanOfOutputs", "tallies add up", "train: `outputs` of a batch is", set()),
    ("ReadsPadding", "weights cover what is scored", "changes with targets where the weight is 0", set()),
    ("RosyChance", "a constant predictor scores chance", "metric.chance is 0.5 share", set()),
]


@pytest.mark.parametrize(("mutant", "law", "message", "others"), MUTANTS, ids=[row[0] for row in MUTANTS])
def test_a_mutant_breaks_its_law(mutant, law, message, others):
    failed = {v.law: v.message for v in check_task(getattr(mutants, mutant), laws=HERE) if v.outcome == "failed"}
    assert message in failed[law]
    assert set(failed) <= {law} | others


def test_the_task_that_the_mutants_are_made_from_keeps_the_laws():
    assert_task(mutants.Good, laws=HERE)
    assert_task(Translation, {"largest": 200, "tokens": "character", "source_language": "de"}, laws=HERE)
