"""How a task is scored: the scale that its metric states, with defaults filled in."""

import math

from bench.api import Metric
from bench.stats.scale import Scale


def test_a_metric_says_its_scale_to_statistics():
    metric = Metric("perplexity", "per word", "min", chance=2000.0, lowest=1.0, target=30.0)
    assert metric.scale == Scale(direction="min", unit="per word", chance=2000.0, lowest=1.0, target=30.0)
    assert metric.scale.range == (1, math.inf) and metric.scale.goal == 30


def test_a_share_needs_no_range_and_what_has_a_best_score_no_target():
    accuracy = Metric("accuracy", "share", "max", chance=0.5, solved=1.0)
    assert accuracy.scale.range == (0, 1) and accuracy.scale.goal == 0.975
