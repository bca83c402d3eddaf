"""The statistics of batch norms: over what is real and not over padding, and over each time step once."""

from dataclasses import replace

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from tiny import CPU64, Given, Spy, a_batch, a_config, few, seeded, truncated

from bench.cells.gru import GRU
from bench.config.schema import BPTTConfig
from bench.errors import ConfigError
from bench.model.layer import Around
from bench.model.sequence import SequenceModel
from bench.train.loop import train
from bench.unroll.forms import choose

norms = st.sampled_from(["batch", "batch_per_step"])


def a_model(norm, **around):
    torch.manual_seed(0)
    model = SequenceModel(Given(train=[a_batch()]).spec, GRU, 5, around=Around(norm=norm, **around)).double()
    model.choose_unroll("eager")
    return model


def padded(lengths, more=0, noise_seed=None):
    """Lanes of these lengths, padded to the longest and by `more` steps: with zeros, or with large noise."""
    batch = a_batch(12, len(lengths)).span(0, max(lengths) + more)
    lengths_B = torch.tensor(lengths)
    real_TB = torch.arange(len(batch.inputs))[:, None] < lengths_B
    inputs_TBF = batch.inputs * real_TB[..., None]
    if noise_seed is not None:
        inputs_TBF += ~real_TB[..., None] * 100 * torch.randn(inputs_TBF.shape, generator=seeded(noise_seed))
    return replace(batch, inputs=inputs_TBF, weight=real_TB.double(), lengths=lengths_B)


def in_training(model, batch):
    """The logits at real steps, and the running statistics afterwards."""
    logits, _ = model.train().predict(batch, model.initial_state(len(batch.fresh)))
    return logits[batch.weight > 0], {name: buffer for name, buffer in model.named_buffers() if name != "like"}


lengths = st.lists(st.integers(1, 7), min_size=1, max_size=5).filter(lambda found: sum(found) > 1)


@few
@given(norms, lengths, st.integers(0, 3), st.sampled_from([0, 1]))
@example("batch", [5, 1, 2], 0, 0)
@example("batch_per_step", [5, 3, 1], 2, 0)  # one lane alone is left
def test_padding_changes_nothing_whatever_is_in_it_and_however_long_it_is(norm, lengths, more, mlp):
    wanted, found = (in_training(a_model(norm, mlp=mlp), padded(lengths, *pad)) for pad in ((0, None), (more, 1)))
    torch.testing.assert_close(found, wanted)


@few
@given(lengths)
@example([6, 2])
def test_shared_statistics_are_those_of_all_real_steps_as_torch_takes_them(lengths):
    model, batch = a_model("batch"), padded(lengths)
    layer, real_TB = model.layers[0], batch.weight > 0
    y_NH = choose(model.layers[0].cell, "eager").unroll(
        batch.inputs, layer.cell.initial_state(len(lengths), batch.inputs)
    )[0][real_TB]
    logits, kept = in_training(model, batch)
    oracle = torch.nn.BatchNorm1d(5).double()
    torch.testing.assert_close(logits, model.head(oracle(y_NH)))
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(kept[f"layers.0.norm.{name}"], getattr(oracle, name))


def test_statistics_of_a_step_are_those_of_the_lanes_that_reach_it():
    model, batch = a_model("batch_per_step"), padded([4, 2, 4, 1])
    y_TBH = choose(model.layers[0].cell, "eager").unroll(
        batch.inputs, model.layers[0].cell.initial_state(4, batch.inputs)
    )[0]
    _, kept = in_training(model, batch)
    for t, reached in enumerate(([0, 1, 2, 3], [0, 1, 2], [0, 2], [0, 2])):
        torch.testing.assert_close(kept["layers.0.norm.means_TH"][t], 0.1 * y_TBH[t, reached].mean(0))
        variance_H = y_TBH[t, reached].var(0, correction=0)
        torch.testing.assert_close(kept["layers.0.norm.variances_TH"][t], 0.9 + 0.1 * variance_H)


def test_a_step_that_one_lane_reaches_is_normalised_as_in_evaluation_and_not_counted():
    model, batch = a_model("batch_per_step"), padded([3, 1])
    logits, kept = in_training(model, batch)
    alone, _ = model.eval()(batch.inputs[:, :1], model.initial_state(1))
    torch.testing.assert_close(logits[2:], alone[1:, 0])
    assert not kept["layers.0.norm.means_TH"][1:].any()


def kept_after(norm, bptt, batch):
    """The running statistics after training whose updates leave the weights as they are."""
    model = a_model(norm)
    list(train(model, Given(train=[batch]), Spy(model), [batch], a_config(bptt=bptt), CPU64))
    return {name: buffer for name, buffer in model.named_buffers() if "norm.r" in name or "_TH" in name}


@few
@given(norms, st.integers(1, 3), st.integers(1, 5), st.booleans())
@example("batch", 1, 4, False)
@example("batch", 2, 5, True)
@example("batch_per_step", 2, 3, False)
def test_windows_that_overlap_count_each_time_step_once(norm, window, more, with_padding):
    """The weights stand still: what a step is does not depend on the window that it is in."""
    batch = padded([9, 7, 4]) if with_padding else a_batch(9, 3)
    apart, overlapping = (kept_after(norm, truncated(window, horizon=h), batch) for h in (None, window + more))
    torch.testing.assert_close(overlapping, apart)


def test_the_sliding_form_counts_each_time_step_once():
    batch = a_batch(9, 3)
    kept = kept_after("batch_per_step", BPTTConfig("sliding", 1, 4), batch)
    torch.testing.assert_close(kept, kept_after("batch_per_step", BPTTConfig(), batch))


def test_one_lane_at_one_time_step_has_no_variance_also_where_windows_overlap():
    with pytest.raises(ConfigError, match="one lane at one time step has no variance"):
        kept_after("batch", truncated(1, horizon=3), a_batch(6, 1))
