"""Words are cut to a vocabulary, predicted once each, and scored by perplexity."""

import math
import unicodedata

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from text_lanes import lanes, seeded

from bench.api import DataError
from bench.tasks.common.texts.ngram import entropies
from bench.tasks.wordlm import WordLM

LINES = "the cat sat on the mat .\nA dog's life isn't bad\n\nthe end\n"


@pytest.fixture
def task_of(tmp_path):
    """A function that makes a task of a text."""

    def make(text, **options):
        (tmp_path / "text.txt").write_text(text)
        return WordLM(str(tmp_path / "text.txt"), **({"splits": [0.5, 0.25, 0.25], "length": 4} | options))

    return make


def test_each_end_of_a_line_is_a_word(task_of):
    task = task_of(LINES * 10, tokens="space")
    assert task.tokens("a b\n\nc") == ["a", "b", "\n", "\n", "c"] and task.tokens("\n") == ["\n"]
    everything = [*task._ids["train"], *task._ids["valid"], *task._ids["test"]]
    assert len(everything) == (len(LINES.split()) + 4) * 10
    assert task.vocabulary.decode(everything[:8]) == [*"the cat sat on the mat .".split(), "\n"]


def test_words_are_in_lower_case_with_punctuation_apart_or_as_they_stand(task_of):
    assert "dog" in task_of(LINES * 10).vocabulary.tokens and "n't" in task_of(LINES * 10).vocabulary.tokens
    tokens = task_of(LINES * 10, tokens="space").vocabulary.tokens
    assert "dog's" in tokens and "A" in tokens and "dog" not in tokens


@given(st.integers(60, 300), st.integers(1, 5))
def test_every_word_of_a_held_out_split_is_predicted_once(tmp_path_factory, count, length):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    words = [f"w{(i * i + i // 7) % 9}" for i in range(count)]
    path.write_text(" ".join(words))
    task = WordLM(str(path), length=length, splits=[0.5, 0.3, 0.2], tokens="space")
    first, second = int(count * 0.5), int(count * 0.8)
    for split, part in (("valid", words[first:second]), ("test", words[second:])):
        _, predicted = lanes(task, list(task.batches(split, 3, seeded())))
        assert " ".join(filter(None, predicted)) == " ".join(part[1:])


def test_rare_words_and_those_that_train_does_not_hold_are_unk(task_of):
    task = task_of("a b a b a c " * 20 + "z " * 60, tokens="space", vocabulary=3)
    assert task.vocabulary.tokens == ("<unk>", "a", "b") and task.spec.outputs == 3
    assert task.encode("a c z b") == [1, 0, 0, 2] and task.decode([1, 0, 2]) == "a <unk> b"
    assert "c" not in task_of("a b a b a c " * 20, tokens="space", min_count=11).vocabulary.tokens


def test_a_uniform_model_has_the_vocabularys_size_as_its_perplexity(task_of):
    task = task_of(LINES * 10)
    totals = dict.fromkeys(("nll", "words", "correct"), 0.0)
    for batch in task.batches("test", 4, seeded()):
        for name, value in task.tally(torch.zeros(*batch.inputs.shape, task.spec.outputs), batch).items():
            totals[name] += value.item()
    scores = task.scores(totals)
    assert scores["perplexity"] == pytest.approx(task.spec.metric.chance) == task.spec.outputs
    assert scores["bits_per_word"] == pytest.approx(math.log2(task.spec.outputs))


def test_baselines_are_the_n_grams_perplexities(task_of):
    task = task_of(LINES * 10)
    bits = entropies(task._ids["train"], task._ids["test"], task.spec.outputs)
    assert task.spec.metric.baselines == {name: 2**score for name, score in bits.items()}
    assert task.spec.metric.direction == "min"


def test_the_penn_treebanks_files_are_its_splits(tmp_path):
    for split, words in (("train", "a <unk> b N "), ("valid", "b a "), ("test", "a q ")):
        (tmp_path / f"ptb.{split}.txt").write_text(f" {words * 20}\n" * 3)
    task = WordLM(str(tmp_path), splits="own", tokens="space", vocabulary=None, length=5)
    assert {split: len(ids) for split, ids in task._ids.items()} == {"train": 243, "valid": 123, "test": 123}
    assert set(task.vocabulary.tokens) == {"<unk>", "a", "b", "N", "\n"}
    assert (task._ids["train"] == 0).sum() == 60 == (task._ids["test"] == 0).sum()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"vocabulary": 1}, "task.vocabulary=1"),
        ({"min_count": 0}, "task.min_count=0"),
        ({"length": 0}, "task.length=0"),
        ({"splits": [0.5, 0.6, 0.1]}, "sum to 1.2"),
        ({"splits": "owm"}, "task.splits=owm: give three fractions"),
        ({"splits": "own"}, "task.splits=own needs a folder"),
    ],
)
def test_an_option_that_will_not_do_is_named_in_one_line(options, says):
    with pytest.raises((ValueError, DataError)) as caught:
        WordLM(**options)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_split_too_short_counts_words(task_of):
    with pytest.raises(DataError, match=r"the valid split has 5 words, one window needs 6"):
        task_of("a " * 20, length=5, splits=[0.5, 0.25, 0.25])


def test_words_of_any_script_are_whole_and_alike_in_all_spellings(task_of):
    text = "हिन्दी में café\n" * 20
    tasks = [task_of(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")]
    assert set(tasks[0].vocabulary.tokens) == {"<unk>", "\n", "हिन्दी", "में", "café"}
    assert tasks[0].vocabulary == tasks[1].vocabulary and tasks[0].spec.metric == tasks[1].spec.metric
    assert [len(task.spec.notes) for task in tasks] == [1, 2]
    assert "cafe\u0301" in task_of(unicodedata.normalize("NFD", text), normalise="none").vocabulary.tokens


def test_the_notes_say_how_words_are_cut(task_of):
    assert "UAX #29" in task_of(LINES * 10).spec.notes[0] and task_of(LINES * 10, tokens="space").spec.notes == ()
    assert "single character" in task_of("東京に行く。\n" * 20).spec.notes[1]


def test_ids_are_kept_narrow(task_of):
    assert task_of(LINES * 10)._ids["train"].dtype == np.int32
