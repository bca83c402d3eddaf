"""Two codes measured in turn: each runs in its own processes, and what they answer pairs up, launch by launch."""

import json
import os
import subprocess
import time
from contextlib import nullcontext
from statistics import median

import pytest
from checkouts import a_checkout
from cli_tools import ROOT
from tiny import Given, a_batch, a_setup

from bench.errors import ConfigError, Failed
from bench.measure.grid import Entry
from bench.results.speeds import Measured, Speeds
from bench.study import codes
from bench.study.codes import measure_in_turn
from bench.study.sampler import Sampler

SMALL = ("task=copy", "task.held_out=20", "task.delay=3", "batch_size=4", "model.hidden=3", "measure.seconds=0.001")


def in_turn(other, *words, launches=1, figures=("infer",), said=print, ready=lambda *grids: None):
    return measure_in_turn((*SMALL, *words), other, "it", figures, "wall", launches, said, ready, lambda *grids: False)


def test_each_code_runs_in_its_own_processes_and_what_is_slower_there_is_faster_here(tmp_path):
    said = []
    other = a_checkout(tmp_path, factor=20)
    here, there = in_turn(other, "cell=gru,vanilla", figures=["train"], said=said.append)
    assert said == ["launch 1 of 1 at most"]
    for grid in (here, there):
        assert [member.name for member in grid.members] == ["cell=gru", "cell=vanilla"]
        for member in grid.members:
            train = member.figures["train"]
            assert train["launches"] == [train["samples"]] and len(train["samples"]) >= 5 and len(train["loads"]) == 1
    for ours, theirs in zip(here.members, there.members, strict=True):
        samples = [member.figures["train"]["samples"] for member in (ours, theirs)]
        assert median(a / b for a, b in zip(*samples, strict=True)) == pytest.approx(1 / 20, rel=0.5)
    assert Speeds.of_tree(json.loads(here.to_json())) == here


def test_what_is_wrong_with_a_code_is_told_by_its_last_line(tmp_path):
    with pytest.raises(ConfigError, match=r"the code here measures nothing: .*unroll=vendor: MGU has no such form"):
        in_turn(ROOT, "cell=mgu", "unroll=vendor")
    (package := tmp_path / "bench").mkdir()
    (package / "__init__.py").touch()
    with pytest.raises(ConfigError, match="^it is older than measuring in turn: write a file with its own bench speed"):
        in_turn(tmp_path)
    (package / "study").mkdir()
    (package / "study" / "sampler.py").write_text("raise SystemExit('no bench here')")
    with pytest.raises(ConfigError, match="the code of it cannot be measured in turn with another: no bench here"):
        in_turn(tmp_path)


def edited(folder, before, after):
    """The code here in a folder, with a piece of its sampler replaced."""
    sampler = a_checkout(folder) / "bench/study/sampler.py"
    assert sampler.read_text().count(before) == 1
    sampler.write_text(sampler.read_text().replace(before, after))
    return folder


def test_a_process_that_is_killed_is_told_as_that(tmp_path):
    other = edited(
        tmp_path, "    for line in sys.stdin:\n", "    for line in sys.stdin:\n        os.kill(os.getpid(), 9)\n"
    )
    with pytest.raises(Failed, match="the process of the code of it was ended by SIGKILL, as where memory runs out"):
        in_turn(other)


def test_a_member_that_fails_while_one_of_both_samples_it_is_refused_and_the_others_stay(tmp_path):
    fails = """
        if "vanilla" in (entry := self._entries[sample]).name:
            with entry.named():
                raise MemoryError
"""
    other = edited(
        tmp_path, "        self._timed[sample].calls = calls\n", fails + "        self._timed[sample].calls = calls\n"
    )
    here, there = in_turn(other, "cell=gru,vanilla", launches=2, figures=("train", "infer"))
    for grid in (here, there):
        (member,) = grid.members
        assert [len(member.figures[figure]["launches"]) for figure in ("train", "infer")] == [2, 2]
        assert [*grid.refused] == ["cell=vanilla"]
        assert grid.refused["cell=vanilla"].startswith("train: the code of it: no room for more: lower batch_size")
    with pytest.raises(Failed, match="task=copy cell=vanilla: infer: the code of it: no room"):
        in_turn(other, "cell=vanilla")


