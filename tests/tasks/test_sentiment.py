"""Generated reviews are decided by the order of words; every review is read to its last word; bad options say so."""

import re
from collections import Counter

import pytest
import torch
from review_files import write_mr, write_sst2
from torch import Generator

from bench.api import DataError
from bench.tasks.common.texts.generated_reviews import generate_reviews
from bench.tasks.sentiment import Sentiment

NEGATED = re.compile(r"(?:not|never|hardly|by no means)((?: \w+)*) (\w+)$")


@pytest.fixture(scope="module")
def builtin():
    return Sentiment()


@pytest.fixture
def mr(tmp_path):
    write_mr(tmp_path)
    return str(tmp_path)


def train(task, seed=0, batch_size=16):
    return list(task.batches("train", batch_size, Generator().manual_seed(seed)))


def texts(task, batches):
    """What the lanes of batches say, with the label that is read at each one's last real step."""
    return [
        (" ".join(task.vocabulary.decode(b.inputs[:length, lane].tolist())), int(b.targets[length - 1, lane]))
        for b in batches
        for lane, length in enumerate(b.lengths.tolist())
    ]


def test_a_bag_of_words_can_but_guess_and_the_order_decides(builtin):
    metric = builtin.spec.metric
    assert (
        metric.baselines["bag_of_words"] < 0.56 and metric.solved == 1 and metric.chance == pytest.approx(0.5, abs=0.03)
    )


def test_the_same_reviews_are_generated_every_time_and_none_twice():
    reviews = generate_reviews(500, 3)
    assert reviews == generate_reviews(500, 3)
    everything = [text for split in reviews.splits.values() for text, _ in split]
    assert len(everything) == len(set(everything)) == 500


def all_of(reviews):
    return [review for split in reviews.splits.values() for review in split]


def parts(text):
    """The part of a review that decides and, in a contrast, the other one."""
    text = text.removesuffix(" .")
    if text.startswith("although"):
        return text.removeprefix("although ").split(" , ")[::-1]
    return text.split(" but ")[::-1] if " but " in text else text.split(" although ")


def opinion(said, kinds):
    """What a part of a review comes to, by the rules that the grammar's docstring states and the adjectives' kinds."""
    said = said.partition(" is ")[2]
    if " and " in said:
        strong = next(part for part in said.split(" and ") if re.match("very|extremely|utterly", part))
        return kinds[strong.split()[-1]]
    return 1 - kinds[said.split()[-1]] if NEGATED.match(said) else kinds[said.split()[-1]]


@pytest.mark.parametrize("distance", [0, 4])
def test_labels_follow_from_negations_intensifiers_and_contrasts(distance):
    reviews = all_of(generate_reviews(2000, distance))
    kinds = {}
    for text, label in reviews:
        if found := re.fullmatch(r"the (?:\w+ )?\w+ is (\w+) \.", text):
            assert kinds.setdefault(found[1], label) == label
    assert Counter(kinds.values()) == {0: 10, 1: 10}
    for text, label in reviews:
        decisive, *others = parts(text)
        assert opinion(decisive, kinds) == label and all(opinion(other, kinds) == 1 - label for other in others)


@pytest.mark.parametrize("distance", [0, 1, 6])
def test_the_distance_bounds_the_words_between_a_negation_and_its_adjective(distance):
    reviews = all_of(generate_reviews(2000, distance))
    found = [NEGATED.search(part) for text, _ in reviews for part in parts(text)]
    assert {len(match[1].split()) for match in found if match} == set(range(distance + 1))


def test_every_review_comes_once_a_pass_with_its_label(mr):
    task = Sentiment(mr)
    again = Sentiment(mr)
    for split in ("train", "valid", "test"):
        batches = list(task.batches(split, 7, Generator().manual_seed(3)))
        assert sorted(texts(task, batches)) == sorted(texts(again, again.batches(split, 16, Generator())))
        assert all(label == ("fine" in text) for text, label in texts(task, batches) if "<unk>" not in text)


def test_the_vocabulary_is_trains_and_cut_by_size_and_count(mr):
    whole, cut, often = Sentiment(mr), Sentiment(mr, vocabulary=10), Sentiment(mr, min_count=20)
    assert cut.vocabulary.tokens == whole.vocabulary.tokens[:10] and cut.spec.inputs.size == 10
    assert 5 < len(often.vocabulary) < 12 and "fine" in often.vocabulary.tokens


def test_of_a_long_review_the_end_is_read(mr):
    task = Sentiment(mr, max_length=3)
    assert {text for text, _ in texts(task, train(task))} == {
        f"{kind} \N{HORIZONTAL ELLIPSIS} café" for kind in ("fine", "poor")
    }


