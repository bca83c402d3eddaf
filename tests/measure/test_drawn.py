"""The batches of a measurement: as training draws them, and of sequences of many lengths the longest as well."""

import itertools
from dataclasses import replace

import torch
from clock import Ticking
from three_tasks import TASKS
from tiny import Given, a_batch

from bench.measure import drawn
from bench.measure.drawn import draw, longest, prompts, size


def test_batches_of_one_shape_are_few_and_none_is_the_longest():
    task = Given(train=[a_batch(seed=seed) for seed in range(9)])
    assert draw(task, 2) == task.splits["train"][:4] and longest(task, 2) is None


def test_the_longest_is_found_wherever_in_the_pass_it_is_and_all_others_are_as_drawn():
    lengths = [3, 4, 3, 5, *[4] * 40, 30, *[4] * 5]
    task = Given(train=[a_batch(T=T) for T in lengths])
    assert [len(batch.inputs) for batch in draw(task, 2)] == lengths[:32]
    assert longest(task, 2) is task.splits["train"][44]


def test_a_pass_without_end_is_searched_for_a_while():
    class Endless(Given):
        def batches(self, split, batch_size, generator):
            yield from (a_batch(T=T) for T in itertools.count(2))

    assert len(longest(Endless(train=[a_batch()]), 2, clock=Ticking()).inputs) == 4


def test_ragged_batches_are_kept_up_to_a_size(monkeypatch):
    monkeypatch.setattr(drawn, "_MOST_BYTES", 1)
    assert len(draw(Given(train=[a_batch(T=T) for T in (2, 3, 4, 5, 6)]), 2)) == 1


def padded(*lengths):
    """A batch whose lanes have these real lengths, padded to the longest."""
    return replace(a_batch(T=max(lengths), B=len(lengths)), lengths=torch.tensor(lengths))


def test_padded_batches_are_ragged_and_a_prompt_is_a_lane_without_its_padding():
    task = Given(train=[padded(2, 5), padded(4, 3), padded(5, 5), padded(3, 5)])
    batches = draw(task, 2)
    assert (batches, longest(task, 2)) == (task.splits["train"], batches[2]), "of the longest, the fullest"
    found = [*itertools.islice(prompts(batches), 5)]
    assert [len(prompt) for prompt in found] == [2, 4, 5, 3, 2]
    assert torch.equal(found[0], batches[0].inputs[:2, :1])


def test_sequences_that_are_written_count_as_those_that_are_read():
    short, long = TASKS["sequence"].splits["train"][:2]
    long = replace(long, targets=torch.cat([long.targets] * 2), weight=torch.cat([long.weight] * 2))
    assert size(long) == (18 * 3, 36) > size(short) == (12 * 3, 18)
