"""Every score of every task, counted a second time in plain Python, one position after another; and the scores of a
uniform answer, which are known.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import chain
from statistics import fmean, pstdev

import pytest
import sacrebleu
import torch
import torch.nn.functional as F
import yaml
from long_memory import SMALL, make
from sklearn.metrics import average_precision_score
from tiny import seeded

from bench.api import END, Features
from bench.config.catalogue import choices
from bench.config.targets import load
from bench.tasks.anomaly import Anomaly
from bench.tasks.charlm import CharLM
from bench.tasks.common.sequences.classification import Classification, Labelled
from bench.tasks.common.sequences.ragged import Ragged
from bench.tasks.forecast import Forecast
from bench.tasks.hello import Hello
from bench.tasks.music import Music
from bench.tasks.reber import LETTERS, Reber
from bench.tasks.translation import Translation
from bench.tasks.wordlm import WordLM

# Answers: logits that are right here and there


def some_right(batch, outputs, generator):
    """In every other lane the right class is likely, but for the first one's first step; elsewhere any."""
    likely = 5 * F.one_hot(batch.targets, outputs)
    likely[:, 1::2] = likely[0, 0] = 0
    return likely + 2 * torch.randn(*batch.weight.shape, outputs, generator=generator)


def some_notes(batch, outputs, generator):
    return 3 * (2 * batch.targets - 1) + 3 * torch.randn(batch.targets.shape, generator=generator)


def off_by(deviation):
    """The targets, with an error of this standard deviation."""
    return lambda batch, outputs, generator: (
        batch.targets[..., :outputs] + deviation * torch.randn(*batch.weight.shape, outputs, generator=generator)
    )


# Scores, from pairs of a batch and an answer to it


def positions(pairs):
    """For each lane a list: the logits in float64 and the target of each scored position."""
    for batch, logits in pairs:
        for lane in range(batch.weight.shape[1]):
            scored = batch.weight[:, lane].nonzero().flatten().tolist()
            yield [(logits[t, lane].tolist(), batch.targets[t, lane].tolist()) for t in scored]


def is_right(logits, target):
    return logits.index(max(logits)) == target


def nats(logits, target):
    return math.log(sum(map(math.exp, logits))) - logits[target]


def classes(task, pairs, accuracy="accuracy", nll="nll"):
    said = list(chain(*positions(pairs)))
    return {accuracy: fmean(is_right(*each) for each in said), nll: fmean(nats(*each) for each in said)}


def generated(task, pairs):
    whole = fmean(all(is_right(*each) for each in lane) for lane in positions(pairs))
    return {**classes(task, pairs, task.spec.metric.name), "sequence_accuracy": whole}


def language(unit):
    def scores(task, pairs):
        found = classes(task, pairs, nll=f"nats_per_{unit}")
        mean = found[f"nats_per_{unit}"]
        return {**found, f"bits_per_{unit}": mean / math.log(2), "perplexity": math.exp(mean)}

    return scores


def written(logits):
    """The most likely symbols, and END alone after an END."""
    symbols_UB = logits.argmax(-1)
    return torch.where((symbols_UB == END).cumsum(0) > 0, END, symbols_UB)


def translation(task, pairs):
    ours = [task.decode(lane) for _, logits in pairs for lane in written(logits).T.tolist()]
    theirs = [task.decode(lane) for batch, _ in pairs for lane in batch.targets.T.tolist()]
    exact = fmean(a == b for a, b in zip(ours, theirs, strict=True))
    bleu = sacrebleu.corpus_bleu(ours, [theirs]).score
    return {**classes(task, pairs, "token_accuracy"), "exact_match": exact, "bleu": bleu}


def music(task, pairs):
    said, total, loss = list(chain(*positions(pairs))), Counter(), 0.0
    for logits, target in said:
        chosen, sounding = ({k for k, x in enumerate(row) if x > limit} for row, limit in ((logits, 0), (target, 0.5)))
        total.update(both=len(chosen & sounding), either=len(chosen | sounding))
        loss += sum(math.log1p(math.exp(-x if on else x)) for x, on in zip(logits, target, strict=True))
    return {"frame_nll": loss / len(said), "frame_accuracy": total["both"] / total["either"]}


def legal_letters(batch, outputs, generator):
    """Logits by which most letters that may come are likelier than the others."""
    return 6 * batch.targets + 2 * torch.randn(batch.targets.shape, generator=generator)


def reber(task, pairs):
    """A letter is said after each, the first of a string after the E that ends the one before."""
    legal, losses, strings = [], [], []
    for batch, logits in pairs:
        for lane in range(batch.weight.shape[1]):
            errors = 0
            for t, letter in enumerate(batch.inputs[:, lane].tolist()):
                may_come = {i for i, allowed in enumerate(batch.targets[t, lane].tolist()) if allowed}
                said = logits[t, lane].tolist()
                if LETTERS[letter] == "E" and LETTERS.index("B") in may_come:
                    strings.append(errors == 0)
                    errors = 0
                legal.append(said.index(max(said)) in may_come)
                errors += not legal[-1]
                losses.append(fmean(nats(said, i) for i in may_come))
    return {"legal": fmean(legal), "nll": fmean(losses), "string_accuracy": fmean(strings)}


def adding(task, pairs):
    errors = [logits[0] - target[0] for logits, target in chain(*positions(pairs))]
    return {"mse": fmean(e * e for e in errors), "solved_share": fmean(abs(e) < 0.04 for e in errors)}


