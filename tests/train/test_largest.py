"""The largest batches of a stream are kept, whatever comes before and after them."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import Given, a_batch, a_setup, seeded

from bench.api import Batch
from bench.config.schema import BudgetConfig
from bench.train.fit import Fit
from bench.train.largest import Largest
from bench.train.passes import Passes


def of(read, written, lanes):
    """A batch of this shape, as an encoder-decoder reads and writes."""
    return Batch(torch.zeros(read, lanes), torch.zeros(written, lanes), torch.zeros(written, lanes))


def shape(batch):
    return len(batch.inputs), len(batch.targets), len(batch.fresh)


def covers(one, other):
    return all(a >= b for a, b in zip(one, other, strict=True))


sizes = st.integers(1, 4)


@given(st.lists(st.tuples(sizes, sizes, sizes), min_size=1, max_size=12))
def test_what_is_kept_has_the_most_positions_and_is_covered_by_nothing(shapes):
    largest = [shape(each) for each in Largest(of(*each) for each in shapes)]
    assert len({*largest}) == len(largest) <= 3 and {*largest} <= {*shapes}
    positions = [(read + written) * lanes for read, written, lanes in largest]
    assert positions == sorted(positions, reverse=True)
    assert positions[0] == max((read + written) * lanes for read, written, lanes in shapes)
    assert not any(covers(one, other) for one in largest for other in largest if one != other)
    if len({*shapes}) <= 3:
        assert all(any(covers(kept, each) for kept in largest) for each in shapes)


def test_training_keeps_the_largest_batch_that_it_drew():
    batches = [a_batch(T, seed=T) for T in (3, 9, 4, 2)]
    fit = Fit(a_setup(Given(train=batches, valid=batches[:1]), budget=BudgetConfig(steps=4)))
    assert not [*fit.largest]
    for _ in fit:
        pass
    assert [*fit.largest] == [batches[1]]


def test_what_is_drawn_again_on_the_way_to_a_checkpoint_counts():
    batches = [a_batch(T, seed=T) for T in (3, 9, 4, 2)]
    once, again = (Passes(Given(train=batches), "train", 2, seeded()) for _ in range(2))
    for _ in range(3):
        next(once)
    again.load_state_dict(once.state_dict())
    assert [*again.largest] == [batches[1]]
