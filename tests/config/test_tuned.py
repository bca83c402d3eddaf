"""The presets of core cells: each chooses its cell, its block and its learning rate, and says so in the row's name."""

import pytest

from bench.config.catalogue import choices
from bench.config.compose import compose
from bench.config.tree import flatten
from bench.errors import ConfigError

CORE = ["gru", "lru", "lstm", "mamba", "mingru", "tcn", "transformer", "vanilla"]
ALLOWED = ("cell.", "model.", "optimizer.lr")


def test_each_core_cell_has_a_preset():
    assert list(choices("tuned")) == CORE


@pytest.mark.parametrize("name", CORE)
@pytest.mark.parametrize("task", ["copy", "speech"])
def test_a_preset_sets_a_cell_and_what_stands_around_it_and_a_rate(name, task):
    plain, tuned = (compose([f"task={task}", *words]) for words in ((), (f"+tuned={name}",)))
    assert tuned.choices["cell"] == ("attention" if name == "transformer" else name)
    before, after = flatten(plain.tree), flatten(tuned.tree)
    differing = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert all(key.startswith(ALLOWED) for key in differing)


def test_what_a_preset_sets_counts_as_changed_and_the_command_has_the_last_word():
    assert compose(["+tuned=vanilla", "task=digits"]).changed == {"optimizer.lr": 0.002}
    assert compose(["+tuned=vanilla", "optimizer.lr=3e-3"]).config.optimizer["lr"] == 0.003
    assert compose(["+tuned=vanilla", "cell=irnn"]).choices["cell"] == "irnn"


def test_a_preset_is_added_with_a_plus_sign():
    with pytest.raises(ConfigError, match=r"tuned: a run has none by default: write \+tuned=gru"):
        compose(["tuned=gru"])
