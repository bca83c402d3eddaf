"""A bidirectional layer: a second cell reads each lane's real steps from the end, and what is scored hears of all."""

from dataclasses import replace

import pytest
import torch
from encoder_decoders import a_batch as a_written_batch
from encoder_decoders import a_model as an_encoder_decoder
from encoder_decoders import predict, total_loss
from hypothesis import given
from hypothesis import strategies as st
from tiny import CLASSES, CPU64, FEATURES, Given, a_batch, a_config, a_setup, few
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bench.api import leaves
from bench.cells.gru import GRU
from bench.cells.lstm import LSTM
from bench.cells.mamba import S6
from bench.cells.qrnn import QRNN
from bench.cells.slstm import SLSTM
from bench.cells.tcn import TCN
from bench.cells.vanilla import Vanilla
from bench.config.rules import validate
from bench.config.schema import BPTTConfig, ModelConfig
from bench.diagnosis.tables import diagnose
from bench.errors import ConfigError
from bench.job.build import build
from bench.measure.flops import count_flops, flops_per_token
from bench.measure.speed import measure_speed
from bench.model.around import Around
from bench.model.bidirectional import turned
from bench.model.passage import Passage
from bench.model.sequence import SequenceModel
from bench.tasks.copy import Copy
from bench.train.evaluate import evaluate
from bench.train.loop import train

lengths = st.lists(st.integers(1, 6), min_size=1, max_size=4)
NORMS = [{}, {"norm": "batch"}, {"norm": "batch_per_step", "mlp": 1}]
several = lengths.filter(lambda found: sum(found) > 1)  # one number has no variance
BLOCK = {"pre_norm": "rms", "expand": 2.0, "conv": 4, "skip": True, "gate": True, "residual": True, "mlp": 1.0}
AROUNDS = [{}, {"norm": "batch"}, {"norm": "batch_per_step", "mlp": 1}, BLOCK]


class AtTheEnd(Given):
    """`Given`, but classified at the last real step."""

    @property
    def spec(self):
        return replace(super().spec, reads="last_step")


def padded(lengths, more=0, noise=0.0):
    """Lanes of these lengths with their last real step scored; behind it are `more` steps than needed."""
    lengths_B = torch.tensor(lengths)
    batch = a_batch(12, len(lengths)).span(0, max(lengths) + more)
    time_T1 = torch.arange(len(batch.inputs))[:, None]
    inputs_TBF = torch.where((time_T1 < lengths_B)[..., None], batch.inputs, noise)
    return replace(batch, inputs=inputs_TBF, weight=(time_T1 == lengths_B - 1).double(), lengths=lengths_B)


def a_model(cell=GRU, layers=1, reads="last_step", outputs=CLASSES, unroll="eager", **around):
    torch.manual_seed(0)
    spec = replace(Given(train=[a_batch()]).spec, reads=reads, outputs=outputs)
    model = SequenceModel(spec, cell, 5, layers, around=Around(**around), bidirectional=True).double()
    model.choose_unroll(unroll)
    return model


def scored(model, batch):
    logits, _ = model.predict(batch, model.initial_state(len(batch.fresh)))
    return logits[batch.weight > 0]


def torchs(kind, model):
    """torch's own bidirectional layers with the weights of `model`."""
    theirs = kind(FEATURES, 5, len(model.layers), bidirectional=True).double()
    for i, layer in enumerate(model.layers):
        for cell, ending in ((layer.cell, ""), (layer.back, "_reverse")):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(theirs, f"{name}_l{i}{ending}").data.copy_(getattr(cell, name))
    return theirs


