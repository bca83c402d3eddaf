"""Layouts of the long-memory tasks, against their docstrings by hand, and what their options refuse."""

import pytest
import torch

from bench.tasks.adding import Adding
from bench.tasks.associative_recall import AssociativeRecall
from bench.tasks.copy import Copy
from bench.tasks.dyck import Dyck
from bench.tasks.parity import Parity
from bench.tasks.selective_copy import SelectiveCopy
from bench.tasks.temporal_order import TemporalOrder

_ = None
"""A target that is not scored."""

LAYOUTS = [
    # task, rows of one lane, length, inputs, targets
    (Copy(3, held_out=1), [0, 7, 7], 3, [2, 9, 9, 0, 0, 1, 0, 0, 0], [_, _, _, _, _, _, 0, 7, 7]),
    (Copy(3, held_out=1, variant="bai"), [0, 7, 7], 3, [2, 9, 9, 0, 0, 1, 1, 1, 1], [_, _, _, _, _, _, 0, 7, 7]),
    (Copy(3, held_out=1, variant="s4"), [0, 7, 7], 3, [2, 9, 9, 0, 0, 0, 1, 1, 1], [_, _, _, _, _, _, 0, 7, 7]),
    (SelectiveCopy(3, held_out=1), [1, 2, 5, 4, 0, 6], 6, [0, 6, 2, 0, 0, 8, 1, 1, 1], [_, _, _, _, _, _, 4, 0, 6]),
    # keys 1 and 3 with values 4 + 0 and 4 + 2; queries of the second at place 1, of the first at place 2
    (
        AssociativeRecall(2, 8, 8, held_out=1),
        [0, 2, 0, 2, 2, 1],
        11,
        [1, 4, 3, 6, 0, 0, 3, 0, 1, 0, 0],
        [*[_] * 6, 2, _, 0, _, _],
    ),
    (Parity(), [1, 0, 1, 1, 0], 5, [1, 0, 1, 1, 0], [1, 1, 0, 1, 1]),
    (TemporalOrder(), [0, 1, 2, 0, 3, 4, 4, 1], 6, [2, 0, 3, 4, 4, 1], [_, _, _, _, _, 1]),
    (TemporalOrder(), [1, 0, 2, 1, 3, 4, 4, 0], 6, [2, 1, 3, 4, 4, 0], [_, _, _, _, _, 2]),
    # ( [ ( ) ] [ ] )
    (Dyck(2), [0, 1, 0, 2, 3, 1, 3, 2], 8, [0, 1, 0, 2, 3, 1, 3, 2], [_, _, 0, 1, _, 1, 0, _]),
]


@pytest.mark.parametrize(("task", "row", "length", "inputs", "targets"), LAYOUTS)
def test_the_layout_is_the_docstrings(task, row, length, inputs, targets):
    """The lane stands second of three, and all three are alike."""
    batch = task.lay_out(torch.tensor([row] * 3), length)
    assert batch.inputs.T.tolist() == [inputs] * 3
    assert batch.weight.T.tolist() == [[float(target is not None) for target in targets]] * 3
    scored = [target for target in targets if target is not None]
    assert batch.targets.T[batch.weight.T > 0].tolist() == scored * 3
    assert batch.fresh.tolist() == [True] * 3
    assert batch.lengths is None


def test_the_layout_of_the_adding_problem_is_the_docstrings():
    """Values in the middle of their step of the grid, so that their mean is 1/2 to the last bit."""
    values = [0.31, 0.72, 0.05, 0.44, 0.90, 0.63]
    steps = [int(value * 2**20) for value in values]
    batch = Adding().lay_out(torch.tensor([[1, 5, *steps]] * 2), 6)
    assert batch.inputs[:, 1].T.tolist() == [[(step + 0.5) / 2**20 for step in steps], [0, 1, 0, 0, 0, 1]]
    assert batch.inputs[:, 1, 0].tolist() == pytest.approx(values, abs=1e-6)
    assert batch.weight[:, 1].tolist() == [0, 0, 0, 0, 0, 1]
    assert batch.targets.shape == (6, 2, 1)
    assert batch.targets[-1].tolist() == [[pytest.approx(1.35, abs=1e-5)]] * 2


