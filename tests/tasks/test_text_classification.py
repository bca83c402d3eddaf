"""Texts of two or more classes, in the layouts that people have; generated questions are decided by their structure."""

import gzip
import re

import pytest
from review_files import PHRASES, write_imdb, write_mr, write_sst2
from torch import Generator

from bench.api import DataError
from bench.tasks.common.texts.generated_questions import CLASSES, generate_questions
from bench.tasks.common.texts.text_layouts import read_layout
from bench.tasks.text_classification import TextClassification

WORDS = {"who": "person", "where": "place", "when": "time", "why": "reason", "how": "manner", "how many": "number"}


def sizes(task):
    return tuple(len(task._splits[split]) if split in task._splits else 0 for split in ("train", "valid", "test"))


def texts(task, split):
    """The texts of a split with the names of their classes."""
    return {
        (" ".join(task.vocabulary.decode(b.inputs[:length, lane].tolist())), task.classes[b.targets[length - 1, lane]])
        for b in task.batches(split, 16, Generator())
        for lane, length in enumerate(b.lengths.tolist())
    }


def test_the_question_that_is_asked_gives_the_class_and_the_clauses_do_not():
    splits = generate_questions(1000, 3).splits
    everything = [question for split in splits.values() for question in split]
    assert len({text for text, _ in everything}) == 1000 and splits == generate_questions(1000, 3).splits
    for text, label in everything:
        asked = text.partition(", but ")[2] if text.startswith("i know") else text.partition(" , not ")[0]
        assert CLASSES[label] == WORDS[re.match("how many|[a-z]+", asked)[0]]
    plain = generate_questions(300, 0).splits["train"]
    assert not any(re.search("who (?!of)(?! )[a-z]+ (us )?(who|where|when|why|how)", text) for text, _ in plain)


def test_a_bag_of_words_guesses_more_than_it_knows():
    metric = TextClassification(questions=1000).spec.metric
    assert metric.baselines["bag_of_words"] < 0.8 and metric.solved == 1


def test_a_bag_of_words_knows_three_classes_by_their_words(tmp_path):
    write_trec(tmp_path)
    assert TextClassification(str(tmp_path)).spec.metric.baselines == {"bag_of_words": 1}


def write_trec(folder):
    for name, count in (("train_5500.label", 60), ("TREC_10.label", 12)):
        kinds = ("DESC:manner How did caf\xe9s", "ENTY:animal What is", "NUM:date When was")
        lines = "".join(f"{kinds[n % 3]} number {n} ?\n" for n in range(count))
        (folder / name).write_bytes(lines.encode("latin-1"))


def write_sst5(folder):
    for name, count in (("train", 20), ("dev", 10), ("test", 10)):
        (folder / f"stsa.fine.{name}").write_text("".join(f"{n % 5} a text {n} .\n" for n in range(count)))


def write_subj(folder):
    for name in ("plot", "quote"):
        lines = "".join(f"{name} {phrase} caf\xe9\n" for phrase in PHRASES)
        (folder / f"{name}.tok.gt9.5000").write_bytes(lines.encode("latin-1"))


def write_ag_news(folder):
    for name, count in (("train", 80), ("test", 16)):
        rows = "".join(f'"{n % 4 + 1}","Title {n}","Some news, of {n}"\n' for n in range(count))
        (folder / f"{name}.csv").write_text(rows)


def write_glue(folder):
    for name, count in (("train", 80), ("dev", 16)):
        rows = "".join(f'a "fine film {n}\t{n % 2}\n' for n in range(count))
        (folder / f"{name}.tsv").write_text(f"sentence\tlabel\n{rows}")
    (folder / "test.tsv").write_text("index\tsentence\n" + "".join(f"{n}\tunknown {n}\n" for n in range(9)))


def write_class_folders(folder):
    for name in ("business", "sport", "Tech"):
        (folder / name).mkdir()
        for n, phrase in enumerate(PHRASES[:30]):
            (folder / name / f"{n:03}.TXT").write_text(f"{phrase} of {name}")
        (folder / name / "._000.txt").write_text("a Mac's")


def write_kims_trec(folder):
    for name, count in (("train", 60), ("test", 12)):
        lines = "".join(f"{n % 3} caf\xe9 {name} {n}\n" for n in range(count))
        (folder / f"TREC.{name}.all").write_bytes(lines.encode("latin-1"))


def write_split_folders(folder):
    for name, count in (("my-train", 9), ("dev", 3), ("my-test", 4)):
        for label in "ab":
            (folder / name / label).mkdir(parents=True)
            for n in range(count):
                (folder / name / label / str(n)).write_text(f"{name} {label} {n}")