@few
@given(st.sampled_from([(GRU, torch.nn.GRU), (LSTM, torch.nn.LSTM)]), lengths, st.integers(1, 2), st.booleans())
def test_outputs_and_last_states_are_those_of_torch_over_packed_sequences(kinds, lengths, layers, vendor):
    cell, kind = kinds
    batch, form = padded(lengths), "vendor" if vendor else "eager"
    packed = pack_padded_sequence(batch.inputs, batch.lengths, enforce_sorted=False)
    reader = a_model(cell, layers, reads="sequence", outputs=0, unroll=form)
    theirs, last = torchs(kind, reader)(packed)
    ours, _ = reader(batch.inputs, reader.initial_state(len(lengths)), Passage(batch.lengths))
    real_TB = torch.arange(len(ours))[:, None] < batch.lengths
    torch.testing.assert_close(ours[real_TB], pad_packed_sequence(theirs)[0][real_TB])
    at_the_end = a_model(cell, layers, outputs=0, unroll=form)
    h = torchs(kind, at_the_end)(packed)[1]
    h = h[0] if isinstance(h, tuple) else h
    ours, _ = at_the_end(batch.inputs, at_the_end.initial_state(len(lengths)), Passage(batch.lengths))
    wanted_BH = torch.cat([h[-2], h[-1]], -1)
    torch.testing.assert_close(ours[batch.lengths - 1, torch.arange(len(lengths))], wanted_BH)
    assert last is not None


@few
@given(st.sampled_from([Vanilla, LSTM, S6]), lengths, st.integers(1, 2))
def test_the_second_cell_s_reading_of_the_whole_reaches_what_is_scored_and_padding_does_not(cell, lengths, layers):
    model, batch = a_model(cell, layers), padded(lengths, more=2)
    with torch.no_grad():
        model.head.weight[:, :5] = 0  # what the first cell says is not heard
    batch.inputs.requires_grad_()
    (gradient_TBF,) = torch.autograd.grad(scored(model, batch).square().sum(), batch.inputs)
    real_TB = torch.arange(len(batch.inputs))[:, None] < batch.lengths
    assert torch.equal(gradient_TBF.any(2), real_TB)


@few
@given(st.sampled_from(AROUNDS), several, st.integers(1, 2))
def test_padding_changes_nothing_also_in_a_block_and_in_the_statistics_of_a_norm(around, lengths, layers):
    found = [scored(a_model(layers=layers, **around).train(), padded(lengths, *pad)) for pad in ((0,), (3, 99.0))]
    torch.testing.assert_close(*found)


@given(lengths)
def test_turning_reverses_what_is_real_and_turned_twice_it_is_what_it_was(lengths):
    x_TBF, passage = padded(lengths, more=1).inputs, Passage(torch.tensor(lengths))
    for lane, length in enumerate(lengths):
        assert torch.equal(turned(x_TBF, passage)[:length, lane], x_TBF[:length, lane].flip(0))
    assert torch.equal(turned(turned(x_TBF, passage), passage), x_TBF)
    assert torch.equal(turned(x_TBF, Passage()), x_TBF.flip(0))


def test_layers_are_twice_as_wide_and_add_their_input_where_it_is_as_wide():
    model = a_model(layers=2, residual=True)
    assert [cell.input_size for cell in model.cells] == [FEATURES, FEATURES, 10, 10]
    assert [layer.adds_input for layer in model.layers] == [False, True]
    assert model.head.in_features == 10


def a_run(**changes):
    return a_setup(AtTheEnd(train=[padded([4, 2])], valid=[padded([5, 3])]), **changes)


def test_a_run_trains_and_is_scored_and_measured_but_has_no_time_of_a_step():
    setup = a_run(model=ModelConfig(hidden=5, bidirectional=True, layers=2))
    batches = setup.task.splits["train"] * 30
    losses = [step.loss for step in train(setup.model, setup.task, setup.optimizer, batches, setup.config, CPU64)]
    assert losses[-1] < losses[0] / 2
    assert evaluate(setup.model, setup.task, "valid", CPU64)["nll"] > 0
    speed = measure_speed(setup, 0.01)
    assert speed["step_us"] is None
    assert speed["infer_tokens_per_s"]["median"] > 0
    figures = count_flops(setup.model).figures()
    assert figures["streaming"] is None
    assert figures["forward"]["products"] > 0
    assert flops_per_token(setup.model) > 1.9 * flops_per_token(a_run(model=ModelConfig(hidden=5, layers=2)).model)


def test_what_goes_by_single_steps_says_in_a_line_that_it_cannot():
    model = a_model()
    with pytest.raises(ConfigError, match=r"reads whole sequences, its second cell from their end, and goes no single"):
        model.step(torch.zeros(1, FEATURES), model.initial_state(1))
    found = dict(diagnose(model, AtTheEnd(train=[padded([3])]), padded([3])))
    assert len(found) == 5
    assert all(isinstance(table, ConfigError) for table in found.values())


