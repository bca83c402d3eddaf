"""What a task is, in words: its splits are counted, an endless one only so far."""

from tiny import Given, a_batch

from bench.job.facts import task_facts


def test_splits_are_counted_by_lanes_steps_and_scored_positions():
    valid = [a_batch(T=5, B=2), a_batch(T=5, B=2, scored=slice(0, 2))]
    facts = task_facts(Given(train=[a_batch(T=5, B=2)], valid=valid))
    assert facts["valid"] == "4 sequences, 20 time steps, 14 scored"
    assert facts["test"] == "empty"