def test_codes_without_a_member_or_figure_in_common_are_refused():
    one, other = (
        Speeds([{"cell": name}], [Measured({"cell": name})], {f"cell={no}": "no such cell"}, "wall", {}, {}, {})
        for name, no in ("ab", "ba")
    )
    with pytest.raises(ConfigError, match="no member in common: cell=b: no such cell; cell=a: no such cell"):
        codes._refuse_apart((one, other), ["train"])
    codes._refuse_apart((one, one), ["train"])
    one.members[0].lacks["step"] = "it is bidirectional"
    with pytest.raises(ConfigError, match="--figures=step: there is nothing to measure: cell=a: it is bidirectional"):
        codes._refuse_apart((one, one), ["step"])


def test_what_is_refused_at_the_first_launch_ends_the_call_and_its_processes(monkeypatch):
    def refuse(here, there):
        raise ConfigError("not this one")

    running = []
    begun = codes.subprocess.Popen

    def noted(*args, **kwargs):
        running.append(begun(*args, **kwargs))
        return running[-1]

    monkeypatch.setattr(codes.subprocess, "Popen", noted)
    with pytest.raises(ConfigError, match="not this one"):
        in_turn(ROOT, ready=refuse)
    assert len(running) == 2 and all(process.poll() is not None for process in running)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system does not let a process be kept")
def test_a_process_stays_on_as_many_processors_as_it_has_threads_at_each_launch_on_others():
    mine = sorted(os.sched_getaffinity(0))
    with subprocess.Popen(["sleep", "60"]) as process:
        code = codes._Code("it", process, None)
        for threads, number in ((1, 0), (1, 1), (2, 1)):
            member = Measured({"cell": "gru"}, options={"hardware.threads": threads})
            code.grid = Speeds([{"cell": "gru"}], [member], {}, "wall", {}, {}, {})
            code.stay(number)
            kept = {mine[(number + place) % len(mine)] for place in range(threads)}
            assert os.sched_getaffinity(process.pid) == kept
        process.kill()


def test_launches_are_made_until_it_is_enough_and_never_fewer_than_five(monkeypatch):
    class Code:
        grid = Speeds([{"cell": "gru"}], [Measured({"cell": "gru"})], {}, "wall", {}, {}, {})
        cpu_s = 0.0

        def stay(self, number):
            numbers.append(number)

        def ask(self, sample=None, **_):
            return {"places": [0], "calls": [1]} if sample is None else {"tokens": 1, "seconds": 1.0}

    numbers, asked = [], []
    monkeypatch.setattr(codes, "_both", lambda *_: nullcontext((Code(), Code())))

    def enough(here, there):
        asked.append(len(here.members[0].figures["train"]["launches"]))
        return asked[-1] == 7

    measure_in_turn(SMALL, ROOT, "it", ["train"], "wall", 20, print, lambda *grids: None, enough)
    assert asked == [5, 6, 7] and numbers == [place for place in range(7) for _ in range(2)]


def test_a_sampler_warms_up_what_has_the_figure_and_samples_as_many_calls_as_it_is_told():
    entries = [Entry("one", a_setup(Given(train=[a_batch(5, 2)]))), Entry("two", a_setup(Given(train=[a_batch(3, 2)])))]
    entries[0].has = lambda figure: figure != "step"
    sampler = Sampler(entries, time.perf_counter)
    warm = sampler.answer({"figure": "step"})
    assert warm["places"] == [1] and warm["calls"][0] >= 1
    assert sampler.answer({"figure": "train"})["places"] == [0, 1]
    answer = sampler.answer({"sample": 1, "calls": 4})
    assert answer["tokens"] == 4 * 3 * 2 and answer["seconds"] > 0 and answer["cpu"] > 0