@pytest.mark.parametrize(
    ("write", "classes", "found", "one"),
    [
        (write_trec, ["DESC", "ENTY", "NUM"], (56, 4, 12), ("how did cafés number 3 ?", "DESC")),
        (write_sst5, ["0", "1", "2", "3", "4"], (20, 10, 10), ("a text 3 .", "3")),
        (write_subj, ["objective", "subjective"], (89, 16, 15), ("quote film number 7 café", "subjective")),
        (write_ag_news, ["1", "2", "3", "4"], (75, 5, 16), ("title 5 some news , of 5", "2")),
        (write_glue, ["0", "1"], (71, 9, 16), ('a " fine film 5', "1")),
        (write_class_folders, ["business", "sport", "Tech"], (68, 10, 12), ("film number 7 of tech", "Tech")),
        (write_kims_trec, ["0", "1", "2"], (51, 9, 12), ("café train 7", "1")),
        (write_split_folders, ["a", "b"], (18, 6, 8), ("<unk> b 2", "b")),
        (write_mr, ["neg", "pos"], (95, 16, 9), ("film number 7 is fine … café", "pos")),
        (write_sst2, ["0", "1"], (2, 2, 2), ("a poor one 0", "0")),
        (write_imdb, ["neg", "pos"], (108, 12, 120), ("film number 7 is pos in train", "pos")),
    ],
)
def test_a_layout_is_read_as_it_is(tmp_path, write, classes, found, one):
    write(tmp_path)
    task = TextClassification(str(tmp_path))
    assert list(task.classes) == classes and sum(sizes(task)) == sum(found)
    assert sizes(task)[2] == found[2] or write in (write_subj, write_class_folders, write_mr)
    assert any(one in texts(task, split) for split in ("train", "valid"))
    assert any(f"{len(classes)} classes: " in note for note in task.spec.notes)


def test_a_folder_of_several_data_sets_says_which_was_read_and_a_file_names_another(tmp_path):
    write_sst2(tmp_path)
    write_sst5(tmp_path)
    task = TextClassification(str(tmp_path))
    assert len(task.classes) == 2 and any("SST-5 (stsa.fine.train)" in note for note in task.spec.notes)
    assert len(TextClassification(str(tmp_path / "stsa.fine.train")).classes) == 5


def test_a_folder_of_one_folder_is_that_folder_and_a_name_s_case_does_not_matter(tmp_path):
    (tmp_path / "txt_sentoken").mkdir()
    write_class_folders(tmp_path / "txt_sentoken")
    task = TextClassification(str(tmp_path))
    assert list(task.classes) == ["business", "sport", "Tech"] and "txt_sentoken" in task.spec.notes[0]
    (tmp_path / "trec").mkdir()
    write_trec(tmp_path / "trec")
    (tmp_path / "trec" / "TREC_10.label").rename(tmp_path / "trec" / "trec_10.LABEL")
    assert len(TextClassification(str(tmp_path / "trec")).classes) == 3


def test_a_split_without_labels_is_told(tmp_path):
    write_glue(tmp_path)
    notes = TextClassification(str(tmp_path)).spec.notes
    assert "test.tsv has no labels and is left out" in notes and any("is scored as test" in note for note in notes)


def test_one_class_alone_is_no_layout_and_files_deeper_than_a_class_are_no_texts(tmp_path):
    (tmp_path / "pos" / "deep").mkdir(parents=True)
    for name in ("1.txt", "deep/2.txt"):
        (tmp_path / "pos" / name).write_text("a text")
    with pytest.raises(DataError, match="unknown layout of texts; the folder must contain rt-polarity"):
        TextClassification(str(tmp_path))
    (tmp_path / "neg").mkdir()
    (tmp_path / "neg" / "1.txt").write_text("a text")
    assert sum(map(len, read_layout(tmp_path, "")[0].values())) == 2


def test_one_table_in_a_folder_is_read_and_those_of_folders_within_are_not(tmp_path):
    (tmp_path / "old").mkdir()
    for name, kinds in (("all.csv", "ab"), ("old/train.csv", "xy"), ("old/test.csv", "xy")):
        (tmp_path / name).write_text("text,label\n" + "".join(f"a text {n},{kinds[n % 2]}\n" for n in range(30)))
    assert list(TextClassification(str(tmp_path)).classes) == ["a", "b"]


