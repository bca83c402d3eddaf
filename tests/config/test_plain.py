"""A plain command is composed without Hydra to the same options, and what is wrong in it has the same words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import few

from bench.config import compose as compose_module
from bench.config.catalogue import choices
from bench.config.compose import compose
from bench.errors import ConfigError

GROUPS = ["task", "cell", "bptt", "clip", "init", "block", "optimizer", "schedule"]
KEYS = {
    "model.hidden": ["8", "abc", "1.5", "-3", "true"], "optimizer.lr": ["1e-3", "0.1", "1", ".5", "x"],
    "seed": ["0", "7", "9" * 30, "9" * 5000], "task.delay": ["20"], "ema": ["0.9", "null", "none"], "hidden": ["3"],
    "budget.seconds": ["3", "null"], "hardware.device": ["cpu", "CPU"], "results_dir": ["/tmp/x", "2020", "a-b/c.d"],
    "clip.value": ["1"], "model": ["3"], "unroll": ["eager", "eagr"], "task.source": ["x.csv", "hub:a/b"],
    "bptt.window": ["35"], "evaluations": ["1_0", "yes"], "cell.heads": ["2"], "resume": ["true", "auto"],
}  # fmt: skip


def composed(words):
    """The options of a command, or the line that says what is wrong."""
    try:
        options = compose(words)
    except ConfigError as error:
        return str(error)
    return options.tree, options.choices, options.changed, options.config


def by_hydra(words):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose_module, "plainly", lambda arguments: None)
        return composed(words)


@few
@given(st.data())
def test_the_options_are_those_of_hydra(data):
    groups = data.draw(st.lists(st.sampled_from(GROUPS), unique=True, max_size=3))
    words = [f"{group}={data.draw(st.sampled_from([*choices(group), 'nosuch']))}" for group in groups]
    keys = data.draw(st.lists(st.sampled_from([*KEYS]), unique=True, max_size=3))
    words += [f"{key}={data.draw(st.sampled_from(KEYS[key]))}" for key in keys]
    assert composed(words) == by_hydra(words)


def test_hydra_has_nothing_to_do_for_a_plain_command(monkeypatch):
    monkeypatch.setattr(compose_module, "loader_of", lambda *_: pytest.fail("Hydra composes it"))
    assert compose(["task=copy", "cell=lstm", "optimizer.lr=1e-3", "seed=3"]).config.seed == 3
