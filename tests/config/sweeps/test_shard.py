"""Shards of a sweep: each member is in one of them, and a shard that there is not is refused in a line."""

import json

import pytest
from cli_tools import COPY, bench, records, the_line

from bench.config.sweeps.members import compose_sweep
from bench.config.sweeps.shard import Shard
from bench.errors import ConfigError

WORDS = (*COPY, "cell=vanilla,gru", "seed=0,1,2")


@pytest.mark.parametrize("of", [1, 2, 4, 7])
def test_all_shards_are_the_sweep_and_no_member_is_in_two(of):
    parts = [Shard.parse(f"{number}/{of}").share(range(6)) for number in range(1, of + 1)]
    assert sorted(member for part in parts for member in part) == [*range(6)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "a/b", "1", "1/0", "", "1/4/2", "-1/4", "1 / 4", "1.0/4", "\u0661/4"])
def test_a_shard_that_there_is_not_is_refused(text):
    with pytest.raises(ConfigError, match=r"write I/N with I from 1 to N, as --shard=1/4 to --shard=4/4"):
        Shard.parse(text)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-m", *WORDS, "--shard=5/4"), "--shard=5/4: write I/N"),
        (("plan", *WORDS, "--shard=0/4"), "--shard=0/4: write I/N"),
        (("-m", *WORDS, "--shard"), "--shard=: write I/N"),
        ((*COPY, "--shard=1/2"), "--shard=1/2: a part of a sweep: write -m"),
        (("-m", *WORDS, "--shard=1/2", "--shard", "2/2"), "--shard is given 2 times, as 1/2 and as 2/2: give it once"),
    ],
)
def test_a_command_says_so_in_a_line(capsys, words, told):
    assert told in the_line(bench(capsys, *words))


def test_a_plan_of_a_shard_has_its_members():
    whole = compose_sweep(WORDS)
    parts = [compose_sweep(WORDS, Shard(number, 2)) for number in (1, 2)]
    found = [(each.choices["cell"], each.config.seed) for part in parts for each in part]
    assert sorted(found) == sorted((each.choices["cell"], each.config.seed) for each in whole)
    assert [each.member.of for each in parts[0]] == [3, 3, 3]
    assert compose_sweep(WORDS, Shard(7, 7)) == []
    assert len(compose_sweep([*WORDS, "hydra/launcher=ray"])) == 6, "a plan takes the words of the sweep"


def test_shards_run_one_after_the_other_are_the_sweep(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("bench.job.execute.measure_speed", lambda *_: None)
    words = (*COPY, "cell=vanilla,gru", "seed=0,1", f"results_dir={tmp_path}")
    first = bench(capsys, "-m", *words, "--shard=1/3")
    assert (first.code, "2 of 2 runs done" in first.out) == (0, True)
    (begun,) = (json.loads(path.read_text()) for path in tmp_path.glob("sweeps/*/sweep.json"))
    assert (begun["members"], "--shard=1/3" in begun["words"]) == (2, True)
    assert "4 runs: 2 done, 2 to do" in bench(capsys, "plan", *words).out
    assert "1 run: 0 done, 1 to do" in bench(capsys, "plan", *words, "--shard", "2/3").out
    for shard in ("2/3", "3/3"):
        assert bench(capsys, "-m", *words, "--shard", shard).code == 0
    assert sorted((record["cell"][:3], record["seed"]) for record in records(tmp_path)) == [
        ("gru", 0), ("gru", 1), ("van", 0), ("van", 1),
    ]  # fmt: skip


def test_a_shard_without_members_is_done(capsys, tmp_path):
    words = (*COPY, "seed=0,1", f"results_dir={tmp_path}", "--shard=3/3")
    said = bench(capsys, "-m", *words)
    assert (said.code, "0 of 0 runs done" in said.out) == (0, True), said
    said = bench(capsys, "plan", *words)
    assert (said.code, "0 runs: 0 done, 0 to do" in said.out) == (0, True), said
