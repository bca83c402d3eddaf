"""Reviews are read from every layout that is known, and what is wrong with a source is one line."""

import os
import sys
import unicodedata
from pathlib import Path

import pytest
from hub import hub
from hypothesis import given
from hypothesis import strategies as st
from review_files import PHRASES, write_imdb, write_mr, write_sst2

from bench.api import DataError
from bench.tasks.common.texts.labelled_texts import LabelledTexts, carve
from bench.tasks.common.texts.reviews import read_reviews

REST = {"stsa.binary.dev": "1 good", "stsa.binary.test": "0 bad"}


def write_csv(folder):
    rows = "".join(f'"{phrase},\n""really""",{kind}\r\n' for phrase in PHRASES for kind in ("positive", "neg", 1, 0))
    (folder / "all.csv").write_text("\ufeffreview,sentiment\n" + rows, newline="")


def failure(source, error=DataError):
    """The one line with which reading `source` fails."""
    with pytest.raises(error) as caught:
        read_reviews(str(source))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_mr_is_read_as_cp1252_and_dealt_to_three_splits(tmp_path):
    write_mr(tmp_path)
    splits = read_reviews(str(tmp_path)).splits
    everything = [review for split in splits.values() for review in split]
    assert len(everything) == 120 and all(len(split) for split in splits.values())
    assert ("film number 7 is fine \N{HORIZONTAL ELLIPSIS} café", 1) in everything
    assert ("film number 7 is poor \N{HORIZONTAL ELLIPSIS} café", 0) in everything


def test_sst2_is_its_three_files(tmp_path):
    write_sst2(tmp_path)
    (tmp_path / "stsa.binary.dev").write_text("1  a fine dev crème .\n \n0 a poor one 1\n", "utf-8")
    reviews = read_reviews(str(tmp_path))
    assert reviews.notes == ()
    splits = reviews.splits
    assert splits["valid"] == [("a fine dev crème .", 1), ("a poor one 1", 0)]
    assert splits["train"][1][0].endswith("0") and splits["test"][1][0].endswith("2")


def test_imdb_has_its_valid_split_out_of_train_and_no_line_breaks_in_html(tmp_path):
    write_imdb(tmp_path)
    splits = read_reviews(str(tmp_path)).splits
    assert len(splits["test"]) == 120 and len(splits["train"]) + len(splits["valid"]) == 120 and splits["valid"]
    assert all(text.endswith("in test") for text, _ in splits["test"])
    assert ("film number 3 is  pos in test", 1) in splits["test"]


@pytest.mark.parametrize(("labels", "opinion"), [("0 neg Negative -1 False 0.0", 0), ("1 pos POSITIVE True 1.0", 1)])
def test_each_word_for_an_opinion_is_known(tmp_path, labels, opinion):
    for label in labels.split():
        (tmp_path / "a.csv").write_text("text,label\n" + "".join(f"{phrase}, {label} \n" for phrase in PHRASES))
        splits = read_reviews(str(tmp_path / "a.csv")).splits
        assert {said for split in splits.values() for _, said in split} == {opinion}


def test_a_third_label_is_not_taken_for_one_of_two(tmp_path):
    rows = "".join(f"{phrase},{n % 3 - 1}\n" for n, phrase in enumerate(PHRASES))
    (tmp_path / "a.csv").write_text(f"text,label\n{rows}")
    assert "a.csv:2: label -1, where " in failure(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("text,label\n" + rows.replace(",-1", ",5"))
    assert "a.csv:2: label '5' is none of" in failure(tmp_path / "a.csv")
    assert "task=text_classification" in failure(tmp_path / "a.csv")


def test_a_csv_file_has_a_text_and_a_label_in_words_or_numbers(tmp_path):
    write_csv(tmp_path)
    splits = read_reviews(str(tmp_path / "all.csv")).splits
    everything = [review for split in splits.values() for review in split]
    assert len(everything) == 240 and sum(label for _, label in everything) == 120
    assert ('film number 7,\n"really"', 1) in everything


@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 1)), max_size=40))
def test_carving_keeps_every_review_and_has_no_text_on_two_sides(reviews):
    splits = carve(reviews, "test", "valid")
    assert sorted(review for split in splits.values() for review in split) == sorted(reviews)
    train, valid, test = ({text for text, _ in splits[name]} for name in ("train", "valid", "test"))
    assert not train & valid and not train & test and not valid & test


def test_a_text_comes_to_the_same_split_in_all_spellings():
    texts = [(unicodedata.normalize(form, f"café {n}"), 0) for n in range(40) for form in ("NFC", "NFD")]
    for split in carve(texts, "test", "valid").values():
        assert len(split) == 2 * len({unicodedata.normalize("NFC", text) for text, _ in split})


