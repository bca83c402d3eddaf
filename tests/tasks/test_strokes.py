"""Strokes: ways of a pen in [-1, 1], lifted at each stroke's end; files of UCI's form are read or refused."""

import pytest
import torch
from tiny import seeded

from bench.api import DataError
from bench.tasks.strokes import TEMPLATES, Strokes


@pytest.fixture(scope="module")
def builtin():
    return Strokes()


def ways(task, split="train"):
    """Each way of a split with its digit."""
    for batch in task.batches(split, 50, seeded()):
        for lane, length in enumerate(batch.lengths.tolist()):
            yield batch.inputs[:length, lane], int(batch.targets[0, lane])


def test_a_way_stays_in_its_square_and_lifts_the_pen_once_a_stroke(builtin):
    lifts = {digit: set() for digit in range(10)}
    for way_T3, digit in ways(builtin):
        assert 19 <= len(way_T3) <= 42 and way_T3[:, :2].abs().max() == pytest.approx(1)
        assert way_T3[-1, 2] == 1 and set(way_T3[:, 2].tolist()) == {0.0, 1.0}
        lifts[digit].add(int(way_T3[:, 2].sum()))
    assert lifts == {digit: {len(strokes)} for digit, strokes in enumerate(TEMPLATES)}


def test_digits_are_as_frequent_as_each_other_and_no_two_alike(builtin):
    assert [len([*ways(builtin, split)]) for split in ("train", "valid", "test")] == [1000, 300, 500]
    assert torch.tensor([digit for _, digit in ways(builtin, "test")]).bincount().tolist() == [50] * 10
    contents = [way.numpy().tobytes() for split in ("train", "valid", "test") for way, _ in ways(builtin, split)]
    assert len(set(contents)) == len(contents)


def test_the_order_of_the_points_is_worth_more_than_their_mean(builtin):
    assert 0.1 < builtin.spec.metric.baselines["mean_features"] < 0.8


def write(folder, name, rows):
    (folder / name).write_text("".join(", ".join(map(str, row)) + "\n" for row in rows))


def test_files_of_ucis_form_are_read_and_some_of_train_is_valid(tmp_path):
    rows = [[i % 101, 100, 50, 0, digit] for digit in range(10) for i in range(20)]
    write(tmp_path, "pendigits.tra", rows)
    write(tmp_path, "pendigits.tes", [[0, 100, 50, 25, 7]])
    task = Strokes(str(tmp_path))
    ((way_T3, digit),) = ways(task, "test")
    assert way_T3.tolist() == [[-1, 1, 0], [0, -0.5, 1]] and digit == 7
    assert [len([*ways(task, split)]) for split in ("train", "valid")] == [180, 20]
    assert task.spec.fingerprint and task.spec.notes


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[0, 100, 50, 25, 10]], "a digit that is none of 0 to 9"),
        ([[0, 101, 50, 25, 1]], "a point outside 0 to 100"),
        ([[0, 100, 50, 1]], "lines of 4 numbers"),
        ([["a", 100, 50, 25, 1]], "cannot be read"),
        ([], "has 0 lines"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_other_files_are_refused(tmp_path, rows, words):
    for name in ("pendigits.tra", "pendigits.tes"):
        write(tmp_path, name, rows)
    with pytest.raises(DataError, match=words):
        Strokes(str(tmp_path))


def test_a_folder_without_the_files_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"pendigits\.tra"):
        Strokes(str(tmp_path))
