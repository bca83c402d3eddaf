"""A batch in windows: nothing lost, nothing twice, and only the first window begins a sequence."""

from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import a_batch

from bench.api import Batch
from bench.bptt import windows

steps, window_sizes = st.integers(1, 12), st.integers(1, 14)


@given(steps, window_sizes)
def test_windows_put_together_are_the_batch(T, window):
    batch = a_batch(T)
    parts = list(windows(batch, window))
    for name in ("inputs", "targets", "weight"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(batch, name))
    assert all(len(part.inputs) == window for part in parts[:-1])
    assert 1 <= len(parts[-1].inputs) <= window


@given(steps, window_sizes)
def test_only_the_first_window_begins_a_sequence(T, window):
    first, *rest = windows(a_batch(T), window)
    assert first.fresh.all()
    assert not any(part.fresh.any() for part in rest)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), window_sizes)
def test_lengths_of_padded_lanes_are_shared_among_the_windows(lengths, window):
    batch = replace(a_batch(T=9, B=len(lengths)), lengths=torch.tensor(lengths))
    parts = list(windows(batch, window))
    assert torch.equal(sum(part.lengths for part in parts), batch.lengths)
    assert sum(part.tokens for part in parts) == batch.tokens == sum(lengths)


def test_a_batch_without_lengths_counts_every_time_step():
    assert a_batch(T=6, B=2).tokens == 12


def test_full_bptt_is_one_window_the_batch_itself():
    batch = a_batch(T=5)
    assert [part is batch for part in windows(batch, None)] == [True]
    assert [part is batch for part in windows(batch, 5)] == [True]


def test_a_batch_moves_to_a_device_with_all_its_parts():
    batch = replace(a_batch(), lengths=torch.tensor([6, 6]))
    assert batch.to(torch.device("cpu")) is batch
    moved = batch.to(torch.device("meta"))
    parts = [getattr(moved, name) for name in Batch.__slots__]
    assert {part.device.type for part in parts} == {"meta"}
