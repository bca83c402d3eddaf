"""The long-memory tasks: solvable from their inputs alone, scored where an answer exists and nowhere else, honest about
chance and baselines, the same data for every batch size, and none of it in two splits, at any length."""

import inspect
import itertools

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from long_memory import SMALL, answers_of, logits_of, longer, make, one_hot, scores_of
from tiny import seeded

from bench.config.catalogue import choices
from bench.config.targets import load
from bench.tasks.adding import Adding
from bench.tasks.associative_recall import AssociativeRecall
from bench.tasks.copy import Copy
from bench.tasks.dyck import Dyck, closed_at_once, count_sequences
from bench.tasks.temporal_order import TemporalOrder

SPLITS = ("train", "valid", "test")
names = pytest.mark.parametrize("name", SMALL)


def some(task, split, count=10, batch_size=32, seed=0):
    return list(itertools.islice(task.batches(split, batch_size, seeded(seed)), count))


def lanes(batches):
    """The inputs of each sequence, as text."""
    return [str(lane) for batch in batches for lane in batch.inputs.transpose(0, 1).tolist()]


def score_of(task, batches, predict):
    return scores_of(task, batches, predict)[task.spec.metric.name]


@names
@pytest.mark.parametrize("split", SPLITS)
def test_an_oracle_that_sees_the_inputs_alone_gets_the_solved_score(name, split):
    task = make(name, **longer(name))
    batches = some(task, split)
    score = score_of(task, batches, lambda batch: logits_of(answers_of(name, batch), batch, task))
    assert score == pytest.approx(task.spec.metric.solved, abs=1e-9)


@names
def test_an_oracle_that_looks_at_another_lane_does_not(name):
    task = make(name)

    def predict(batch):
        answers = answers_of(name, batch)
        return logits_of(answers[1:] + answers[:1], batch, task)

    metric = task.spec.metric
    near = metric.solved + 0.2 * (metric.chance - metric.solved)
    assert metric.better(near, score_of(task, some(task, "valid"), predict))


@names
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_weight_is_one_exactly_where_the_oracle_has_an_answer(name, split):
    for batch in some(make(name, **longer(name)), split, count=2):
        for answers, weight_T in zip(answers_of(name, batch), batch.weight.T.tolist(), strict=True):
            assert weight_T == [float(step in answers) for step in range(len(weight_T))]


@names
def test_each_constant_answer_scores_chance_at_any_length(name):
    """Within five standard errors of the share of each class, or of the squared error."""
    task_class, options = SMALL[name]
    test_option = {f"test_{key}": 50 for key in ("delay", "length") if key in options}
    kept = {key: value for key, value in options.items() if key == "variant"}
    task = task_class(**kept, **test_option, held_out=1500)
    chance, outputs = task.spec.metric.chance, task.spec.outputs
    batches = some(task, "test", batch_size=256)
    scored = sum(batch.weight.sum().item() for batch in batches)
    deviation = (1 / 15 - 1 / 36) ** 0.5 if outputs == 1 else (chance * (1 - chance)) ** 0.5
    for constant_C in torch.eye(outputs):  # for the adding problem this is 1, the mean
        score = score_of(task, batches, lambda batch, c=constant_C: c.expand(*batch.weight.shape, -1))
        assert score == pytest.approx(chance, abs=5 * deviation / scored**0.5)


def one_value(batch):
    """The value at the first mark, plus the mean of the other."""
    values, marks = batch.inputs.unbind(-1)
    first = (marks.cumsum(0) == 1) * marks
    return ((values * first).sum(0) + 0.5).expand(len(values), -1)[..., None]


def a_value_seen(batch):
    """The first value of the sequence, at every query."""
    return one_hot((batch.inputs[1] - 8).expand(len(batch.inputs), -1), 8)


def one_symbol(batch):
    """The class of the last relevant symbol, as if the first had been A."""
    steps = torch.arange(len(batch.inputs))[:, None]
    last = ((batch.inputs < 2) * steps).argmax(0)
    return one_hot(batch.inputs.gather(0, last[None]).expand(len(batch.inputs), -1), 4)


def last_opened(batch):
    """The type of the bracket that opened last."""
    steps = torch.arange(len(batch.inputs))[:, None]
    last = ((batch.inputs < 8) * steps).cummax(0).values
    return one_hot(batch.inputs.gather(0, last), 8)


