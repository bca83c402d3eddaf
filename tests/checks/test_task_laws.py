"""The laws of tasks: each has mutants that break it, and all tasks of ours keep them."""

import re
from functools import cache
from pathlib import Path

import mutants_tasks as mutants
import pytest
import yaml

from bench.checks import CELL_LAWS, TASK_LAWS, assert_task, check_task
from bench.checks.law import judge
from bench.checks.quick_task import quick_check_spec, quick_check_task
from bench.checks.task_probe import TaskProbe, digests, digests_elsewhere
from bench.checks.tasks import LAWS
from bench.config.catalogue import choices
from bench.config.targets import load

SEED = "same seed same batches"  # starts another process, which takes seconds
HERE = [law for law in TASK_LAWS if law != SEED]
FEWER = 1_500  # batches in place of the 10,000 of `bench check`: they show the same, and there are forty tasks

MUTANTS = [
    # mutant, the law it breaks, what the verdict says, and the laws that cannot but fail, too
    ("Unversioned", "spec is honoured", "spec.id is copy, without a version", set()),
    ("Stands", "spec is honoured", "spec.rate is 0.0, no number of time steps a second", set()),
    ("WrongVocabulary", "spec is honoured", "train, batch 0: inputs reaches from 0 to 9, outside 0 to 8", set()),
    ("BatchFirst", "spec is honoured", r"weight is torch.float32 \[8, 10\] instead of", {*HERE[3:6]}),
    ("PaddingCounts", "spec is honoured", "weight is above 0 beyond the length of a lane", set()),
    ("OwnSeed", SEED, "the batches of train a second time", set()),
    ("GlobalSeed", SEED, "draws from a global generator", set()),
    ("HashOrder", SEED, "the batches of train in another process", set()),
    ("DrawnSubset", "held out data is fixed", "valid has other sequences for another batch size and seed", set()),
    ("DropsTheLast", "held out data is fixed", "valid has other sequences", set()),
    ("Endless", "held out data is fixed", "valid does not end within 100 batches", set()),
    ("TrainsOnTest", "splits are disjoint", r"\d+ of 300 sequences in test are also in train", set()),
    ("LeakyData", "splits are disjoint", r"\d+ of 300 sequences in test are also in train", set()),
    (
        "RosyChance",
        "a constant predictor scores chance",
        "metric.chance is 0.5 share, but constants score: equal logits 0.1",
        set(),
    ),
    ("Means", "tallies add up", "train: `right` of a batch is", set()),
    (
        "OtherMetric",
        "tallies add up",
        "scores returns accuracy, but not the metric",
        {"a constant predictor scores chance"},
    ),
    ("CountsBlanks", "weights cover what is scored", "changes with logits where the weight is 0", set()),
    ("Downloads", "no network in batches", "train connect to .*127.0.0.1", set()),
    ("ReadsUnsaid", "files are stated", r"the task reads .*data_versions.json, and its spec has no fingerprint", set()),
    ("KeepsBatches", "memory is flat", "memory grows by .* KiB in 500 batches", set()),
    ("KeepsNotes", "memory is flat", "memory grows by", set()),
    ("Enlarges", "memory is flat", "memory grows by", set()),
]


@pytest.mark.parametrize(("mutant", "law", "message", "others"), MUTANTS, ids=[row[0] for row in MUTANTS])
def test_a_mutant_breaks_its_law_and_no_other_one(mutant, law, message, others):
    laws = [law] if law == SEED else HERE
    verdicts = check_task(getattr(mutants, mutant), laws=laws, memory_batches=FEWER, longest_split=100)
    failed = {v.law: v.message for v in verdicts if v.outcome == "failed"}
    assert re.search(message, failed[law])
    assert set(failed) == {law} | others
    assert not any("\n" in line for line in failed.values())


def test_ten_thousand_batches_hold_flat():
    assert TaskProbe.memory_batches == 10_000
    assert_task(mutants.Good, laws=["memory is flat"])


def test_every_law_has_a_mutant():
    assert {law for _, law, _, _ in MUTANTS} == set(TASK_LAWS)


def test_the_task_that_the_mutants_are_made_from_keeps_every_law():
    assert_task(mutants.Good, memory_batches=FEWER)
    assert_task(mutants.Good, {"symbols": 5, "held_out": 10}, laws=HERE, memory_batches=FEWER)


@cache
def probe_of(name):
    """A built-in task, which reads or makes its data once for all tests."""
    options = dict(yaml.safe_load(OURS[name].read_text())["task"])
    return TaskProbe(load(options.pop("_target_"), "task"), options, memory_batches=FEWER)


OURS = {name: choice.path for name, choice in choices("task").items() if choice.package.name == "bench"}
del OURS["custom"]


@pytest.mark.parametrize("name", OURS)
def test_a_built_in_task_keeps_every_law_or_says_why_not(name):
    probe = probe_of(name)
    quick_check_task(quick_check_spec(probe.task), batch_size=8)
    verdicts = judge(LAWS, probe, getattr(probe.task_class, "expected_failures", {}), HERE)
    assert [str(verdict) for verdict in verdicts if not verdict.ok] == []


def test_built_in_tasks_have_the_same_batches_in_another_process():
    probes = [probe_of(name) for name in OURS]
    elsewhere = dict(zip(OURS, digests_elsewhere(probes), strict=True))
    assert elsewhere == {name: digests(probe.task) for name, probe in zip(OURS, probes, strict=True)}


def test_a_failure_that_the_class_declares_is_no_fault():
    assert_task(mutants.AdmitsToLeak, laws=HERE, memory_batches=FEWER)


def test_what_a_task_raises_becomes_one_line_with_its_place():
    (verdict,) = check_task(mutants.Good, {"symbols": 0}, laws=["spec is honoured"])
    assert re.match(
        r"ValueError at generated.py:\d+ in check_range: task.symbols=0 must be at least 1; ", verdict.message
    )


@pytest.mark.parametrize(("guide", "laws"), [("check-a-cell", CELL_LAWS), ("check-a-task", TASK_LAWS)])
def test_the_guides_explain_every_law(guide, laws):
    text = (Path(__file__).parents[2] / "docs" / "how-to" / f"{guide}.md").read_text()
    assert re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)[2:] == list(laws)
