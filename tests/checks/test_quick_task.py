"""The quick check of a task before a run: what is wrong is one line, and what is right passes with any options."""

import random
import re
from typing import ClassVar

import mutants_tasks
import numpy as np
import pytest
import torch
from cli_tools import TINY, bench, records, the_line
from wrong_tasks import WRONG, Good, Sums, TrainIsValid

from bench.checks import check_task
from bench.checks.quick_task import quick_check_spec, quick_check_task
from bench.config.compose import compose
from bench.errors import BenchError, ConfigError
from bench.job.build import build_task
from bench.job.prepared import prepare

ONLY_CHECK = [  # what a few batches cannot show: these run, and `bench check` alone tells
    "DrawnSubset", "DropsTheLast", "Endless", "TrainsOnTest", "RosyChance", "HashOrder", "Downloads",
    "KeepsBatches", "KeepsNotes", "Enlarges",
]  # fmt: skip
AT_ONCE = [
    "Unversioned", "WrongVocabulary", "BatchFirst", "PaddingCounts", "OwnSeed", "GlobalSeed", "Means", "OtherMetric",
    "LeakyData", "CountsBlanks",
]  # fmt: skip


def refused(task, batch_size=4):
    quick_check_task(quick_check_spec(task), batch_size)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda task: task.__name__)
def test_a_wrong_task_is_refused_before_its_run_in_one_line_that_says_where(wrong):
    with pytest.raises(BenchError) as caught:
        refused(wrong())
    line = str(caught.value)
    assert re.search(WRONG[wrong], line)
    assert "\n" not in line


@pytest.mark.parametrize("name", AT_ONCE)
def test_so_are_the_mutants_of_the_laws_whose_first_batches_show_it(name):
    with pytest.raises(
        ConfigError, match=f"^task {name} breaks the law `.*`: .*; .*bench check task=... checks all laws"
    ):
        refused(getattr(mutants_tasks, name)(), batch_size=16)  # so many lanes are not by chance in the same order


@pytest.mark.parametrize("name", ONLY_CHECK)
def test_what_a_few_batches_cannot_show_passes(name):
    refused(getattr(mutants_tasks, name)())


@pytest.mark.parametrize("right", [Good, Sums, mutants_tasks.AdmitsToLeak])
def test_a_right_task_passes_and_no_global_generator_is_changed(right):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    refused(right())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


def test_a_law_that_a_task_expects_to_break_does_not_stop_it():
    class Toy(TrainIsValid):
        expected_failures: ClassVar = {"splits are disjoint": "a toy"}

    refused(Toy())


class Rare(Sums):
    """A metric over positions of which the first batches have none."""

    drawn = 0

    def change(self, batch, split):
        self.drawn += 1
        return batch

    def tally(self, logits, batch):
        return {"right": batch.weight.sum() * 0, "rare": (batch.inputs[..., 0] > 2.5).sum()}

    def scores(self, totals):
        return {"mse": totals["right"] / totals["rare"]}


def test_a_score_that_the_first_batches_do_not_have_is_looked_for_in_further_ones():
    few = [
        batch for split in ("train", "valid", "test") for batch in [next(Sums().batches(split, 1, torch.Generator()))]
    ]
    assert not any((batch.inputs[..., 0] > 2.5).any() for batch in few), "else there is nothing to look for"
    refused(Rare(), batch_size=1)


@pytest.mark.parametrize("name", ["Means", "OtherMetric"])
def test_a_mean_is_seen_where_there_is_one_lane_alone(name):
    class OneLane(getattr(mutants_tasks, name)):
        def batches(self, split, batch_size, generator):
            return super().batches(split, 1, generator)

    with pytest.raises(ConfigError, match="breaks the law `tallies add up`"):
        refused(OneLane())


def test_a_text_that_repeats_itself_may_do_so_between_splits(tmp_path):
    source = tmp_path / "fox.txt"
    source.write_text("the quick brown fox jumps over the lazy dog. " * 400)
    config = compose(["task=charlm", f"task.source={source}"]).config
    refused(build_task(config.task), config.batch_size)


