"""The baselines of classification and translation, told again by other means from what the batches hold; and scored on
test, with nothing of test in the fit.
"""

from __future__ import annotations

import pytest
import sacrebleu
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import free_spoken_digits
from sklearn.linear_model import Ridge
from tiny import seeded

from bench.tasks.common.sequences.classification import Labelled
from bench.tasks.common.sequences.least_squares import linear_accuracy
from bench.tasks.common.sequences.ragged import Ragged
from bench.tasks.common.texts import bag_of_words
from bench.tasks.common.texts.lexicon import lexicon
from bench.tasks.digits import Digits
from bench.tasks.sentiment import Sentiment
from bench.tasks.speech import Speech
from bench.tasks.translation import Translation
from bench.tasks.uea import UEA

SPLITS = ("train", "valid", "test")


def of_lanes(task, split, features):
    """The features of each sequence of a split, `[N, F]`, and its class `[N]`."""
    found = [
        (features(batch.inputs[:length, lane]), batch.targets[length - 1, lane])
        for batch in task.batches(split, 64, seeded())
        for lane, length in enumerate(batch.lengths.tolist())
    ]
    x, y = zip(*found, strict=True)
    return torch.stack(x), torch.stack(y)


def shades(pixels_T1):
    """How many pixels have each of the 17 shades."""
    return torch.bincount((16 * pixels_T1.flatten()).round().long(), minlength=17).float()


def a_problem(folder):
    """Series of two classes that are hard to tell apart by their means."""
    generator = seeded()
    for part, count in (("TRAIN", 60), ("TEST", 31)):
        rows = [(torch.randn(3 + i % 4, generator=generator) + i % 2, "ab"[i % 2]) for i in range(count)]
        data = [f"{','.join(map(str, x.tolist()))}:{label}" for x, label in rows]
        (folder / f"P_{part}.ts").write_text("\n".join(["@classLabel true a b", "@data", *data]))
    return str(folder)


def mean(x_TF):
    return x_TF.mean(0)


@pytest.mark.parametrize(
    ("make", "name", "features"),
    [
        (lambda folder: UEA(a_problem(folder), normalise="none"), "mean_features", mean),
        (lambda folder: Speech(free_spoken_digits(folder), normalise="none"), "mean_features", mean),
        (lambda _: Digits(), "ink_histogram", shades),
    ],
    ids=["uea", "speech", "digits"],
)
def test_a_linear_baseline_is_fitted_to_train_and_scored_on_test(tmp_path, make, name, features):
    task = make(tmp_path)
    data = {split: of_lanes(task, split, features) for split in SPLITS}
    accuracy = {split: linear_accuracy(*data["train"], *data[split]) for split in SPLITS}
    assert accuracy["test"] not in (accuracy["train"], accuracy["valid"]), "another split would not show"
    assert task.spec.metric.baselines[name] == pytest.approx(accuracy["test"])


def three_classes(count, seed):
    """Features of different sizes, shifted, and unequally frequent classes that they tell in part."""
    z_N3 = torch.randn(count, 3, generator=seeded(seed))
    noise_N = torch.randn(count, generator=seeded(seed + 1))
    return z_N3 * torch.tensor([1.0, 9.0, 0.1]) + 2, (z_N3.sum(1) + noise_N > 0.5).long() + (z_N3[:, 2] > 1)


@pytest.mark.parametrize("seed", range(12))
def test_a_linear_classifier_is_ridge_regression_onto_the_classes(seed):
    """Of scikit-learn, on features scaled in train; with few sequences each part of the formula shows."""
    (x, y), (x_test, y_test), ridge = three_classes(14, seed), three_classes(200, seed + 100), 0.3
    z, z_test = ((part.double() - x.double().mean(0)) / x.double().std(0, correction=0) for part in (x, x_test))
    model = Ridge(alpha=ridge * len(x)).fit(z.numpy(), F.one_hot(y).double().numpy())
    wanted = float((model.predict(z_test.numpy()).argmax(1) == y_test.numpy()).mean())
    assert linear_accuracy(x, y, x_test, y_test, ridge) == pytest.approx(wanted)


def test_a_bag_of_words_counts_and_does_not_only_tell_what_is_there():
    once, twice = torch.tensor([1, 2]), torch.tensor([1, 1, 2])
    data = Labelled(Ragged.of([once, twice] * 20), torch.tensor([0, 1] * 20))
    assert bag_of_words.accuracy(data, data, 3) == 1


def test_a_bag_of_words_is_fitted_to_train_and_scored_on_test(tmp_path):
    texts = {"train": "1 good\n0 bad\n" * 9, "dev": "1 good\n", "test": "1 good\n1 bad\n0 good\n0 good\n"}
    for split, lines in texts.items():
        (tmp_path / f"stsa.binary.{split}").write_text(lines)
    assert Sentiment(str(tmp_path)).spec.metric.baselines == {"bag_of_words": 0.25}


symbols = st.lists(st.integers(1, 4), min_size=1, max_size=5)


def by_dice(pairs, source_size, target_size):
    """For each source symbol the target symbol of the highest Dice coefficient, of several the lowest; 0 for none."""
    best = [0] * source_size
    for r in range(source_size):
        of_both = [(sum(r in a and s in b for a, b in pairs), s) for s in range(target_size)]
        sums = {s: sum(r in a for a, _ in pairs) + sum(s in b for _, b in pairs) for _, s in of_both}
        scores = [(2 * both / sums[s], -s) for both, s in of_both if both]
        best[r] = -max(scores)[1] if scores else 0
    return best


@settings(max_examples=40)
@given(st.lists(st.tuples(symbols, symbols), min_size=1, max_size=6))
def test_a_lexicon_has_the_highest_dice_coefficients(pairs):
    sources, targets = (Ragged.of(map(torch.tensor, side)) for side in zip(*pairs, strict=True))
    assert lexicon(sources, targets, 6, 5).tolist() == by_dice(pairs, 6, 5)


def test_word_for_word_is_a_lexicon_of_train_scored_on_test_in_the_order_of_the_source(tmp_path):
    """The other language is the first, six letters on; but one sentence of test is turned round, and all of valid."""
    train, test = (
        ["a b c d e f", "d a f c", "b e", "a c e", "f b d", "c", "e d"],
        ["a b c d e f", "b a d c e", "f e d c"],
    )
    for name, turned in {"train": [], "val": [0, 1, 2], "test_2016_flickr": [2]}.items():
        lines = test if turned else train
        others = [line.translate(str.maketrans("abcdef", "ghijkl")) for line in lines]
        (tmp_path / f"{name}.en").write_text("\n".join(lines))
        (tmp_path / f"{name}.fr").write_text("\n".join(o[::-1] if i in turned else o for i, o in enumerate(others)))
    wanted = sacrebleu.corpus_bleu(["g h i j k l", "h g j i k", "l k j i"], [["g h i j k l", "h g j i k", "i j k l"]])
    assert Translation(str(tmp_path)).spec.metric.baselines == {"word_for_word": pytest.approx(wanted.score)}
