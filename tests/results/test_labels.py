"""Labels decide which runs share a row: whatever a run has changed is in them, and no more."""

from dataclasses import asdict

import pytest
from cli_tools import bench
from hypothesis import given
from hypothesis import strategies as st

from bench.config.compose import compose
from bench.config.options import Options
from bench.config.roles import is_named, role_of
from bench.config.schema import Config
from bench.config.tree import flatten
from bench.results.labels import cell_name, make_labels, run_stem

DEFAULTS = asdict(Config())
CHOICES = {"task": "copy", "cell": "gru", "bptt": "full", "optimizer": "adam", "schedule": "constant"}
OPTIONS = sorted(
    key
    for key in flatten(DEFAULTS)
    if role_of(key).column in ("task", "cell", "bptt") and not role_of(key).of_class and is_named(key)
)
changes = st.dictionaries(st.sampled_from(OPTIONS), st.integers(2, 99)).map(lambda found: dict(sorted(found.items())))


def labels(changed=None, hardware="a processor"):
    return make_labels("copy-v1", Options(Config(), CHOICES, changed or {}), hardware)


def composed(*arguments):
    """The labels of a run as it is composed from the command line."""
    return make_labels("task-v1", compose(arguments), "a processor")


def test_a_run_at_the_defaults_has_short_names():
    assert labels() == {
        "task": "copy-v1",
        "cell": "gru",
        "bptt": "full",
        "budget": "1000 steps",
        "hardware": "a processor",
    }


@pytest.mark.parametrize(
    ("arguments", "cell"),
    [
        (("block=bare",), "mamba"),
        (("block=mamba",), "mamba(block=mamba)"),
        (("block=mamba", "model.conv=8", "model.layers=2"), "mamba(block=mamba, model.layers=2, model.conv=8)"),
        (("model.conv=4",), "mamba(model.conv=4)"),
    ],
)
def test_a_block_is_in_the_cells_name_and_its_own_options_are_not(arguments, cell):
    assert composed("cell=mamba", *arguments)["cell"] == cell


@given(st.sampled_from(OPTIONS), st.integers(2, 99))
def test_whatever_is_changed_is_named_with_its_value(option, value):
    assert f"{option.removeprefix('bptt.')}={value}" in "".join(labels({option: value}).values())


@given(changes, changes)
def test_runs_that_changed_different_things_never_share_a_row(one, other):
    assert (labels(one) == labels(other)) == (one == other)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("seed=3", "results_dir=/tmp/x", "rerun=true", "hardware.threads=2"), {"cell": "gru", "bptt": "full"}),
        (("model.hidden=64",), {"cell": "gru(model.hidden=64)"}),
        (("model.hidden=128",), {"cell": "gru"}),
        (("cell=lstm", "cell.coupled=true"), {"cell": "lstm(coupled=true)"}),
        (("cell=lstm", "init.forget_bias=2"), {"cell": "lstm(init.forget_bias=2.0)"}),
        (("match.params=9000",), {"cell": "gru(match.params=9000)"}),
        (("unroll=eager",), {"cell": "gru(unroll=eager)"}),
        (("task.delay=7",), {"task": "task-v1(delay=7)"}),
        (("bptt=truncated",), {"bptt": "truncated(16)"}),
        (("bptt=truncated", "bptt.window=4", "clip.norm=null"), {"bptt": "truncated(4, clip.norm=null)"}),
        (("clip.norm=null", "clip.value=0.5"), {"bptt": "full(clip.norm=null, clip.value=0.5)"}),
        (("clip.value=0.5",), {"bptt": "full(clip.norm=null, clip.value=0.5)"}),
        (("clip=value",), {"bptt": "full(clip.norm=null, clip.value=0.5)"}),
        (("clip=none",), {"bptt": "full(clip.norm=null)"}),
        (("clip=norm",), {"bptt": "full"}),
        (("optimizer=sgd",), {"bptt": "full(optimizer=sgd)"}),
        (("optimizer.betas=[0.8,0.9]",), {"bptt": "full(optimizer.betas=[0.8, 0.9])"}),
        (("schedule=cosine",), {"bptt": "full(schedule=cosine)"}),
        (("schedule=cosine", "schedule.warmup=0.1"), {"bptt": "full(schedule=cosine, schedule.warmup=0.1)"}),
        (("schedule=constant", "accumulate=1", "ema=null"), {"bptt": "full"}),
        (("accumulate=2", "ema=0.9", "patience=3"), {"bptt": "full(accumulate=2, ema=0.9, patience=3)"}),
        (("batch_size=7", "evaluations=3"), {"bptt": "full(batch_size=7, evaluations=3)"}),
        (("budget.seconds=2.5",), {"budget": "2.5 seconds", "bptt": "full"}),
        (("budget.examples=500",), {"budget": "500 examples"}),
        (("budget.steps=null",), {"budget": "none"}),
        (("task=charlm", "task.source=/far/away/input.txt"), {"task": "task-v1(source=input.txt)"}),
        (("task=charlm", "task.source=/far/away/"), {"task": "task-v1(source=away)"}),
        (("task=charlm", "task.source=hub:some/text8"), {"task": "task-v1(source=text8)"}),
        (("task=charlm", "task.source=[/far/a.txt,b.txt]"), {"task": "task-v1(source=[a.txt, b.txt])"}),
        (("cell=custom", "cell.target=far/mine.py:Mine"), {"cell": "custom:Mine"}),
        (("cell=custom", "cell.target=a.b:Mine", "+cell.alpha=0.5"), {"cell": "custom:Mine(alpha=0.5)"}),
    ],
)
def test_a_command_has_these_labels(arguments, expected):
    found = composed(*arguments)
    assert {column: found[column] for column in expected} == expected


