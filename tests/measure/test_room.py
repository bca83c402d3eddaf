"""Room in memory: a step that is too large for what is free is told before it is tried, by looks at parts of it."""

import math
from dataclasses import replace

import pytest
import torch
from cli_tools import COPY, bench, records
from clock import Clock
from three_tasks import TASKS
from tiny import Given, a_batch, a_setup
from traces import made

from bench.config.schema import BPTTConfig, ModelConfig
from bench.measure import room
from bench.measure.memory import measure_memory
from bench.measure.room import lack_of_room

T, B = 40, 24
CELLS = {
    "gru": "bench.cells.gru.GRU",
    "mingru": "bench.cells.mingru.MinGRU",
    "transformer": "bench.cells.transformer.Transformer",
}


def a_large(cell="gru", T=T, B=B, **changes):
    batch = a_batch(T, B)
    return a_setup(Given(train=[batch]), cell=CELLS[cell], model=ModelConfig(hidden=64), **changes), batch


@pytest.fixture
def free(monkeypatch):
    """Sets how many bytes are free."""

    def free(count):
        monkeypatch.setattr(room, "free_bytes", lambda machine: count)

    return free


@pytest.mark.parametrize(("T", "B"), [(T, B), (400, 1)], ids=["lanes", "time steps"])
@pytest.mark.parametrize("cell", CELLS)
def test_what_a_step_is_estimated_to_take_is_about_what_it_takes(cell, T, B):
    setup, batch = a_large(cell, T, B)
    estimated = room._needed(setup, batch, free=10**12) / 2**20
    assert estimated == pytest.approx(measure_memory(setup, [batch])["activations_mib"], rel=0.3)


def test_a_step_that_is_too_large_is_told_with_its_estimate_and_what_to_do(free):
    setup, batch = a_large()
    free(2**20)
    line = lack_of_room(setup, batch)
    assert line.startswith("a training step on 24 lanes of 40 time steps takes about ")
    assert "and 1 MiB are free: lower batch_size" in line and "bptt.checkpoint=true" in line
    free(2**30)
    assert lack_of_room(setup, batch) is None


def test_checkpoints_and_windows_take_less_room(free):
    whole, batch = a_large(unroll="eager")
    checkpointed, _ = a_large(unroll="eager", bptt=BPTTConfig(checkpoint=True))
    cut, _ = a_large(unroll="eager", bptt=BPTTConfig(kind="truncated", window=5))
    needed = [room._needed(setup, batch, 10**12) for setup in (whole, checkpointed, cut)]
    assert needed[1] < needed[0] / 2 and needed[2] < needed[0] / 2


def test_what_is_small_against_the_free_memory_is_not_looked_at(free, monkeypatch):
    monkeypatch.setattr(room, "_needed", lambda *_: pytest.fail("it takes time"))
    setup, batch = a_large()
    free(2**40)
    assert lack_of_room(setup, batch) is None
    free(None)
    assert lack_of_room(setup, batch) is None


def test_more_is_looked_at_where_a_few_lanes_do_not_tell(free, monkeypatch):
    """A step that takes 1 MB a lane up to eight lanes, and no more for further ones."""
    looked = []
    monkeypatch.setattr(
        room, "_bytes_of_step", lambda setup, part: looked.append(len(part.fresh)) or min(len(part.fresh), 8) * 10**6
    )
    setup, batch = a_large()
    assert room._needed(setup, batch, free=40 * 10**6) == 24 * 10**6 and looked == [2, 4]
    looked.clear()
    assert room._needed(setup, batch, free=20 * 10**6) == 24 * 10**6 and max(looked) == 8, "up to half of what is free"
    batch, free = a_batch(T, 64), 60 * 10**6
    assert room._needed(setup, batch, free) == 8 * 10**6 and max(looked) == 16


def test_looks_end_after_some_seconds(monkeypatch):
    """A large batch is told before it is tried, and not after minutes of looks at ever larger parts of it."""
    clock, looked = Clock(), []

    def look(setup, part):
        looked.append(len(part.fresh))
        clock.now += len(part.fresh) / 8
        return len(part.fresh) * 10**6

    monkeypatch.setattr(room, "_bytes_of_step", look)
    setup, _ = a_large()
    assert room._needed(setup, a_batch(T, 2000), 10**9, clock) == 2 * 10**9
    assert looked == [2, 4, 8, 16], "each once, and none that begins after two seconds"


def test_a_look_leaves_the_model_and_the_generators_as_they_were():
    setup = made({"cell": "gru", "model.norm": "batch", "model.dropout": 0.5})
    before, random = {name: each.clone() for name, each in setup.model.state_dict().items()}, torch.get_rng_state()
    assert room._needed(setup, a_batch(8, 8), 10**12) > 0
    assert all(torch.equal(before[name], each) for name, each in setup.model.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    assert all(weight.grad is None for weight in setup.model.parameters())


def test_an_encoder_decoder_is_looked_at_by_lanes_and_forward_gradients_not_at_all(free):
    setup = a_setup(TASKS["sequence"], model=ModelConfig(hidden=64))
    batch = TASKS["sequence"].splits["train"][0].lanes(torch.arange(12) % 3)
    assert 0 < room._needed(setup, batch, 10**12) < math.inf
    free(1)
    forward, batch = a_large(T=4, B=2, gradient="rtrl")
    assert lack_of_room(forward, batch) is None


def test_a_look_at_an_encoder_decoder_is_at_all_that_it_writes(monkeypatch):
    batch = TASKS["sequence"].splits["train"][0]
    longer, looked = replace(batch, inputs=batch.inputs[:2]).lanes(torch.arange(12) % 3), []
    monkeypatch.setattr(room, "backpropagate", lambda model, task, part, *_: looked.append(len(part.targets)))
    room._needed(a_setup(TASKS["sequence"]), longer, 10**12)
    assert looked == [len(batch.targets)] * 2 and len(longer.inputs) == 2


def test_a_batch_of_which_no_part_can_be_trained_on_tells_nothing(free, monkeypatch):
    setup, batch = a_large()
    monkeypatch.setattr(room, "backpropagate", lambda *_: 1 / 0)
    free(1)
    assert lack_of_room(setup, batch) is None


def test_a_run_says_so_before_it_begins_and_goes_on(free, capsys, tmp_path):
    free(1)
    said = bench(capsys, *COPY, f"results_dir={tmp_path}")
    assert said.code == 0 and "lower batch_size or the length of the sequences" in said.err
    (record,) = records(tmp_path)
    assert record["status"] == "done"
    (log,) = tmp_path.glob("runs/*/run.log")
    assert "takes about" in log.read_text()