@pytest.mark.parametrize(
    ("task", "predict", "tolerance"),
    [
        (Adding(length=20, held_out=3000), one_value, 0.006),
        (AssociativeRecall(4, 16, 24, held_out=3000), a_value_seen, 0.02),
        (TemporalOrder(length=20, held_out=3000), one_symbol, 0.02),
        (Dyck(held_out=1000), last_opened, 0.02),
        (Dyck(held_out=3000, test_length=8), last_opened, 0.02),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_baseline_is_what_its_predictor_scores(task, predict, tolerance):
    baseline = task.spec.metric.baselines[predict.__name__]
    assert score_of(task, some(task, "test", 20, 256), predict) == pytest.approx(baseline, abs=tolerance)


@given(st.integers(1, 4), st.integers(2, 8))
def test_brackets_are_counted_over_all_walks(depth, length):
    """By the definition: up where none is open, down where `depth` are, and else either way, as likely."""
    at_once = closings = 0.0
    walks = [((), 0, 1.0)]
    for _ in range(length):
        steps = [(moves, at, p, (at < depth) + (at > 0)) for moves, at, p in walks]
        walks = [((*m, "("), at + 1, p / ways) for m, at, p, ways in steps if at < depth]
        walks += [((*m, ")"), at - 1, p / ways) for m, at, p, ways in steps if at > 0]
    for moves, _, p in walks:
        at_once += p * "".join(moves).count("()")
        closings += p * moves.count(")")
    assert closed_at_once(depth, length) == pytest.approx(at_once / closings)
    assert count_sequences(3, depth, length) == sum(3 ** moves.count("(") for moves, _, _ in walks)


def check_disjoint(task):
    train, valid, test = (set(lanes(some(task, split, count=50))) for split in SPLITS)
    assert train.isdisjoint(valid | test), "train holds what is held out"
    assert valid.isdisjoint(test), "valid and test share a sequence"


@names
def test_no_sequence_is_in_two_splits(name):
    check_disjoint(make(name))


@pytest.mark.parametrize("name", ["copy", "parity", "associative_recall", "dyck"])
def test_splits_that_are_not_kept_apart_are_noticed(name):
    """There are so few of these sequences that train comes upon all of them."""
    task = make(name)
    task.divide = lambda rows: torch.arange(len(rows)) % 3  # by their place, whatever they hold
    with pytest.raises(AssertionError, match="train holds what is held out"):
        check_disjoint(task)


def test_symbols_to_copy_in_test_are_new_at_another_delay_too():
    task = Copy(symbols=4, alphabet=6, held_out=100, delay=3, test_delay=9)
    train, test = (
        {tuple(lane[:4]) for batch in some(task, split, count=50) for lane in batch.inputs.T.tolist()}
        for split in ("train", "test")
    )
    assert train.isdisjoint(test)


@names
@given(split=st.sampled_from(["valid", "test"]), batch_size=st.integers(1, 50), seed=st.integers(0, 9))
def test_held_out_sequences_are_the_same_for_every_batch_size_and_generator(name, split, batch_size, seed):
    task = make(name, **longer(name))
    batches = some(task, split, None, batch_size, seed)
    assert [len(batch.fresh) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert lanes(batches) == lanes(some(task, split))
    assert len(lanes(batches)) == 40


@names
def test_only_test_sequences_have_the_length_of_their_own(name):
    """And only they; the score keeps its meaning, and an option left at null changes nothing."""
    plain, far = make(name), make(name, **longer(name))
    for split in ("train", "valid"):
        assert lanes(some(far, split)) == lanes(some(plain, split))
    ((option, length),) = longer(name).items()
    more = length - plain.lengths["test"]
    assert {len(b.inputs) for b in some(far, "test")} == {len(b.inputs) + more for b in some(plain, "test")}
    assert (far.spec.id, far.spec.metric.chance) == (plain.spec.id, plain.spec.metric.chance)
    assert lanes(some(make(name, **{option: None}), "test")) == lanes(some(plain, "test"))


@names
def test_the_configuration_holds_every_option_with_the_constructors_default(name):
    options = dict(yaml.safe_load(choices("task")[name].path.read_text())["task"])
    task_class = load(options.pop("_target_"), "task")
    defaults = {key: parameter.default for key, parameter in inspect.signature(task_class).parameters.items()}
    assert options == defaults | {key: value for key, value in SMALL[name][1].items() if key == "variant"}