def forecast(task, pairs):
    said = list(chain(*positions(pairs)))
    rows = [[a - b for a, b in zip(*each, strict=True)] for each in said]
    all_rmse, last_rmse = (math.sqrt(fmean(e * e for e in errors)) for errors in (chain(*rows), (r[-1] for r in rows)))
    spread = pstdev(chain.from_iterable(target for _, target in said))
    return {"nrmse": all_rmse / spread, "rmse": task._scale * all_rmse, "rmse_last": task._scale * last_rmse}


def anomaly(task, pairs):
    """Errors are binned by the twelfth of a decade, from 1e-6 to 100; an alarm is an error of 4 deviations of 0.1."""
    errors, labels = zip(*((x[0] - y, label) for (x, (y, label)) in chain(*positions(pairs))), strict=True)
    bins = [min(max(math.floor(12 * (math.log10(e * e) + 6)), 0), 95) for e in errors]
    kinds = Counter((abs(e) > 0.4, bool(label)) for e, label in zip(errors, labels, strict=True))
    hits, false, missed = kinds[True, True], kinds[True, False], kinds[False, True]
    return {
        "average_precision": average_precision_score(labels, bins),
        "precision": hits / (hits + false),
        "recall": hits / (hits + missed),
        "f1": 2 * hits / (2 * hits + false + missed),
        "mse": fmean(e * e for e, label in zip(errors, labels, strict=True) if not label),
    }


# Tasks


def a_text(folder):
    """Of six words, without a period."""
    path = folder / "text.txt"
    path.write_text(" ".join(["ace", "bad", "cab", "dab", "fed", "gab"][(i * i + i // 7) % 6] for i in range(300)))
    return {"source": str(path), "length": 5, "splits": [0.5, 0.3, 0.2]}


def a_classification(folder):
    task, lengths = Classification(), torch.arange(40) % 5 + 1
    sequences = Ragged.of(torch.randn(int(length), 2, generator=seeded()) for length in lengths)
    data = Labelled(sequences, torch.arange(40) % 3)
    task.set_data("given-v1", Features(2), "abc", {"train": data, "valid": data}, "given", "none needed")
    return task


CASES = {
    **{name: (lambda _, name=name: make(name), some_right, generated) for name in SMALL if name != "adding"},
    "adding": (lambda _: make("adding"), off_by(0.04), adding),
    "anomaly": (lambda _: Anomaly(steps=1000), off_by(0.4), anomaly),
    "charlm": (lambda folder: CharLM(**a_text(folder)), some_right, language("character")),
    "classification": (a_classification, some_right, classes),
    "forecast": (lambda _: Forecast(steps=200, horizon=3), off_by(0.3), forecast),
    "hello": (lambda _: Hello(), some_right, classes),
    "music": (lambda _: Music(), some_notes, music),
    "reber": (lambda _: Reber(length=30), legal_letters, reber),
    "translation": (lambda _: Translation(largest=200), some_right, translation),
    "wordlm": (lambda folder: WordLM(**a_text(folder)), some_right, language("word")),
}


@pytest.fixture(scope="module")
def task_of(tmp_path_factory):
    """A function that gives the task of a name, made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = CASES[name][0](tmp_path_factory.mktemp(name))
        return made[name]

    return get


def answered(task, answer):
    """Pairs of a batch of valid and an answer to it; and the task's scores of the answers."""
    generator, totals, pairs = seeded(1), Counter(), []
    for batch in list(task.batches("valid", 16, seeded()))[:4]:
        logits = answer(batch, task.spec.outputs, generator)
        pairs.append((batch, logits))
        for name, value in {**task.tally(logits, batch), **task.tally_decoded(written(logits), batch)}.items():
            totals[name] += value.item()
    return pairs, task.scores(totals)


@pytest.mark.parametrize("name", CASES)
def test_each_score_is_what_counting_by_hand_gives(task_of, name):
    task, (_, answer, oracle) = task_of(name), CASES[name]
    pairs, found = answered(task, answer)
    wanted = oracle(task, pairs)
    assert not {0.0, 1.0} & set(wanted.values()), "all right or all wrong tells two scores not apart"
    assert found == pytest.approx(wanted, rel=1e-5)


UNIFORM = {
    "nll": math.log,
    "nats_per_character": math.log,
    "nats_per_word": math.log,
    "bits_per_character": math.log2,
    "bits_per_word": math.log2,
    "perplexity": float,
    "frame_nll": lambda notes: notes * math.log(2),
}
"""What equal logits score, by the number of outputs."""


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("adding", "anomaly", "forecast")])
def test_a_uniform_answer_costs_the_logarithm_of_the_number_of_classes(task_of, name):
    task = task_of(name)
    _, found = answered(task, lambda batch, outputs, _: torch.zeros(*batch.weight.shape, outputs))
    reported = UNIFORM.keys() & found.keys()
    assert reported, "no score is a logarithm"
    wanted = {score: UNIFORM[score](task.spec.outputs) for score in reported}
    assert {score: found[score] for score in reported} == pytest.approx(wanted, rel=1e-6)


def test_every_task_is_scored_as_one_of_these(task_of):
    known = [type(task_of(name)) for name in CASES]
    files = [yaml.safe_load(choice.path.read_text()) for choice in choices("task").values()]
    targets = {options["task"]["_target_"] for options in files if "task" in options}  # not so task=custom
    tasks = [load(target, "task") for target in targets if target.startswith("bench.")]
    assert len(tasks) > 15
    for part in ("loss", "tally", "tally_decoded", "scores"):
        assert {getattr(task, part) for task in tasks} <= {getattr(task, part) for task in known}
