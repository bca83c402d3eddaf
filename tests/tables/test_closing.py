"""The lines that close a run, and which of them a run without some of its figures has."""

import pytest
from factories import a_failure, a_record, a_score

from bench.tables.closing import summary, title, to_beat

SUMMARY = """\
copy-v1  gru  full  1500 steps  seed 0: done after 31.2 s
  valid      recall_accuracy 0.98
  test       recall_accuracy 0.97
  to beat    chance 0.2, majority 0.21, solved 1; gap closed 96.2%
  speed      training 150k tokens/s, inference 150k tokens/s, streaming 45.2 µs a step
  memory     peak 12.5 MiB in a training step, 75.25 MiB in the process
  work       training 25 GFLOP/s, 50% of the peak, products alone 75% of a step, 0.0001 J a token
  model      51,210 parameters, vendor unroll, a processor, cpu 1 thread float32"""


def test_a_run_that_is_done_has_all_lines():
    assert summary(a_record()) == SUMMARY
    assert title(a_record(seed=3)) == "copy-v1  gru  full  1500 steps  seed 3"


def names(record):
    return [line.split()[0] for line in summary(record).splitlines()[1:]]


@pytest.mark.parametrize(
    ("lacking", "lines"),
    [
        ({"speed": None}, "valid test to memory work model"),
        ({"memory": None}, "valid test to speed work model"),
        ({"memory": {}}, "valid test to speed work model"),
        ({"params": None}, "valid test to speed memory work"),
        ({"metric": None}, "speed memory work model"),
        ({"status": "diverged", "reason": "the loss is NaN"}, "reason speed memory work model"),
    ],
)
def test_a_part_that_the_record_lacks_has_no_line(lacking, lines):
    assert names(a_record(**lacking)) == lines.split()
    assert names(a_failure()) == ["reason"]


def test_a_figure_that_could_not_be_measured_is_a_dash():
    speed = {**a_record().speed, "infer_tokens_per_s": None}
    text = summary(a_record(speed=speed, memory={"peak_mib": None}))
    assert "training 150k tokens/s, inference - tokens/s, streaming 45.2 µs a step" in text
    assert "peak - MiB in a training step" in text


def test_other_scores_than_the_metric_are_in_parentheses():
    scores = {"test": {"loss": 0.123456, "recall_accuracy": 0.97, "perplexity": None}}
    assert "  test       recall_accuracy 0.97  (loss 0.1235, perplexity -)" in summary(a_record(scores=scores))


def test_unknown_scores_are_not_to_beat():
    assert to_beat(a_score(0.5)) == "chance 0.2, majority 0.21, solved 1"
    assert to_beat(a_score(0.5, chance=None, solved=None, baselines={"a": None, "b": 0.123456})) == "b 0.1235"
    assert "gap" not in summary(a_record(metric=a_score(0.5, solved=None)))


def test_the_parts_of_the_time_are_told_where_one_other_than_training_takes_more_than_a_fifth():
    spent = {"start": 1.0, "train": 8.0, "validate": 0.0, "measure": 2.25}
    assert "  time " not in summary(a_record(time=spent)), "a fifth is 2.25"
    told = summary(a_record(time={**spent, "measure": 2.5}))
    assert told.splitlines()[-1] == "  time       train 8 s (70%), measure 2.5 s (22%), start 1 s (9%)"
    assert "  time " not in summary(a_record(time={"train": 1.0, "before": 99.0}))
