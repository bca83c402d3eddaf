"""What older versions of bench stored, read in today's options."""

from __future__ import annotations

import copy
import importlib.util
from dataclasses import asdict

import pytest

from bench.config.schema import InitConfig
from bench.config.upgrade import MOVED, moved, said_today, upgrade

PLAIN = asdict(InitConfig())
VANILLA = {"_target_": "bench.cells.vanilla.Vanilla", "activation": "tanh", "init": "default", "sigma": None}


@pytest.mark.parametrize("separator", [".", ":"])
def test_a_module_that_moved_has_its_present_name(separator):
    assert moved(f"bench.schedule{separator}Cosine") == f"bench.train.schedule{separator}Cosine"
    stored = {"schedule": {"_target_": f"bench.schedule{separator}Cosine", "warmup": 0.1}, "seed": 3}
    assert upgrade(stored)["schedule"] == {"_target_": f"bench.train.schedule{separator}Cosine", "warmup": 0.1}


@pytest.mark.parametrize("target", ["bench.scheduler.Mine", "bench.train.schedule.Cosine", "mine.py:Mine", None, 3])
def test_other_names_are_left_as_they_are(target):
    assert moved(target) == target


@pytest.mark.parametrize(("taps", "model"), [(1, {"hidden": 8}), (4, {"hidden": 8, "conv": 4})])
def test_the_convolution_of_a_cell_is_the_layers(taps, model):
    cell = {"_target_": "bench.cells.deltanet.GatedDeltaNet", "heads": 2}
    stored = {"cell": {**cell, "conv": taps}, "model": {"hidden": 8}}
    assert upgrade(stored) == {"cell": cell, "model": model}
    assert stored["cell"]["conv"] == taps, "the record itself stays"
    assert said_today("cell.conv", 4) == "model.conv=4"
    own = {"cell": {"target": "mine.py:Mine", "conv": 4}}
    assert upgrade(own) == own


@pytest.mark.parametrize("module", MOVED.values())
def test_modules_that_moved_are_where_the_table_says(module):
    assert importlib.util.find_spec(module)


@pytest.mark.parametrize(
    ("cell", "today", "init"),
    [
        ({"_target_": "bench.cells.lstm.LSTM", "forget_bias": 1, "coupled": False},
         {"_target_": "bench.cells.lstm.LSTM", "coupled": False}, {"forget_bias": 1}),
        ({"target": "bench.cells.lstm:LSTM", "forget_bias": 0.0}, {"target": "bench.cells.lstm:LSTM"},
         {"forget_bias": 0.0}),
        ({"_target_": "bench.cells.lstm.LSTM", "forget_bias": None}, {"_target_": "bench.cells.lstm.LSTM"}, {}),
        ({"_target_": "bench.cells.minlstm.MinLSTM", "forget_bias": 2.0},
         {"_target_": "bench.cells.minlstm.MinLSTM"}, {"forget_bias": 2.0}),
        ({"_target_": "bench.cells.slstm.SLSTM", "forget": "exp", "forget_bias": 2.0},
         {"_target_": "bench.cells.slstm.SLSTM", "forget": "exp"}, {"forget_bias": 2.0}),
        ({"_target_": "bench.cells.janet.JANET", "beta": 1.0, "t_max": 50},
         {"_target_": "bench.cells.janet.JANET", "beta": 1.0}, {"chrono": 50}),
        (VANILLA, {"_target_": "bench.cells.vanilla.Vanilla", "activation": "tanh"}, {}),
        (VANILLA | {"init": "orthogonal", "sigma": 3.0},
         {"_target_": "bench.cells.vanilla.Vanilla", "activation": "tanh"}, {"recurrent": "orthogonal"}),
        (VANILLA | {"init": "normal"}, {"_target_": "bench.cells.vanilla.Vanilla", "activation": "tanh"},
         {"input": "normal", "recurrent": "normal", "bias": "zero"}),
        (VANILLA | {"init": "normal", "sigma": 0.3}, {"_target_": "bench.cells.vanilla.Vanilla", "activation": "tanh"},
         {"input": "normal", "recurrent": "normal", "bias": "zero", "sigma": 0.3}),
        (VANILLA | {"init": "identity"}, {"_target_": "bench.cells.vanilla.Vanilla", "activation": "tanh"},
         {"input": "normal", "recurrent": "identity", "bias": "zero", "sigma": 0.001}),
        (VANILLA | {"init": "identity", "activation": "relu"}, {"_target_": "bench.cells.irnn.IRNN"}, {}),
        (VANILLA | {"init": "identity", "activation": "relu", "sigma": 0.01},
         {"_target_": "bench.cells.vanilla.Vanilla", "activation": "relu"},
         {"input": "normal", "recurrent": "identity", "bias": "zero", "sigma": 0.01}),
    ],
)  # fmt: skip
def test_how_a_cell_s_weights_started_is_said_by_init(cell, today, init):
    stored = {"cell": cell, "init": PLAIN, "seed": 3}
    before = copy.deepcopy(stored)
    found = upgrade(stored)
    assert found == {"cell": today, "init": PLAIN | init, "seed": 3}
    assert stored == before, "the stored tree was written into"
    assert upgrade(found) == found


def test_an_option_of_init_that_was_set_acted_last():
    lstm = {"_target_": "bench.cells.lstm.LSTM", "forget_bias": 1}
    for own in ({"forget_bias": 2.0}, {"chrono": 9}):
        assert upgrade({"cell": lstm, "init": PLAIN | own})["init"] == PLAIN | own
    assert upgrade({"cell": lstm, "init": PLAIN | {"recurrent": "orthogonal"}})["init"] == PLAIN | {
        "recurrent": "orthogonal", "forget_bias": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "cell",
    [
        {"target": "mine.py:LSTM", "forget_bias": 1, "init": "normal"},
        {"target": "their.cells.lstm.LSTM", "forget_bias": 1},
        {"_target_": "bench.cells.exprnn.ExpRNN", "init": "henaff"},
        {"_target_": "bench.cells.gru.GRU"},
        {},
    ],
)
def test_other_cells_are_left_as_they_are(cell):
    assert upgrade({"cell": cell, "init": PLAIN}) == {"cell": cell, "init": PLAIN}


@pytest.mark.parametrize(
    ("option", "value", "today"),
    [
        ("cell.forget_bias", 1, "init.forget_bias=1"),
        ("cell.forget_bias", None, "init.forget_bias=null"),
        ("cell.t_max", "9", "init.chrono=9"),
        ("cell.init", "default", "init=default"),
        ("cell.init", "identity", "init.input=normal init.sigma=0.001 init.recurrent=identity init.bias=zero"),
        ("cell.init", "henaff", None),
        ("task.sigma", 1, None),
    ],
)
def test_an_old_option_is_said_in_today_s_words(option, value, today):
    assert said_today(option, value) == today


@pytest.mark.parametrize(("kind", "head"), [("sliding", {"head": "skip"}), ("truncated", {}), ("full", {})])
def test_sliding_bptt_of_older_versions_waited_for_a_full_horizon(kind, head):
    stored = {"kind": kind, "window": 1, "horizon": 4}
    assert upgrade({"bptt": stored})["bptt"] == stored | head
    assert upgrade({"bptt": stored | {"head": "grow"}})["bptt"]["head"] == "grow"
