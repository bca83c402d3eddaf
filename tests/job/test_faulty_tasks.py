"""A task that fails, at whatever stage, leaves a record with a status and a reason that says what to mend."""

import csv

import pytest
from cli_tools import TINY, bench, records

TASK = """
import torch
from bench.api import Batch, Features, Metric, Task, TaskSpec


class Faulty(Task):
    number = 0

    @property
    def spec(self):
        metric = Metric("accuracy", "share", "max", chance=0.5)
        return TaskSpec("faulty-v1", Features(3), 2, "every_step", metric, "generated", "none needed")

    def batches(self, split, batch_size, generator):
        self.split = split
        self.number += 1
        for _ in range(2):
            inputs_TBF = torch.randn(4, batch_size, 3, generator=generator)
            yield Batch(inputs_TBF, (inputs_TBF.sum(-1) > 0).long(), torch.ones(4, batch_size))

    def tally(self, logits, batch):
        return {"right": (logits.argmax(-1) == batch.targets).sum(), "scored": batch.weight.sum()}

    def scores(self, totals):
        share = totals["right"] / totals["scored"]
        whole = totals["scored"] > 1000  # and not the few lanes of the check before a run
        if whole:
            BODY
        return {"accuracy": share}
"""


@pytest.fixture
def run(capsys, tmp_path):
    """A run of the task whose `scores` does `body`: what the command said, and the run's record."""

    def run(body, *more):
        (tmp_path / "faulty.py").write_text(TASK.replace("BODY", body))
        options = ("task=custom", f"task.target={tmp_path / 'faulty.py'}:Faulty", f"results_dir={tmp_path / 'results'}")
        said = bench(capsys, *TINY, *options, *more)
        return said, records(tmp_path / "results")[0]

    return run


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ('share = float("nan") if self.split == "test" else share', "diverged", "accuracy on test is nan"),
        ('share = float("inf") if self.split == "test" else share', "diverged", "accuracy on test is inf"),
        ('return {"f1": share} if self.split == "test" else {"accuracy": share}', "failed", "is not among its scores"),
        ('return {"f1": share}', "failed", "accuracy, the task's metric, is not among its scores on valid, f1: let"),
        ("return None", "failed", "the task's `scores` gave None on valid"),
        ('share = {}["wrong"]', "failed", "KeyError: 'wrong' is not there (faulty.py, line 28, in scores)"),
        ("raise SystemExit(3)", "failed", "SystemExit: 3"),
        ("raise NotImplementedError", "failed", "NotImplementedError (faulty.py, line 28, in scores)"),
    ],
)
def test_scores_that_are_none_end_a_run_and_never_as_done(run, body, status, reason):
    said, record = run(body)
    assert (said.code, record["status"]) == (1, status)
    assert reason in record["reason"] and reason in said.err.splitlines()[-1]
    assert "Traceback" not in said.err and said.out == ""


def test_scores_that_only_some_validations_have_are_columns_of_the_curve_with_gaps(run, tmp_path):
    _, record = run('return {"accuracy": share, f"round {self.number}": share}', "evaluations=2")
    (curve,) = (tmp_path / "results" / "runs").glob("*/curve.csv")
    assert record["status"] == "done"
    assert len([name for name in next(csv.reader(curve.open())) if name.startswith("valid_round ")]) == 2
