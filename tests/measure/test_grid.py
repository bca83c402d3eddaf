"""A grid of speeds: members are sampled in turn, each on its own hardware, until all are steady."""

from types import SimpleNamespace

import pytest
import torch
from clock import Ticking
from counters import BUSY, IDLE, QUIET, Scripted
from tiny import Given, a_batch, a_setup

from bench.config.schema import HardwareConfig, ModelConfig
from bench.hardware.contention import Patience
from bench.hardware.timing import Sample
from bench.measure import grid
from bench.measure.grid import Entry, Turns
from bench.results.speeds import FIGURES

BRIEF = 0.01  # seconds of sampling


def an_entry(name="one", T=6, B=2, **changes):
    return Entry(name, a_setup(Given(train=[a_batch(T, B)]), **changes))


def by_ticks(*entries, figure="train", **machine):
    """Measured on a clock of which every look takes a second."""
    return Turns(BRIEF, Ticking(), Scripted(machine)).measure(entries, figure)


@pytest.mark.parametrize("figure", FIGURES)
def test_each_member_has_samples_that_pair_up_with_those_of_the_others(figure):
    found = by_ticks(an_entry(), an_entry("two", model=ModelConfig(hidden=5)), figure=figure)
    assert len(found) == 2 and len({len(each["samples"]) for each in found}) == 1
    assert all(each["low"] <= each["median"] <= each["high"] and not each["marks"] for each in found)


def test_a_figure_is_microseconds_a_token():
    assert [each["median"] for each in by_ticks(an_entry(T=5, B=4), an_entry(T=10, B=4))] == [1e6 / 20, 1e6 / 40]


def test_a_bidirectional_model_goes_no_single_steps_and_reads_no_prompt():
    entry = an_entry()
    assert all(map(entry.has, FIGURES))
    entry.setup = SimpleNamespace(model=SimpleNamespace(bidirectional=True))
    assert [name for name in FIGURES if entry.has(name)] == ["train", "infer"]


def test_a_prompt_is_read_by_one_lane():
    (found,) = by_ticks(an_entry(T=5, B=4), figure="prefill")
    assert found["median"] == 1e6 / 5


def test_members_take_turns_in_an_order_that_is_drawn(monkeypatch):
    order = []
    train = grid.training

    def noted(setup, batches):
        for tokens in train(setup, batches):
            order.append(setup.config.model.hidden)
            yield tokens

    monkeypatch.setattr(grid, "training", noted)
    by_ticks(*(an_entry(str(size), model=ModelConfig(hidden=size)) for size in (3, 4, 5)))
    rounds = [tuple(order[place : place + 3]) for place in range(9, len(order), 3)]  # three warm up, one by one
    assert len(rounds) == 5 and all(sorted(each) == [3, 4, 5] for each in rounds) and len({*rounds}) > 1


def test_each_member_is_sampled_on_threads_of_its_own(monkeypatch):
    seen = {}
    train = grid.training

    def noted(setup, batches):
        for tokens in train(setup, batches):
            seen.setdefault(setup.config.hardware.threads, set()).add(torch.get_num_threads())
            yield tokens

    monkeypatch.setattr(grid, "training", noted)
    before = torch.get_num_threads()
    try:
        by_ticks(*(an_entry(str(n), hardware=HardwareConfig("cpu", n, "float64")) for n in (1, 2)))
    finally:
        torch.set_num_threads(before)
    assert seen == {1: {1}, 2: {2}}


def test_what_the_machine_did_meanwhile_marks_all_members():
    assert [set(each["marks"]) for each in by_ticks(an_entry(), an_entry(), **BUSY)] == [{"contended"}] * 2


def test_what_was_contended_is_measured_again_for_all_once_the_machine_is_quiet():
    # busy while measured, then while waited for; quiet; quiet while measured again
    machine = Scripted(BUSY, {**BUSY, "own": 0.0}, IDLE, QUIET)
    patience = Patience(10.0, machine, lambda _: None)
    found = Turns(BRIEF, Ticking(), machine, patience).measure([an_entry(), an_entry()], "train")
    assert [(each["tries"], each["marks"]) for each in found] == [(2, {})] * 2
    (found,) = Turns(BRIEF, Ticking(), Scripted(BUSY)).measure([an_entry()], "train")
    assert found["tries"] == 1 and "contended" in found["marks"]


def test_where_one_member_gets_faster_the_earlier_half_of_all_is_left_out(monkeypatch):
    seconds = iter([*(3 - 0.1 * number for number in range(10)), *[1.0] * 90])

    def drawn(timed, count, seed):
        return [[Sample(1, 1.0)] * count, [Sample(1, next(seconds)) for _ in range(count)]]

    monkeypatch.setattr(grid, "interleaved", drawn)
    steady, faster = Turns(10.0, Ticking(), Scripted({})).measure([an_entry(), an_entry()], "train")
    assert len(steady["samples"]) == len(faster["samples"])
    assert 3e6 not in faster["samples"] and "unsettled" not in faster["marks"]


def test_a_member_that_never_settles_is_marked(monkeypatch):
    seconds = iter(range(1000, 0, -10))
    monkeypatch.setattr(
        grid, "interleaved", lambda timed, count, seed: [[Sample(1, next(seconds)) for _ in range(count)]]
    )
    (found,) = Turns(2e4, Ticking(), Scripted({})).measure([an_entry()], "train")
    assert "unsettled" in found["marks"]
