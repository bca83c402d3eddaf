"""A source that has train, valid and test apart is read as three texts, and says why where it has not."""

import sys

import pytest
from hub import hub

from bench.api import DataError
from bench.tasks.charlm import CharLM
from bench.tasks.common.texts.text import read_splits, read_text

NAMES = {"train": "ptb.char.train.txt", "valid": "ptb.char.valid.txt", "test": "ptb.char.test.txt"}


@pytest.fixture
def folder(tmp_path):
    for split, name in NAMES.items():
        (tmp_path / name).write_text(f"{split} text " * 20)
    (tmp_path / "README").write_text("of other things")
    return tmp_path


def test_a_folders_files_are_told_apart_by_their_names(folder):
    found = read_splits(str(folder))
    assert {split: corpus.text for split, corpus in found.items()} == {split: f"{split} text " * 20 for split in NAMES}


@pytest.mark.parametrize("name", ["Valid.TXT", "my.val.txt", "dev.txt"])
def test_other_names_for_valid_are_known_and_litter_is_no_split(folder, name):
    (folder / NAMES["valid"]).rename(folder / name)
    (folder / "._ptb.char.valid.txt").write_text("of a Mac")
    assert read_splits(str(folder))["valid"].text == "valid text " * 20
    assert f"train is ptb.char.train.txt, valid is {name}, test is" in read_splits(str(folder))["train"].notes[0]


def test_splits_that_are_the_same_text_are_told(folder):
    assert len(read_splits(str(folder))["train"].notes) == 1
    (folder / NAMES["test"]).write_text("train text " * 10)
    assert "train and test: all of one is also in the other" in read_splits(str(folder))["train"].notes[1]


def test_a_list_gives_the_three_in_order(folder):
    files = [str(folder / name) for name in NAMES.values()]
    texts = {split: part.text for split, part in read_splits(files).items()}
    assert texts == {split: part.text for split, part in read_splits(str(folder)).items()}
    with pytest.raises(ValueError, match=r"task.splits=own takes three sources"):
        read_splits(files[:2])


def test_the_hubs_splits_are_asked_for_by_its_names(monkeypatch):
    package = hub({"text": ("string", ["one \n", "", "two \n"])})
    load, asked = package.load_dataset, []
    package.load_dataset = lambda *args, **options: (asked.append((args[1], options["split"])), load(*args, **options))[
        1
    ]
    monkeypatch.setitem(sys.modules, "datasets", package)
    found = read_splits("hub:Salesforce/wikitext/wikitext-2-raw-v1")
    assert asked == [("wikitext-2-raw-v1", split) for split in ("train", "validation", "test")]
    assert found["valid"].text == "one \n\ntwo \n"
    monkeypatch.setitem(sys.modules, "datasets", hub({"text": ("string", ["one \n", ""])}))
    assert read_text("hub:Salesforce/wikitext/wikitext-2-v1").text == "one \n\n", "the last row is a line too"
    monkeypatch.setitem(sys.modules, "datasets", package)
    assert read_text("hub:Salesforce/wikitext/wikitext-2-raw-v1").text == "one \n\ntwo \n"


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda folder: (folder / NAMES["valid"]).unlink(), "exactly one file must have valid in its name, found none"),
        (lambda folder: (folder / "ptb.train.txt").write_text("x"), "found ptb.char.train.txt, ptb.train.txt"),
        (lambda folder: (folder / NAMES["test"]).write_text(""), "the text is empty"),
    ],
)
def test_a_folder_without_one_file_a_split_says_so(folder, prepare, says):
    prepare(folder)
    with pytest.raises(DataError) as caught:
        read_splits(str(folder))
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_source_that_has_no_splits_of_its_own_names_those_that_have(folder):
    for source in ("builtin", str(folder / NAMES["train"])):
        with pytest.raises(DataError, match=r"task.splits=own needs a folder.*or set task.splits to fractions"):
            read_splits(source)


def test_characters_of_given_splits_are_trained_on_and_scored_apart(folder):
    task = CharLM(str(folder), splits="own", length=8)
    decoded = {split: task.decode(ids.tolist()) for split, ids in task._ids.items()}
    assert decoded["train"] == "train text " * 20
    assert decoded["valid"] == "\ufffda\ufffdi\ufffd text " * 20 and decoded["test"] == "te\ufffdt text " * 20
    assert len(task.spec.fingerprint) == 64


def test_a_given_split_too_short_speaks_of_no_fraction(folder):
    (folder / NAMES["valid"]).write_text("short")
    with pytest.raises(
        DataError, match=r"the valid split has 5 characters, one window needs 9; set task.length smaller, or name"
    ):
        CharLM(str(folder), splits="own", length=8)


def test_bytes_are_characters_of_latin_1(tmp_path):
    (tmp_path / "enwik8").write_bytes(bytes(range(256)) * 20)
    task = CharLM(str(tmp_path / "enwik8"), encoding="latin-1", length=8)
    assert task.spec.outputs == 257 and {split: len(ids) for split, ids in task._ids.items()} == {
        "train": 4608,
        "valid": 256,
        "test": 256,
    }
