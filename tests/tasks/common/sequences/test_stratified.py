"""Sequences that are held out by lot."""

import pytest
import torch

from bench.config.compose import compose
from bench.errors import ConfigError
from bench.job.build import build_task
from bench.tasks.common.sequences.stratified import stratified
from bench.tasks.digits import Digits

LABELS = torch.arange(200) % 4


def test_another_draw_holds_out_others_of_the_same_share():
    own, drawn, again, other = (stratified(LABELS, 0.2, 1, seed) for seed in (None, 3, 3, 4))
    assert torch.equal(own, stratified(LABELS, 0.2, 1)) and torch.equal(drawn, again)
    assert not any(torch.equal(a, b) for a, b in ((own, drawn), (drawn, other)))
    for mask in (own, drawn, other):
        assert [int(mask[label == LABELS].sum()) for label in range(4)] == [10] * 4
    assert not torch.equal(drawn, stratified(LABELS, 0.2, 2, 3)), "test and valid of one draw are drawn apart"


def test_digits_of_another_split_are_the_same_data():
    own, drawn = Digits(), Digits(split_seed=2)
    assert own.spec.fingerprint == drawn.spec.fingerprint
    first = [next(task.batches("test", 32, torch.Generator())).inputs for task in (own, drawn)]
    assert not torch.equal(*first)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("copy", "seed.split=2: Copy has one split, which is not drawn; leave it out, or choose one of task=digits,"),
        ("strokes", "seed.split=2: the splits of task.source=builtin are generated apart, none is drawn"),
        ("uea", "seed.split=2: the splits of task.source=builtin are generated apart, none is drawn"),
    ],
)
def test_a_task_without_a_split_to_draw_refuses_a_seed_for_it(task, said):
    config = compose([f"task={task}", "seed.split=2"]).config
    with pytest.raises(ConfigError) as caught:
        build_task(config.task, config.seeds.split)
    assert str(caught.value).startswith(said)


def test_the_constructors_argument_is_not_an_option():
    with pytest.raises(ConfigError, match="task.split_seed=2: write seed.split=2"):
        build_task({"_target_": "bench.tasks.digits.Digits", "split_seed": 2})