def test_carving_gives_about_a_tenth_to_each_held_out_split():
    splits = carve([(str(i), 0) for i in range(5000)], "test", "valid")
    assert all(430 < len(splits[name]) < 570 for name in ("test", "valid"))


def test_the_fingerprint_is_of_texts_labels_and_splits_alone():
    def of(name, train, test):
        return LabelledTexts(name, {"train": train, "valid": [], "test": test}, name, name).fingerprint

    good, bad = [("good", 1)], [("bad", 0)]
    assert of("a", good, bad) == of("b", good, bad)
    assert len({of("a", good, bad), of("a", bad, good), of("a", [("good", 0)], bad), of("a", good + bad, [])}) == 4


@pytest.mark.parametrize(
    ("source", "asked", "sizes"),
    [
        ("stanfordnlp/sst2", ["train", "validation"], {"test": 100}),
        ("cornell-movie-review-data/rotten_tomatoes", ["train", "validation", "test"], dict.fromkeys(["valid"], 100)),
        ("stanfordnlp/imdb@v2", ["train", "test"], {"test": 100}),
    ],
)
def test_the_hubs_labelled_splits_are_read_and_no_other(monkeypatch, source, asked, sizes):
    texts = ("string", [f" review {i} " for i in range(100)])
    package = hub({"sentence" if "sst2" in source else "text": texts, "label": ("int64", [0, 1] * 50)})
    seen = []
    load = package.load_dataset
    package.load_dataset = lambda *args, **options: (seen.append(options["split"]), load(*args, **options))[1]
    monkeypatch.setitem(sys.modules, "datasets", package)
    reviews = read_reviews(f"hub:{source}")
    assert seen == asked and {split: len(reviews.splits[split]) for split in sizes} == sizes
    assert len(reviews.splits["train"]) + len(reviews.splits["valid"]) in (100, 200) and reviews.splits["valid"]
    assert reviews.splits["test"][1] == ("review 1", 1)


def test_a_data_set_of_the_hub_that_is_not_known_names_those_that_are():
    line = failure("hub:some/reviews", ValueError)
    assert "hub:some/reviews" in line and "stanfordnlp/imdb" in line


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"notes.md": "x"}, "unknown layout of texts; the folder must contain rt-polarity.pos (MR), stsa.binary"),
        ({"rt-polarity.pos": "good"}, "has no file rt-polarity.neg; fetch the data set again"),
        ({"stsa.binary.train": "1 good\n\n2 bad", **REST}, "stsa.binary.train:3: label '2' is none of 0, neg"),
        ({"stsa.binary.train": "good bad", **REST}, "stsa.binary.train:1: label 'good' is none of"),
        ({"stsa.binary.train": "1 café é caf\udce9", **REST}, "stsa.binary.train: byte 14 (0xe9) is not utf-8"),
    ],
)
def test_a_folder_that_will_not_do_says_why(tmp_path, files, says):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert says in failure(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("title,stars\na,1\n", "has the columns title, stars; name two of them text and label"),
        ("", "a.csv: has no line"),
        ("text,label\ngood,1\nso so,2\n", "a.csv:3: label '2' is none of"),
        ("text,label\ngood\n", "a.csv:2: label '' is none of"),
        ("text,label\n" + "a" * 200_000 + ",1\n", "a.csv:2: is no csv (field larger than field limit"),
        ("label,text\n0,well, no\n", "a.csv:2: has 3 fields between commas, the first line 2; put texts in quotes"),
        ('text,label\n"bad" film,0\n', "a.csv:2: is no csv (',' expected after"),
    ],
)
def test_a_csv_file_that_will_not_do_says_why(tmp_path, content, says):
    (tmp_path / "a.csv").write_text(content)
    assert says in failure(tmp_path / "a.csv")


def test_a_path_that_is_not_there_names_the_other_sources():
    line = failure("bulitin")
    assert "task.source=bulitin: no such file" in line and "builtin" in line and "hub:stanfordnlp/sst2" in line


@pytest.mark.parametrize(
    ("folder", "sizes"), [("sentiment_mr", (8519, 1095, 1048)), ("sentiment_sst2", (6920, 872, 1821))]
)
@pytest.mark.skipif("BENCH_DATA" not in os.environ, reason="BENCH_DATA names no folder of real data")
def test_the_real_ones_have_the_sizes_of_the_card(folder, sizes):
    splits = read_reviews(str(Path(os.environ["BENCH_DATA"]) / folder)).splits
    assert tuple(len(splits[split]) for split in ("train", "valid", "test")) == sizes
    texts = {split: {text for text, _ in splits[split]} for split in splits}
    assert len(texts["train"] & texts["test"]) == (2 if folder == "sentiment_sst2" else 0)
    assert sum(sizes) - sum(map(len, texts.values())) == (9 if folder == "sentiment_sst2" else 0)