@pytest.mark.parametrize(("length", "read"), [(5, "a b c d"), (4, "a b c d"), (3, "b c d"), (1, "d")])
def test_a_review_as_long_as_the_most_is_read_whole_and_of_one_longer_the_first_token_is_not(tmp_path, length, read):
    write_sst2(tmp_path)
    (tmp_path / "stsa.binary.train").write_text("1 a b c d\n0 a b c d\n")
    task = Sentiment(str(tmp_path), max_length=length)
    assert sorted(texts(task, train(task))) == [(read, 0), (read, 1)]


def test_characters_are_tokens_too(mr):
    task = Sentiment(mr, tokens="character")
    assert len(task.vocabulary) < 40 and max(b.lengths.max() for b in train(task)) > 25
    assert list(task.spec.metric.baselines) == ["bag_of_characters"]


def test_words_are_dropped_in_train_alone_anew_each_pass_and_by_the_generator_alone():
    task = Sentiment(reviews=2000, word_dropout=0.25)
    plain = Sentiment(reviews=2000)
    generator = Generator().manual_seed(1)
    first, second = (list(task.batches("train", 16, generator)) for _ in range(2))
    share = sum(((b.inputs == 0) & (torch.arange(len(b.inputs))[:, None] < b.lengths)).sum() for b in first) / sum(
        b.tokens for b in first
    )
    assert share == pytest.approx(0.25, abs=0.02)
    assert texts(task, first) == texts(task, train(task, seed=1)) and texts(task, first) != texts(task, second)
    for split in ("valid", "test"):
        assert texts(task, task.batches(split, 16, generator)) == texts(plain, plain.batches(split, 16, generator))


def test_each_lane_drops_words_of_its_own_at_steps_of_its_own(mr):
    task, plain = Sentiment(mr, word_dropout=0.5), Sentiment(mr)
    for dropped, whole in zip(train(task, batch_size=32), train(plain, batch_size=32), strict=True):
        kept_TB = (dropped.inputs != 0)[: whole.lengths.min()]
        assert whole.inputs[: whole.lengths.min()].all() and kept_TB.shape[1] > 1, "no word was unknown before"
        assert (kept_TB != kept_TB[:, :1]).any() and (kept_TB != kept_TB[:1]).any()


def test_a_review_without_a_word_is_one_unknown_and_one_without_a_letter_is_left_out(tmp_path):
    write_sst2(tmp_path)
    (tmp_path / "stsa.binary.dev").write_text("1 \n0 \u200b\n0 a fine one\n")
    task = Sentiment(str(tmp_path))
    (batch,) = task.batches("valid", 8, Generator())
    assert batch.lengths.tolist() == [1, 3] and batch.inputs[0, 0] == 0 and batch.weight.sum() == 2
    assert "rows without a text, left out: 1" in task.spec.notes


def test_the_baseline_sees_what_single_words_say(mr):
    assert Sentiment(mr).spec.metric.baselines["bag_of_words"] == 1


def test_a_train_split_of_one_class_has_a_baseline_too_and_is_told(tmp_path):
    write_sst2(tmp_path)
    (tmp_path / "stsa.binary.train").write_text("1 good\n1 very good\n")
    (tmp_path / "stsa.binary.test").write_text("1 a\n0 b\n1 c\n1 d\n")
    spec = Sentiment(str(tmp_path)).spec
    assert spec.metric.baselines["bag_of_words"] == 0.75
    assert "all of train is of one class, positive: there is nothing to learn" in spec.notes


def test_data_that_is_read_has_a_fingerprint_to_be_checked(mr):
    found = Sentiment(mr).spec.fingerprint
    assert Sentiment(mr, checksum=found).spec.fingerprint == found
    with pytest.raises(DataError, match=rf"SHA-256 is {found}, task.checksum says 0123"):
        Sentiment(mr, checksum="0123")


def test_too_few_reviews_to_hold_some_out_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\ngood,1\n")
    with pytest.raises(DataError, match="split is empty"):
        Sentiment(str(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    "options",
    [
        {"reviews": 99},
        {"distance": -1},
        {"vocabulary": 1},
        {"min_count": 0},
        {"max_length": 0},
        {"word_dropout": 1.0},
        {"word_dropout": -0.1},
        {"source": "hub:nobody/knows"},
    ],
)
def test_an_option_out_of_range_is_named_in_one_line(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError) as caught:
        Sentiment(**options)
    shown = f"{value:g}" if isinstance(value, float) else value
    assert f"task.{name}={shown}" in str(caught.value) and "\n" not in str(caught.value)