def test_sequences_that_go_on_are_refused():
    model = a_model()
    with pytest.raises(ConfigError, match=r"model\.bidirectional=true: sequences that go on from batch to batch"):
        model.carry(model.initial_state(2), torch.tensor([True, False]))


def test_tasks_that_are_scored_at_every_step_are_refused():
    with pytest.raises(ConfigError, match=r"model\.bidirectional=true: copy-v1 asks for an output at every time step"):
        build(a_config(model=ModelConfig(bidirectional=True)), Copy())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bptt": BPTTConfig("truncated", 2)}, r"and bptt=truncated cuts them: choose bptt=full"),
        ({"bptt": BPTTConfig("sliding", 1, 2)}, r"and bptt=sliding cuts them"),
        ({"bptt": BPTTConfig(checkpoint=True)}, r"would read each segment of bptt\.checkpoint=true"),
        ({"gradient": "rtrl"}, r"needs gradient=bptt"),
    ],
    ids=str,
)
def test_what_cuts_sequences_or_goes_forward_in_time_is_refused(options, message):
    with pytest.raises(ConfigError, match=rf"^model\.bidirectional=true.*{message}"):
        validate(a_config(model=ModelConfig(bidirectional=True), **options))


@pytest.mark.parametrize("attention", ["none", "dot", "additive"])
@pytest.mark.parametrize("around", [{}, BLOCK, {"recurrent_dropout": 0.5, "norm": "batch_per_step"}], ids=str)
def test_both_cells_of_each_layer_of_an_encoder_are_trained(attention, around):
    model = an_encoder_decoder(bidirectional=True, attention=attention, around=Around(**around))
    assert not model.bidirectional, "the decoder writes one symbol after the other"
    batch = a_written_batch()
    total_loss(predict(model, batch), batch).backward()
    assert len(model.reader.cells) == 2 * len(model.cells)
    assert all(weight.grad.any() for cell in model.reader.cells for weight in cell.parameters())
    assert model.eval().decode(batch.inputs).shape[1] == 3


def test_a_decoder_starts_from_the_mean_of_both_cells_last_states_and_keeps_its_own_mask():
    around = Around(recurrent_dropout=0.5)
    model = an_encoder_decoder(bidirectional=True, around=around, layers=1).train()
    inputs, start = a_written_batch().inputs, model.initial_state(3)
    torch.manual_seed(1)
    ((own, mask),) = model.read(inputs, start)
    torch.manual_seed(1)
    (((ahead, _), (back, _)),) = model.reader(inputs, model.reader.initial_state(3))[1]
    torch.testing.assert_close(own[0], (ahead[0] + back[0]) / 2)
    assert torch.equal(mask, start[0][1])


def test_attention_sees_at_each_step_what_both_cells_say_of_it():
    """A change of the last symbol reaches the first step through the second cell alone, and by it at once."""
    model, inputs = an_encoder_decoder(bidirectional=True, attention="additive", layers=1), a_written_batch(S=4).inputs
    changed = inputs.clone()
    changed[-1] = (inputs[-1] + 1) % 4
    before, after = (model.read(each)[-1].values for each in (inputs, changed))
    same = torch.isclose(before, after).all(0)
    assert same[:3, :5].all(), "the first cell has not read the last symbol yet"
    assert not same[:, 5:].any(), "the second cell began with it"


@pytest.mark.parametrize("cell", [QRNN, SLSTM, S6, TCN], ids=lambda cell: cell.__name__)
def test_a_decoder_starts_from_the_states_of_any_cell(cell):
    """Also of one that keeps its last inputs, which in a second layer are twice as wide in the encoder."""
    model, batch = an_encoder_decoder(cell, bidirectional=True), a_written_batch()
    assert predict(model, batch).isfinite().all()
    shapes = [[leaf.shape for leaf in leaves(state)] for state in (model.read(batch.inputs), model.initial_state(3))]
    assert shapes[0] == shapes[1]
