"""Ranks as one process sees them: its lanes, and how it learns why another has ended. What several compute together is
in `tests/job/test_several_devices.py`."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import a_batch
from torch import distributed, nn

from bench.config.schema import HardwareConfig
from bench.errors import ConfigError
from bench.hardware import machine as machine_module
from bench.hardware.machine import choose_machine
from bench.hardware.ranks import ALONE, RankLost, Ranks, joined


def two(**options):
    return [Ranks(number, 2, number, 2, **options) for number in range(2)]


@given(st.integers(1, 9), st.integers(1, 4))
def test_the_ranks_have_each_lane_once_and_all_weight_once(lanes, count):
    batch = a_batch(B=lanes)
    shares = [Ranks(number, count).lanes(batch) for number in range(count)]
    scored = [share.inputs for share in shares if share.weight.any()]
    assert torch.equal(torch.cat(scored, 1), batch.inputs)
    assert sum(share.weight.sum() for share in shares) == batch.weight.sum()
    assert all(len(share.fresh) > 0 for share in shares), "no model runs over no lanes"


def test_one_rank_gives_back_what_it_is_given():
    batch, parameter = a_batch(), nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    ALONE.add_gradients([parameter])
    assert ALONE.lanes(batch) is batch
    assert (ALONE.sum(0.1), ALONE.any(True, False), ALONE.first_says(batch), ALONE.all_say(3)) == (
        *(0.1, (True, False), batch),
        [3],
    )
    assert parameter.grad.tolist() == [1, 1]


def test_without_torchrun_there_is_one_rank(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")  # as other programs set it
    with joined() as ranks:
        assert ranks is ALONE


def test_the_word_that_a_rank_leaves_tells_the_first_why_the_run_ends(monkeypatch):
    def closed(*_):
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(distributed, "all_reduce", closed)
    first, second = two(store=distributed.HashStore())
    with pytest.raises(RankLost, match="another process of the run has ended") as lost:
        first.sum(1.0)
    assert lost.value.status == "interrupted"
    second.tell_fault("out of memory", "no room for more")
    with pytest.raises(RankLost, match="process 1: no room for more") as lost:
        first.sum(1.0)
    assert lost.value.status == "out of memory"


@pytest.mark.parametrize(
    ("device", "gpus", "found"),
    [
        ("auto", 0, "cpu"),
        ("auto", 2, "cuda:1"),
        ("cuda", 2, "cuda:1"),
        ("cpu", 2, "cpu"),
        ("cuda", 1, "2 processes on a machine with 1 GPUs"),
        ("cuda:0", 2, "set auto, cuda or cpu"),
        ("mps", 0, "set auto, cuda or cpu"),
    ],
)
def test_each_rank_of_a_machine_has_a_gpu_of_its_own(device, gpus, found, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(machine_module, "_begin", lambda _: None)
    monkeypatch.setattr(machine_module, "lack", lambda *_: None)
    try:
        made = str(choose_machine(HardwareConfig(device=device), two()[1]).device)
    except ConfigError as error:
        made = str(error)
    assert found in made


def test_labels_and_kinds_of_several_devices_say_how_many():
    one, several = (choose_machine(HardwareConfig(device="cpu"), ranks) for ranks in (ALONE, two()[0]))
    assert several.label == f"2x {one.label}"
    assert (one.kind, several.kind) == ("cpu", "2x cpu")
    assert (one.facts()["devices"], several.facts()["devices"]) == (1, 2)
    assert several.alone == one