def test_an_experiment_is_named_by_its_options():
    """So a run with a preset and an equal one without share a row."""
    found = composed("+experiment=tinyshakespeare", "task.source=/far/input.txt")
    assert "tinyshakespeare" not in "".join(found.values())
    assert found["cell"] == "gru(model.layers=2, model.embedding=128)"
    assert found["bptt"] == "full(schedule=cosine, optimizer.lr=0.004, batch_size=12)"


def test_what_is_changed_reaches_a_record_without_seed_places_and_hardware():
    stated = ["seed=3", "results_dir=x", "rerun=true", "hardware.threads=2"]
    assert compose([*stated, "clip.norm=2", "optimizer=sgd"]).changed == {"clip.norm": 2.0, "optimizer": "sgd"}


@pytest.mark.parametrize(
    ("choice", "cell", "name"),
    [
        ("gru", {}, "gru"),
        ("custom", {"target": "my.dir/cells.py:Mine"}, "custom:Mine"),
        ("custom", {"target": "package.module:Mine"}, "custom:Mine"),
        ("custom", {"target": "package.module.Mine"}, "custom:Mine"),
        ("custom", {}, "custom:?"),
    ],
)
def test_a_custom_cell_is_called_by_its_class(choice, cell, name):
    assert cell_name(choice, cell) == name


@given(st.text(), st.text(), st.integers())
def test_an_id_is_safe_as_a_folders_name(task, cell, seed):
    stem = run_stem(task, cell, seed, "0123456789abcdef" * 4)
    assert not set(stem) & set('/\\:*?"<>| \n\0')
    assert stem.endswith("_0123456789abcdef")


def test_two_model_sizes_are_two_rows_of_the_leaderboard(capsys, tmp_path):
    for hidden in (4, 5):
        tiny = ("budget.steps=1", "evaluations=1", "task.held_out=20", f"model.hidden={hidden}")
        assert bench(capsys, *tiny, f"results_dir={tmp_path}").code == 0
    said = bench(capsys, "leaderboard", f"results_dir={tmp_path}")
    assert sum("gru(model.hidden=" in line for line in said.out.splitlines()) == 2


def test_a_split_that_is_drawn_has_a_row_of_its_own():
    plain, data, drawn, other = (
        composed("task=digits", *words) for words in ([], ["seed.data=3"], ["seed.split=0"], ["seed.split=7"])
    )
    assert plain == data and drawn == other == {**plain, "task": "task-v1(split=drawn)"}
