"""Sequences of different lengths: padding adds zeros and nothing else; batching loses none and wastes little."""

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from tiny import seeded

from bench.tasks.common.sequences.ragged import Ragged, by_length

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=40)


def ragged_of(lengths, width=None):
    """Sequences that count up from 1, so that a zero is padding and a misplaced value shows."""
    total = sum(lengths)
    values = torch.arange(1, total + 1)
    values = values if width is None else values[:, None].float() * torch.ones(width)
    return Ragged.of(values.split(lengths))


@given(LENGTHS, st.sampled_from([None, 1, 3]), st.data())
def test_padding_gives_each_sequence_back_and_zeros_after_it(lengths, width, data):
    ragged = ragged_of(lengths, width)
    chosen = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=10))
    padded, lengths_B = ragged.padded(torch.tensor(chosen))
    assert lengths_B.tolist() == [lengths[number] for number in chosen]
    assert len(padded) == max(lengths_B)
    everything = list(ragged)
    for lane, number in enumerate(chosen):
        assert torch.equal(padded[: lengths[number], lane], everything[number])
        assert not padded[lengths[number] :, lane].any()


@given(LENGTHS)
def test_a_ragged_is_its_sequences(lengths):
    ragged = ragged_of(lengths)
    assert len(ragged) == len(lengths)
    assert ragged.lengths.tolist() == [len(each) for each in ragged] == lengths
    assert torch.equal(torch.cat(list(ragged)), ragged.values)


def test_padding_keeps_the_kind_of_number():
    assert ragged_of([2, 1]).padded(torch.tensor([0, 1]))[0].dtype == torch.int64
    assert ragged_of([2, 1], 3).padded(torch.tensor([0, 1]))[0].dtype == torch.float32


@given(LENGTHS, st.integers(1, 9), st.booleans())
def test_every_sequence_is_in_one_batch(lengths, batch_size, shuffled):
    batches = list(by_length(torch.tensor(lengths), batch_size, seeded() if shuffled else None))
    assert sorted(torch.cat(batches).tolist()) == list(range(len(lengths)))
    assert max(len(batch) for batch in batches) <= batch_size


@given(LENGTHS, st.integers(1, 9))
def test_without_a_generator_the_shortest_come_first(lengths, batch_size):
    order = torch.cat(list(by_length(torch.tensor(lengths), batch_size)))
    assert torch.tensor(lengths)[order].tolist() == sorted(lengths)


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=40))
@example([1] * 9 + [13108])
def test_held_out_batches_of_long_sequences_have_fewer(lengths):
    """A batch is halved up to 4 times. A half that is too large is followed by one of sequences no shorter, which has
    as many time steps, or it is the last one: in the last two batches a single long sequence may make it too large.
    """
    lengths = torch.tensor(lengths)
    batches = list(by_length(lengths, 16))
    assert torch.equal(torch.cat(batches), lengths.argsort(stable=True))
    assert all(len(batch) == 1 or len(batch) * lengths[batch].max() <= 2**16 for batch in batches)
    assert len(batches) <= len(lengths) / 16 + 1 + 4 * (lengths.sum() / 2**16 + 2)


def test_the_generator_decides_the_order():
    lengths = torch.randint(1, 50, (500,), generator=seeded())
    first, again, other = (torch.cat(list(by_length(lengths, 8, seeded(seed)))) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_shuffled_pass_pads_little_and_is_not_sorted():
    lengths = torch.randint(1, 100, (3200,), generator=seeded())
    longest = [int(lengths[batch].max()) for batch in by_length(lengths, 32, seeded())]
    assert 32 * sum(longest) < 1.1 * lengths.sum()  # at random it would be about twice that sum
    assert longest != sorted(longest)
