"""Generated sequences: each belongs to one split, in every process the same, and no simple rule tells which."""

import itertools
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import seeded

from bench.api import DataError
from bench.tasks.common.generated import choose, draw, held_out, split_of

SPLITS = ("train", "valid", "test")
MASK = (1 << 64) - 1


@cache
def every_sequence(alphabet=6, length=5):
    return torch.tensor(list(itertools.product(range(alphabet), repeat=length)))


def by_hand(sequence):
    """The same hash in plain integers: SplitMix64's finaliser on 64 bits, with shifts that keep the sign."""
    state = 0
    for symbol in sequence:
        state = (state * 31 + symbol + 0x9E3779B97F4A7C15) & MASK
        state = ((state ^ _shifted(state, 30)) * 0xBF58476D1CE4E5B9) & MASK
        state = ((state ^ _shifted(state, 27)) * 0x94D049BB133111EB) & MASK
        state ^= _shifted(state, 31)
    signed = state - (1 << 64) if state >> 63 else state
    return max(0, signed % 10 - 7)


def _shifted(word, by):
    return ((word - (1 << 64) if word >> 63 else word) >> by) & MASK


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12))
def test_the_split_is_the_hash_written_down_a_second_time(sequence):
    assert split_of(torch.tensor([sequence])).tolist() == [by_hand(sequence)]


def test_splits_are_the_same_in_every_process_and_version():
    """Written down once: if these move, every generated task needs a new version."""
    assert split_of(torch.arange(40).view(10, 4)).tolist() == [0, 2, 0, 0, 0, 0, 0, 2, 2, 0]


@given(st.integers(0, 7775))
def test_a_sequences_split_does_not_depend_on_its_company(index):
    sequences = every_sequence()
    assert split_of(sequences[index : index + 1]) == split_of(sequences)[index]


def check_shares(split_N):
    shares = [(split_N == split).double().mean().item() for split in range(3)]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.015), "the shares are not 80, 10 and 10 in a hundred"


def check_no_simple_rule(split_of):
    """In each split every symbol stands at every place about as often as any other."""
    sequences = every_sequence()
    for split in range(3):
        chosen = sequences[split_of(sequences) == split]
        counts = torch.stack([torch.bincount(place, minlength=6) for place in chosen.unbind(1)])
        share = counts / len(chosen)
        assert (share - 1 / 6).abs().max() < 0.05, "a symbol at one place tells the split"


def test_splits_share_about_eighty_ten_and_ten():
    check_shares(split_of(every_sequence()))
    check_shares(split_of(every_sequence(alphabet=2, length=13)))


def test_no_simple_rule_tells_the_splits_apart():
    check_no_simple_rule(split_of)


def by_first_symbol(sequences):
    """The mutant: the first symbol decides."""
    return torch.where(sequences[:, 0] < 4, 0, sequences[:, 0] - 3)


def test_a_simple_rule_is_noticed():
    with pytest.raises(AssertionError, match="tells the split"):
        check_no_simple_rule(by_first_symbol)
    with pytest.raises(AssertionError, match="not 80, 10 and 10"):
        check_shares(by_first_symbol(every_sequence()))


def drawn(split, count, seed=0, alphabet=6, length=5, divide=split_of):
    """At least `count` sequences of a split."""
    generator, blocks, enough = seeded(seed), [], 0
    for block in draw(split, lambda n: torch.randint(alphabet, (n, length), generator=generator), divide):
        blocks.append(block)
        enough += len(block)
        if enough >= count:
            return torch.cat(blocks)


def check_drawn(split, count, seed, divide=split_of):
    sequences = drawn(split, count, seed, divide=divide)
    assert (split_of(sequences) == SPLITS.index(split)).all(), "a sequence of another split"


@settings(max_examples=30)
@given(st.sampled_from(SPLITS), st.integers(1, 100), st.integers(0, 99))
def test_all_that_is_drawn_is_of_the_split(split, count, seed):
    check_drawn(split, count, seed)


def test_a_draw_that_does_not_look_at_the_split_is_noticed():
    with pytest.raises(AssertionError, match="of another split"):
        check_drawn("valid", 50, seed=0, divide=lambda rows: torch.full((len(rows),), 1))


@pytest.mark.parametrize("split", SPLITS)
def test_within_a_split_all_sequences_are_equally_likely(split):
    """Of 3^4 sequences each of the split's comes about equally often: rejection favours none."""
    sequences = drawn(split, 9000, alphabet=3, length=4)
    kinds, counts = sequences.unique(dim=0, return_counts=True)
    expected = len(sequences) / len(kinds)
    assert (counts - expected).abs().max() < 5 * expected**0.5
    assert len(kinds) == (split_of(every_sequence(3, 4)) == SPLITS.index(split)).sum()


def test_held_out_generators_are_fixed_and_differ():
    valid, test = (torch.rand(3, generator=held_out(split)) for split in ("valid", "test"))
    assert torch.equal(valid, torch.rand(3, generator=held_out("valid")))
    assert not torch.equal(valid, test)


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_that_no_sequence_falls_into_is_an_error_and_no_endless_search(split):
    """All sequences are the same one, which is in one of the splits."""
    blocks = draw(split, lambda n: torch.full((n, 3), 7), split_of)
    if split_of(torch.full((1, 3), 7)) == SPLITS.index(split):
        assert len(next(blocks)) > 100
    else:
        with pytest.raises(DataError, match=f"no sequence of the task falls into its {split} split"):
            next(blocks)


@given(st.integers(1, 9), st.integers(0, 8), st.integers(1, 5), st.booleans())
def test_chosen_numbers_differ_and_are_of_the_range(picks, more, count, weighted):
    weights = torch.arange(1, picks + more + 1) if weighted else None
    for row in choose(count, picks + more, picks, seeded(), weights).tolist():
        assert len(set(row)) == picks
        assert set(row) <= set(range(picks + more))


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 5.0]])
def test_numbers_are_chosen_one_after_the_other_by_weight(weights):
    w = weights or [1.0] * 3
    rows = choose(20_000, 3, 2, seeded(), weights and torch.tensor(weights))
    for first, second in itertools.permutations(range(3), 2):
        share = (rows == torch.tensor([first, second])).all(1).double().mean().item()
        assert share == pytest.approx(w[first] / sum(w) * w[second] / (sum(w) - w[first]), abs=0.015)
