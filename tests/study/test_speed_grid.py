"""A grid measured for speed alone: no two members have one name, and all are sampled as the options say."""

import pytest

from bench.config.sweeps.members import compose_sweep
from bench.errors import ConfigError
from bench.results.speeds import named
from bench.study import speeds
from bench.study.speeds import measure, varied

SMALL = ("task=copy", "task.held_out=20", "task.delay=3", "batch_size=4", "model.hidden=3", "measure.seconds=0.001")


def names(*words):
    return [named(each) for each in varied(compose_sweep([*words]))]


@pytest.mark.parametrize(
    "word",
    [
        "hardware.threads=1,64",
        "hardware.precision=float32,bfloat16",
        "hardware.deterministic=true,false",
        "seed=3,4",
        "resume=auto,never",
        "model.hidden=8,128",
        "retries=0,1",
    ],
)
def test_any_option_with_several_values_tells_the_members_apart_by_each(word):
    option, _, values = word.partition("=")
    assert names("cell=gru", word) == [f"{option}={value}" for value in values.split(",")]


def test_what_a_choice_brings_with_it_is_no_part_of_a_name():
    assert names("cell=gru,lstm", "bptt=full,truncated", "hardware.threads=1,2") == [
        f"cell={cell} bptt={bptt} hardware.threads={threads}"
        for cell in ("gru", "lstm")
        for bptt in ("full", "truncated")
        for threads in (1, 2)
    ]


def test_members_without_a_difference_are_refused():
    with pytest.raises(ConfigError, match="2 members are model.hidden=3: "):
        varied(compose_sweep(["cell=gru", "model.hidden=3,4,3"]))


def test_a_grid_over_how_it_is_sampled_is_refused():
    with pytest.raises(ConfigError, match="measure.retry=0.0,60.0: all members are sampled alike, in turn: give one"):
        measure(compose_sweep([*SMALL, "measure.retry=0,60"]))


def test_seconds_of_sampling_and_of_waiting_are_those_of_the_options(monkeypatch):
    seen = []

    class Noted(speeds.Turns):
        def __init__(self, seconds, clock, gauge, patience):
            seen.append((seconds, patience._left))
            super().__init__(seconds, clock, gauge)

    monkeypatch.setattr(speeds, "Turns", Noted)
    measure(compose_sweep([*SMALL, "measure.retry=7"]), ["infer"])
    assert seen == [(0.001, 7.0)]


def test_a_member_states_the_options_that_decide_its_speed():
    (member,) = measure(compose_sweep([*SMALL, "cell=mgu", "hardware.threads=2"]), ["infer"]).members
    assert member.options is not None
    found = {"task": "copy", "cell": "mgu", "task.delay": 3, "model.hidden": 3, "hardware.threads": 2, "unroll": "auto"}
    assert found.items() <= member.options.items() and {"task.delay", "model.hidden"} <= {*member.changed}
    others = ("results_dir", "measure.seconds", "budget.steps", "rerun", "hardware.device", "cell._target_")
    assert not {*others} & member.options.keys()


def test_what_is_refused_once_members_are_built_is_refused_before_any_is_sampled(monkeypatch):
    def refuse(grid):
        assert [member.name for member in grid.members] == ["task=copy cell=gru"]
        raise ConfigError("not this one")

    monkeypatch.setattr(speeds, "Turns", None)
    with pytest.raises(ConfigError, match="not this one"):
        measure(compose_sweep([*SMALL, "cell=gru"]), ["infer"], ready=refuse)


def test_limits_are_known_before_samples_are_taken_and_cost_none_where_they_fail(monkeypatch):
    def fails(*_):
        raise RuntimeError("no memory for so large a product")

    monkeypatch.setattr("bench.job.counted.limits", fails)
    (member,) = measure(compose_sweep([*SMALL]), ["infer"]).members
    assert member.limits == {} and member.figures["infer"]["samples"]
    monkeypatch.setattr("bench.job.counted.limits", lambda setup, flops, seconds: {"infer": seconds})
    assert measure(compose_sweep([*SMALL]), ["infer"]).members[0].limits == {"infer": 0.001}


def test_more_threads_than_processors_are_told_before_anything_is_measured(monkeypatch):
    monkeypatch.setattr(speeds.Gauge, "own_cores", 2)
    told = []
    measure(compose_sweep([*SMALL, "hardware.threads=1,2,3"]), ["infer"], told=told.append)
    (line,) = [line for line in told if "on 2 processors" in line]
    assert line == "hardware.threads=3: hardware.threads=3 on 2 processors: at most as many threads"
    assert told.index(line) < told.index("measuring infer of 3 members in turn")
