"""A task over text says how a text becomes symbols; what it does not say has a meaning of its own."""

import pytest
from tiny import Given

from bench.api import TextTask
from bench.tasks.charlm import CharLM
from bench.tasks.hello import Hello
from bench.tasks.translation import Translation
from bench.tasks.wordlm import WordLM


class Letters(TextTask):
    """Two letters have a number, all others are read as the first; the rest of the contract is not its subject."""

    spec, batches, tally, scores = Given.spec, Given.batches, Given.tally, Given.scores

    def encode(self, text):
        return [max("ab".find(letter), 0) for letter in text]

    def decode(self, ids):
        return "".join("ab"[i] for i in ids)


class Spoken(Letters):
    """The same by words, which are written with spaces between them."""

    separator = " "

    def tokens(self, text):
        return text.split()

    def encode(self, text):
        return super().encode(self.tokens(text))


@pytest.mark.parametrize("task", [CharLM, WordLM, Hello, Translation])
def test_the_tasks_over_text_are_text_tasks(task):
    assert issubclass(task, TextTask)


def test_symbols_are_characters_without_a_separator_unless_the_task_says_otherwise():
    assert list(Letters().tokens("abc")) == ["a", "b", "c"] and Letters.separator == ""


@pytest.mark.parametrize(
    ("task", "text", "unseen"),
    [(Letters, "abba", set()), (Letters, "aXbY", {"X", "Y"}), (Spoken, "a b", set()), (Spoken, "b ab a", {"ab"})],
)
def test_what_does_not_come_back_is_unseen(task, text, unseen):
    assert task().unseen(text) == unseen


@pytest.mark.parametrize("missing", ["encode", "decode"])
def test_both_directions_must_be_written(missing):
    without = type("Without", (Letters,), {missing: getattr(TextTask, missing)})
    with pytest.raises(TypeError, match=f"abstract method {missing}|abstract method '{missing}'"):
        without()
