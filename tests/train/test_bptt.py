"""A batch in windows: each loss counted once, and the gradient as far back as was asked for."""

import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import a_batch, seeded, truncated

from bench.api import Batch
from bench.config.rules import validate
from bench.config.schema import BPTTConfig, Config
from bench.errors import ConfigError
from bench.train.bptt import scored_in, untrained_share, window_note, windows

steps, window_sizes = st.integers(1, 12), st.integers(1, 14)


@given(steps, window_sizes)
def test_windows_put_together_are_the_batch(T, window):
    batch = a_batch(T)
    parts = [part for part, _ in windows(batch, truncated(window))]
    for name in ("inputs", "targets", "weight"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(batch, name))
    assert all(len(part.inputs) == window for part in parts[:-1])
    assert 1 <= len(parts[-1].inputs) <= window


@given(steps, window_sizes)
def test_only_the_first_window_begins_a_sequence(T, window):
    first, *rest = windows(a_batch(T), truncated(window))
    assert first.part.fresh.all()
    assert not any(part.fresh.any() for part, _ in rest)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), window_sizes)
def test_lengths_of_padded_lanes_are_shared_among_the_windows(lengths, window):
    batch = replace(a_batch(T=9, B=len(lengths)), lengths=torch.tensor(lengths))
    parts = [part for part, _ in windows(batch, truncated(window))]
    assert torch.equal(sum(part.lengths for part in parts), batch.lengths)
    assert sum(part.tokens for part in parts) == batch.tokens == sum(lengths)


def places(batch: Batch, bptt: BPTTConfig, seed: int = 0) -> list[tuple[int, int, int, int]]:
    """Each window as the time steps at which it begins, its loss begins, it ends, and the next one begins."""
    numbered = replace(batch, inputs=torch.arange(len(batch.inputs))[:, None, None].expand_as(batch.inputs))
    found = []
    for part, stride in windows(numbered, bptt, seeded(seed)):
        start = int(part.inputs[0, 0, 0])
        scored = start + int(part.weight[:, 0].nonzero()[0])
        found.append((start, scored, start + len(part.inputs), start + stride))
    return found


@given(steps, st.integers(1, 6), st.integers(0, 6), st.sampled_from(["zero", "random"]), st.integers(0, 9))
def test_every_loss_counts_once_and_looks_back_over_the_horizon(T, window, more, offset, seed):
    horizon = window + more
    spans = places(a_batch(T), truncated(window, horizon=horizon, offset=offset), seed)
    assert [step for _, scored, stop, _ in spans for step in range(scored, stop)] == list(range(T))
    for start, scored, _, _ in spans if len(spans) > 1 else ():
        assert start == max(0, scored - (horizon - window))
    assert [after for *_, after in spans[:-1]] == [start for start, *_ in spans[1:]]
    assert spans[-1][-1] == T


def test_windows_of_two_with_a_horizon_of_five():
    assert places(a_batch(T=7), truncated(2, horizon=5)) == [(0, 0, 2, 0), (0, 2, 4, 1), (1, 4, 6, 3), (3, 6, 7, 7)]


def test_sliding_moves_on_by_one_and_in_the_textbook_s_form_waits_for_a_full_horizon():
    skip = BPTTConfig("sliding", 1, 3, head="skip")
    assert places(a_batch(T=5), skip) == [(0, 2, 3, 1), (1, 3, 4, 2), (2, 4, 5, 5)]
    assert places(a_batch(T=2), skip) == [(0, 1, 2, 2)]


def test_sliding_that_grows_trains_the_first_losses_with_as_much_past_as_there_is():
    found = places(a_batch(T=5), BPTTConfig("sliding", 1, 3, head="grow"))
    assert found == [(0, 0, 1, 0), (0, 1, 2, 0), (0, 2, 3, 1), (1, 3, 4, 2), (2, 4, 5, 5)]


@pytest.mark.parametrize(
    ("head", "scored", "share"),
    [("grow", slice(None), 0.0), ("skip", slice(None), 0.5), ("skip", slice(3, None), 0.0), ("skip", slice(3), 1.0),
     ("skip", slice(0, 0), 0.0)],
)  # fmt: skip
def test_the_share_of_losses_that_are_not_trained_on(head, scored, share):
    """Of those that count: a horizon of four leaves out the first three of six steps."""
    batches = [a_batch(T=6, scored=scored), a_batch(T=6, B=4, scored=scored)]
    assert untrained_share(batches, BPTTConfig("sliding", 1, 4, head=head)) == share


def test_random_offsets_move_the_first_border_to_every_place_in_a_window():
    firsts = {places(a_batch(T=9), truncated(4, offset="random"), seed)[0][2] for seed in range(40)}
    assert firsts == {1, 2, 3, 4}


def test_a_batch_without_lengths_counts_every_time_step():
    assert a_batch(T=6, B=2).tokens == 12


def test_full_bptt_is_one_window_the_batch_itself():
    batch = a_batch(T=5)
    assert [part is batch for part, _ in windows(batch, truncated(None))] == [True]
    assert [part is batch for part, _ in windows(batch, truncated(5))] == [True]
    assert [part is batch for part, _ in windows(batch, truncated(2, horizon=9))] == [False] * 3


@pytest.mark.parametrize(
    ("bptt", "message"),
    [
        (BPTTConfig("full", window=4), r"bptt\.window=4 needs bptt=truncated"),
        (BPTTConfig("full", horizon=4), r"bptt\.horizon=4 needs bptt=truncated"),
        (BPTTConfig("full", offset="random"), r"bptt\.offset=random needs bptt=truncated"),
        (BPTTConfig("truncated"), r"needs a window: set bptt\.window"),
        (BPTTConfig("truncated", 8, 4), r"bptt\.horizon=4 is shorter than bptt\.window=8, .*: raise the horizon"),
        (BPTTConfig("sliding", 1), r"set bptt\.horizon to a number"),
        (BPTTConfig("sliding", 2, 4), r"moves on by one step"),
        (
            BPTTConfig("truncated", 2, head="skip"),
            r"bptt\.head=skip needs bptt=sliding: bptt=truncated trains on every",
        ),
    ],
)
def test_options_that_do_not_go_together_are_one_line(bptt, message):
    with pytest.raises(ConfigError, match=message):
        validate(Config(bptt=bptt))


@given(steps, st.integers(1, 14), st.sampled_from(["grow", "skip"]))
def test_what_the_windows_look_at_is_counted(T, horizon, head):
    batch, sliding = a_batch(T), BPTTConfig("sliding", 1, horizon, head=head)
    assert scored_in(batch, sliding) == sum(float(part.weight.sum()) for part, _ in windows(batch, sliding))
    assert scored_in(batch, truncated(2, horizon=9)) == batch.weight.sum()


@pytest.mark.parametrize(
    ("bptt", "note"),
    [
        (BPTTConfig(), None),
        (truncated(16), None),
        (truncated(17), "over 17 time steps, but the first batch has only 16: .* equals the gradient of bptt=full"),
        (BPTTConfig("sliding", 1, 17), "in such a batch each gradient goes back to the first step"),
    ],
)
def test_a_window_longer_than_the_sequence_is_told(bptt, note):
    said = window_note(bptt, 16)
    assert (said is None) if note is None else re.search(note, said)


def test_a_batch_moves_to_a_device_with_all_its_parts():
    batch = replace(a_batch(), lengths=torch.tensor([6, 6]))
    assert batch.to(torch.device("cpu")) is batch
    moved = batch.to(torch.device("meta"))
    parts = [getattr(moved, name) for name in Batch.__slots__]
    assert {part.device.type for part in parts} == {"meta"}
