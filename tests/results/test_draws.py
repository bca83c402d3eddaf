"""What chance decides in a run, by its sources."""

import pytest

from bench.results.draws import Draws, draws, settled
from bench.results.identity import Identity


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"seed": 3}, (3, 3, None)),  # as older records have it
        ({"seed": 3, "seeds": {"data": None, "split": None}}, (3, 3, None)),
        ({"seed": 3, "seeds": {"data": 0, "split": 0}}, (3, 0, 0)),
        ({"seed": 3, "seeds": {"data": "7", "split": True}}, (3, 3, None)),
        ({"seed": 3, "seeds": [0, 1]}, (3, 3, None)),
    ],
)
def test_a_source_follows_the_seed_unless_it_has_its_own(config, found):
    assert draws(config) == Draws(*found)


@pytest.mark.parametrize(
    ("found", "said", "words"),
    [
        (settled(3, None, None), "seed 3", "seed=3"),
        (settled(3, 3, None), "seed 3", "seed=3"),
        (settled(3, 7, None), "seed 3, data 7", "seed=3 seed.data=7"),
        (settled(0, 0, 0), "seed 0, split 0", "seed=0 seed.split=0"),
    ],
)
def test_what_follows_from_the_seed_is_not_said(found, said, words):
    assert (str(found), found.words) == (said, words)


def identity(seed, data=None, split=None):
    return Identity({"seed": seed, "seeds": {"data": data, "split": split}}, "copy-v1", "cpu", None, {}, "").hash


def test_a_run_whose_data_have_the_seed_that_they_would_have_anyway_is_the_same_run():
    assert identity(3) == identity(3, data=3) == Identity({"seed": 3}, "copy-v1", "cpu", None, {}, "").hash
    assert len({identity(3), identity(3, data=0), identity(0), identity(0, data=3), identity(3, split=3)}) == 5