def rows(task, length, count=2000):
    return task.sample(count, length, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("length", [2, 5, 6])
def test_one_value_is_marked_in_each_half(length):
    first, second, *_values = rows(Adding(), length).unbind(1)
    assert set(first.tolist()) == set(range(length // 2))
    assert set(second.tolist()) == set(range(length // 2, length))


def test_scattered_symbols_stand_everywhere_as_often():
    places = rows(SelectiveCopy(symbols=2, held_out=1), 8)[:, :2]
    assert (places[:, 0] < places[:, 1]).all()
    assert (places.flatten().bincount(minlength=8) / 4000 - 1 / 8).abs().max() < 0.03


@pytest.mark.parametrize(("power", "first_place"), [(1.0, 1 / 4), (0.01, 0.4824)])
def test_gaps_follow_the_power_law(power, first_place):
    """The weights of four places are 1, 1/2, 1/3 and 1/4 to the power 0.99; the first key has its choice of them."""
    task = AssociativeRecall(pairs=1, vocabulary=40, power=power, held_out=1)
    keys, values, places = rows(task, 10).unbind(1)
    assert (places == 0).double().mean().item() == pytest.approx(first_place, abs=0.04)
    assert keys.max() == 18
    assert values.max() == 19


def test_keys_values_and_places_do_not_repeat_within_a_sequence():
    for kind in rows(AssociativeRecall(pairs=4), 18).split(4, dim=1):
        assert (kind.sort(dim=1).values.diff(dim=1) > 0).all()


@pytest.mark.parametrize("length", [10, 29, 100])
def test_relevant_symbols_stand_in_the_second_and_the_sixth_tenth(length):
    relevant = rows(TemporalOrder(), length)[:, 2:] < 2
    tenth, half = length // 10, length // 2
    wanted = [*range(tenth, 2 * tenth), *range(half, half + tenth)]
    assert relevant.any(0).nonzero().flatten().tolist() == wanted
    assert (relevant.sum(1) == 2).all()


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_brackets_nest_up_to_the_depth_and_open_half_the_time_between(depth):
    moves = torch.where(rows(Dyck(2, depth), 20) < 2, 1, -1)
    after = moves.cumsum(1)
    assert (after.min(), after.max()) == (0, depth)
    between = (after[:, :-1] > 0) & (after[:, :-1] < depth)
    if depth > 1:
        assert (moves[:, 1:][between] > 0).double().mean().item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("task_class", "options", "message"),
    [
        (Copy, {"symbols": 0}, "task.symbols=0 must be at least 1"),
        (Copy, {"test_delay": 0}, "task.test_delay=0 must be at least 1"),
        (Copy, {"alphabet": 1001}, "task.alphabet=1001 must be from 2 to 1000"),
        (Copy, {"symbols": 4, "alphabet": 9}, "6561 different sequences, too few for task.held_out=1000: raise"),
        (Adding, {"length": 1}, "task.length=1 must be at least 2"),
        (Adding, {"test_length": 1}, "task.test_length=1 must be at least 2"),
        (Adding, {"held_out": 0}, "task.held_out=0 must be at least 1"),
        (SelectiveCopy, {"symbols": 5, "length": 4}, "task.length=4 must be at least 5"),
        (SelectiveCopy, {"symbols": 5, "test_length": 4}, "task.test_length=4 must be at least 5"),
        (SelectiveCopy, {"symbols": 1}, "240 different sequences, too few"),
        (SelectiveCopy, {"symbols": 1, "test_length": 2}, "16 different sequences, too few"),
        (AssociativeRecall, {"pairs": 0}, "task.pairs=0 must be at least 1"),
        (AssociativeRecall, {"vocabulary": 16}, "task.vocabulary=16 must be from 18 to 65536"),
        (AssociativeRecall, {"vocabulary": 65}, "task.vocabulary=65 must be even"),
        (AssociativeRecall, {"length": 31}, "task.length=31 must be at least 32"),
        (AssociativeRecall, {"power": 0.0}, "task.power=0.0 must be above 0"),
        (AssociativeRecall, {"power": float("nan")}, "task.power=nan must be above 0"),
        (AssociativeRecall, {"pairs": 1, "vocabulary": 16, "length": 4}, "56 different sequences, too few"),
        (Parity, {"length": 13}, "8192 different sequences, too few for task.held_out=1000: raise task.length"),
        (Parity, {"test_length": 5}, "32 different sequences, too few"),
        (TemporalOrder, {"length": 9}, "task.length=9 must be at least 10"),
        (Dyck, {"types": 1}, "task.types=1 must be from 2 to 1000"),
        (Dyck, {"depth": 0}, "task.depth=0 must be at least 1"),
        (Dyck, {"depth": 9, "length": 9}, "task.length=9 must be at least 10"),
        (Dyck, {"types": 2, "depth": 1, "length": 20}, "1024 different sequences, too few"),
    ],
)
def test_options_out_of_range_are_one_line(task_class, options, message):
    with pytest.raises(ValueError) as error:
        task_class(**options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