OPTIONS = [
    "task=copy task.test_delay=30", "task=copy task.held_out=1 batch_size=1", "task=copy batch_size=300",
    "task=adding task.length=7", "task=charlm batch_size=1", "task=hello batch_size=9", "task=dyck batch_size=3",
    "task=parity batch_size=1", "task=narma10 batch_size=1", "task=selective_copy batch_size=2",
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
def test_a_built_in_task_passes_with_other_options(options):
    """With its own ones, beside the laws of all tasks."""
    config = compose(options.split()).config
    refused(build_task(config.task), config.batch_size)


def write_task(folder, body, name="Mine"):
    """A task in a file: the mutants' right one, with `body` in its class."""
    path = folder / "mine.py"
    path.write_text(f"import torch\nfrom bench.tasks.copy import Copy\n\nclass {name}(Copy):\n{body}", encoding="utf-8")
    return f"task.target={path}:{name}"


RAISING = {
    "    def __init__(self) -> None:\n        {}['data']": "cannot be built: KeyError at mine.py:6 in __init__: 'data'",
    "    @property\n    def spec(self):\n        return 1 / 0": "be built: ZeroDivisionError at mine.py:7 in spec",
    "    def batches(self, split, batch_size, generator):\n        raise OSError('gone')": "of train: OSError at",
    "    def tally(self, logits, batch):\n        return {}['x']": "KeyError at mine.py:6 in tally: 'x'",
    "    def loss(self, logits, batch):\n        return 1 / 0": "ZeroDivisionError at mine.py:6 in loss",
}


@pytest.mark.parametrize("body", RAISING)
def test_code_that_raises_at_the_start_of_a_run_is_one_line_and_a_record(tmp_path, capsys, body):
    target, results = write_task(tmp_path, body), tmp_path / "results"
    said = bench(capsys, *TINY, "task=custom", target, f"results_dir={results}")
    assert said.code == 1
    assert RAISING[body] in the_line(said)
    (record,) = records(results)
    assert (record["status"], RAISING[body] in record["reason"]) == ("failed", True)


def test_a_spec_that_is_none_is_refused(tmp_path, capsys):
    target = write_task(tmp_path, "    @property\n    def spec(self):\n        return None")
    said = bench(capsys, *TINY, "task=custom", target, f"results_dir={tmp_path}")
    assert said.code == 2
    assert "spec is None, and no bench.api.TaskSpec" in the_line(said)
    assert not records(tmp_path)


def test_in_a_sweep_it_is_a_record_with_that_line_as_its_reason(tmp_path, capsys):
    body = (
        "    @property\n    def spec(self):\n        return super().spec.__class__(**vars(super().spec) | {'id': 'x'})"
    )
    target, results = write_task(tmp_path, body), tmp_path / "results"
    said = bench(capsys, "-m", *TINY, "seed=0,1", "task=custom", target, f"results_dir={results}")
    assert said.code == 1
    assert "Traceback" not in said.err
    assert ["spec.id is x, without a version" in record["reason"] for record in records(results)] == [True, True]


def test_the_steps_of_the_first_batch_are_those_of_the_run():
    prepared = prepare(compose([*TINY, "task=copy", "task.delay=7", "task.held_out=20"]))
    assert prepared.error is None
    assert prepared.steps_in_a_batch == 7 + 2 * 5


@pytest.mark.parametrize("wrong", WRONG, ids=lambda task: task.__name__)
def test_bench_check_names_the_same_law(wrong):
    """So that the line's advice leads somewhere. What gives no batch at all breaks a law by that."""
    with pytest.raises(BenchError) as caught:
        refused(wrong())
    law = "".join(re.findall("breaks the law `(.*?)`", str(caught.value))) or "spec is honoured"
    (verdict,) = check_task(wrong, laws=[law])
    assert verdict.outcome == "failed"
