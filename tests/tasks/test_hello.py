"""Four letters, of which two are alike but for what came before."""

from torch import Generator

from bench.checks import check_task
from bench.tasks.hello import Hello


def word(task, split="train"):
    (batch,) = task.batches(split, 32, Generator())
    return batch


def test_the_four_pairs_are_the_whole_of_every_split():
    task = Hello()
    for split in ("train", "valid", "test"):
        batch = word(task, split)
        read, follows = task.decode(batch.inputs[:, 0].tolist()), task.decode(batch.targets[:, 0].tolist())
        assert (read, follows) == ("hell", "ello") and batch.weight.all() and batch.fresh.all()


def score(task, guess):
    """The accuracy of a guess at each next letter."""
    batch = word(task)
    logits = batch.inputs.new_zeros(4, 1, 4).float()
    for step, number in enumerate(task.encode(guess)):
        logits[step, 0, number] = 9
    return task.scores({name: value.item() for name, value in task.tally(logits, batch).items()})["accuracy"]


def test_what_the_card_says_of_guesses():
    task = Hello()
    metric = task.spec.metric
    assert score(task, "llll") == metric.chance and score(task, "ello") == metric.solved
    memoryless = [score(task, f"el{after_l}{after_l}") for after_l in "helo"]
    assert max(memoryless) == metric.baselines["bigram"]


def test_that_the_splits_are_one_is_expected_and_nothing_else_fails():
    laws = ["spec is honoured", "held out data is fixed", "splits are disjoint", "tallies add up"]
    outcomes = {verdict.law: verdict.outcome for verdict in check_task(Hello, laws=laws)}
    assert outcomes.pop("splits are disjoint") == "expected failure" and set(outcomes.values()) == {"passed"}