def test_tables_of_a_folder_may_be_packed_and_a_plain_one_comes_first(tmp_path):
    for name, kinds in (("train.csv", "ab"), ("test.csv.gz", "ab"), ("train.csv.gz", "xy")):
        text = "text,label\n" + "".join(f"{name} {n},{kinds[n % 2]}\n" for n in range(30))
        (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    splits = read_layout(tmp_path, "")[0]
    assert {row.label for row in splits["train"]} == {"a", "b"} and splits["test"][3].text == "test.csv.gz 3"


def test_classes_come_in_the_order_of_their_folders_and_what_is_beside_their_texts_is_counted(tmp_path):
    for label in "hcagbdfe":
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.txt").write_text(f"a text of {label}")
        (tmp_path / label / "notes.md").write_text("no text")
    splits, notes = read_layout(tmp_path, str(tmp_path))
    assert [row.label for row in splits["train"]] == sorted(row.label for row in splits["train"])
    assert sum(map(len, splits.values())) == 8
    assert notes == [
        f"{tmp_path}: read 8 files; left out 8 of another kind: a/notes.md, b/notes.md, c/notes.md and 5 more"
    ]


def test_one_file_is_a_table_or_lines_that_begin_with_their_label(tmp_path):
    lines = [(f"a text of {n}", "spam" if n % 3 else "ham") for n in range(40)]
    (tmp_path / "SMS").write_text("".join(f"{label}\t{text}\n" for text, label in lines))
    (tmp_path / "a.txt").write_text("".join(f"__label__{label} {text}\n" for text, label in lines))
    table = "".join(f"{label},{text}\n" for text, label in lines)
    (tmp_path / "b.txt").write_text(f"label,text\n{table}")
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(table.encode()))
    tasks = [TextClassification(str(tmp_path / name)) for name in ("SMS", "a.txt", "b.txt", "c.csv.gz")]
    assert all(texts(tasks[0], "train") == texts(task, "train") <= set(lines) for task in tasks)
    assert list(tasks[0].classes) == ["ham", "spam"]


def test_prose_and_one_class_are_no_classes(tmp_path):
    (tmp_path / "book.txt").write_text("".join(f"word{n} and others\n" for n in range(40)))
    with pytest.raises(DataError, match=r"book\.txt: its 40 lines begin with 40 different words, which are no labels"):
        TextClassification(str(tmp_path / "book.txt"))
    (tmp_path / "a.csv").write_text("text,label\na b,x\nc d,x\n")
    with pytest.raises(DataError, match="all texts have the label x; give two classes"):
        TextClassification(str(tmp_path / "a.csv"))
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(f"a b,0.{n}5\n" for n in range(4)))
    with pytest.raises(DataError, match="4 texts have 4 different labels, 0.05, 0.15, 0.25 and 1 more; give labels"):
        TextClassification(str(tmp_path / "a.csv"))
    (tmp_path / "a.jsonl").write_text('{"label":0,"text":"a b"}\n' * 40)
    with pytest.raises(DataError, match=r"a\.jsonl: is JSON, which is not read; write it as a \.csv"):
        TextClassification(str(tmp_path / "a.jsonl"))


def test_files_that_are_not_utf_8_and_folders_without_labels_are_told(tmp_path):
    write_imdb(tmp_path)
    (tmp_path / "train" / "unsup").mkdir()
    (tmp_path / "train" / "unsup" / "0_0.txt").write_text("no opinion")
    (tmp_path / "train" / "pos" / "0_9.txt").write_bytes(b"caf\xe9")
    notes = TextClassification(str(tmp_path)).spec.notes
    assert any("unsup: its texts have no class" in note for note in notes)
    assert any("files that are not UTF-8 and are read as cp1252: 1" in note for note in notes)
    assert any(note == f"{tmp_path / 'train'}: read 121 files" for note in notes)


def test_a_text_without_a_label_is_refused_by_line(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na b,x\nc d,\n")
    with pytest.raises(DataError, match=r"a\.csv:3: has no label"):
        TextClassification(str(tmp_path / "a.csv"))


def test_what_was_prepared_is_the_same_as_what_is_made(tmp_path, monkeypatch):
    write_sst5(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    first, again = (TextClassification(str(tmp_path), min_count=2) for _ in range(2))
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert first.spec == again.spec and first.vocabulary == again.vocabulary
    assert texts(first, "train") == texts(again, "train")
    other = TextClassification(str(tmp_path), min_count=1)
    assert len(list((tmp_path / "cache").iterdir())) == 2 and len(other.vocabulary) > len(first.vocabulary)


@pytest.mark.parametrize("options", [{"questions": 99}, {"clauses": -1}, {"vocabulary": 1}, {"word_dropout": 1.0}])
def test_an_option_that_will_not_do_is_named(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"task.{name}={value:g}"):
        TextClassification(**options)
