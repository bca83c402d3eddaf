"""The translation task: pairs that belong together, scores that are sacrebleu's, and files that are checked."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from pathlib import Path

import pytest
import sacrebleu
import torch
from cli_tools import bench, records, the_line
from hypothesis import given, settings
from hypothesis import strategies as st
from num2words import num2words
from tiny import seeded

from bench.api import END, DataError, file_hash
from bench.errors import ConfigError
from bench.job.build import build_task
from bench.tasks.common.sequences.ragged import Ragged, by_equal_length
from bench.tasks.common.texts.bleu import bleu_counts, bleu_score
from bench.tasks.common.texts.lexicon import lexicon
from bench.tasks.common.texts.sentences import file_pairs, tokens_13a
from bench.tasks.translation import Translation

SMALL = 300
FILES = ["train", "val", "test_2016_flickr"]


@pytest.fixture(scope="module")
def numbers():
    return Translation(largest=SMALL)


@pytest.fixture
def folder(tmp_path):
    """Parallel text: 40, 10 and 10 numbers, with marks that a tokeniser must see to."""
    for start, count, name in ((0, 40, FILES[0]), (40, 10, FILES[1]), (50, 10, FILES[2])):
        for language in ("en", "fr"):
            words = (num2words(number, lang=language) for number in range(start, start + count))
            write(tmp_path, f"{name}.{language}.gz", [f'L\'an "{word.title()}", (A-B) 3-4.' for word in words])
    return tmp_path


def write(folder, name, lines):
    text = "".join(f"{line}\n" for line in lines).encode()
    (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)


def pairs(task, split, batch_size=7, seed=0):
    """Source and target texts of a split, in the order of its batches."""
    found = []
    for batch in task.batches(split, batch_size, seeded(seed)):
        for source, target in zip(batch.inputs.T.tolist(), batch.targets.T.tolist(), strict=True):
            found.append((" ".join(task._languages[0].decode(source)), task.decode(target)))
    return found


def in_words(number, language):
    return num2words(number, lang=language).replace("-", " ").replace(",", "")


def test_each_number_is_in_one_split_beside_its_translation(numbers):
    found = [pair for split in ("train", "valid", "test") for pair in pairs(numbers, split)]
    assert sorted(found) == sorted((in_words(n, "en"), in_words(n, "fr")) for n in range(SMALL + 1))
    sizes = [len(pairs(numbers, split)) for split in ("valid", "test")]
    assert all(0.05 * SMALL < size < 0.1 * SMALL for size in sizes)


def test_a_pass_over_train_has_every_pair_once_in_an_order_of_the_generator(numbers):
    first, again, other = (pairs(numbers, "train", seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    assert sorted(first) == sorted(other)


def test_no_number_holds_a_word_that_train_does_not(numbers):
    for split in ("valid", "test"):
        assert not [pair for pair in pairs(numbers, split) if "<unk>" in pair[0] or "\u2047" in pair[1]]


@given(st.integers(1, 40))
def test_sources_of_a_batch_have_one_length_and_targets_end_once(numbers, batch_size):
    for batch in numbers.batches("valid", batch_size, seeded()):
        steps_B = batch.weight.sum(0).long()
        assert 1 <= len(batch.fresh) <= batch_size
        assert torch.equal(batch.lengths, len(batch.inputs) + steps_B)
        assert torch.equal((batch.targets == END).int().argmax(0), steps_B - 1)
        assert len(batch.targets) == steps_B.max()


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.integers(1, 5), st.none() | st.integers(0, 9))
def test_batches_of_equal_length_hold_each_number_once(lengths, batch_size, seed):
    order = list(by_equal_length(torch.tensor(lengths), batch_size, None if seed is None else seeded(seed)))
    assert sorted(torch.cat(order).tolist()) == list(range(len(lengths)))
    assert all(len({lengths[i] for i in batch.tolist()}) == 1 and len(batch) <= batch_size for batch in order)


WORDS = st.lists(st.sampled_from("abc"), min_size=1, max_size=8)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=6))
def test_bleu_is_sacrebleu_s(sentences):
    totals = Counter()
    for hypothesis, reference in sentences:
        totals.update(bleu_counts(hypothesis, reference))
    texts = [[" ".join(words) for words in side] for side in zip(*sentences, strict=True)]
    assert bleu_score(totals) == pytest.approx(sacrebleu.corpus_bleu(texts[0], [texts[1]]).score)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.sampled_from(["word", "character"]))
def test_bleu_of_a_cut_vocabulary_is_bleu_against_the_text_itself(folder_of_text, seed, tokens):
    """Though a batch holds numbers only: a word of the reference that has none can be in no output."""
    task = Translation(str(folder_of_text), tokens=tokens, min_count=8)
    lines = gzip.decompress((folder_of_text / "val.fr.gz").read_bytes()).decode().splitlines()
    texts = {
        task._text([i + 1 for i in task._languages[1].encode(task.tokens(line))], "\ufffd"): line for line in lines
    }
    hypotheses, references, totals = [], [], Counter()
    for batch in task.batches("valid", 4, seeded()):
        noise = torch.randint(task.spec.outputs, batch.targets.shape, generator=seeded(seed))
        keep = torch.rand(batch.targets.shape, generator=seeded(seed)) < 0.8
        decoded = torch.where(keep, batch.targets, noise)
        decoded[(decoded == END).cumsum(0) > 0] = END
        totals.update({name: value.item() for name, value in task.tally_decoded(decoded, batch).items()})
        hypotheses += [task.decode(written) for written in decoded.T.tolist()]
        references += [texts[task._text(wanted, "\ufffd")].lower() for wanted in batch.targets.T.tolist()]
    assert bleu_score(totals) == pytest.approx(sacrebleu.corpus_bleu(hypotheses, [references]).score)


@pytest.fixture(scope="module")
def folder_of_text(tmp_path_factory):
    root = tmp_path_factory.mktemp("text")
    for name, span in (("train", range(0, 60)), ("val", range(60, 80)), ("test_2016_flickr", range(80, 90))):
        for language in ("en", "fr"):
            lines = [f"No. {n}: {num2words(n, lang=language).title()}, l'an (n-{n % 3})." for n in span]
            write(root, f"{name}.{language}.gz", lines)
    return root


def test_what_is_right_scores_all_and_an_unknown_word_is_never_right(folder_of_text):
    for min_count, exact in ((1, 1.0), (9, 0.0)):
        task = Translation(str(folder_of_text), min_count=min_count, files=["train", "train", "val"])
        totals = Counter()
        for batch in task.batches("valid", 9, seeded()):
            logits = torch.nn.functional.one_hot(batch.targets, task.spec.outputs).float()
            totals.update({name: value.item() for name, value in task.tally(logits, batch).items()})
            totals.update({k: v.item() for k, v in task.tally_decoded(batch.targets, batch).items()})
        scores = task.scores(totals)
        assert scores["token_accuracy"] == 1
        assert scores["exact_match"] == exact
        assert (scores["bleu"] == pytest.approx(100)) == (exact == 1)


def test_a_lexicon_has_for_each_word_the_one_that_comes_with_it():
    sources = Ragged.of(map(torch.tensor, ([1, 2], [1, 3], [2, 3], [1])))
    targets = Ragged.of(map(torch.tensor, ([6, 5, 4], [7, 6], [5, 7, 4], [6, 6, 4])))
    assert lexicon(sources, targets, 5, 8).tolist() == [0, 6, 5, 7, 0]


def test_the_baseline_is_beaten_by_knowing_grammar_alone(numbers):
    assert numbers.spec.metric.baselines.keys() == {"word_for_word"}
    assert 0 <= numbers.spec.metric.baselines["word_for_word"] < 0.5


def test_plain_files_are_read_as_gzipped_ones_are(folder):
    first = Translation(str(folder))
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert pairs(Translation(str(folder)), "train") == pairs(first, "train")
    assert first.spec.metric.name == "bleu"
    assert first.spec.id == "translation-text-v1"


def test_tokens_are_those_of_bleu(folder):
    task = Translation(str(folder), lower=False)
    lines = gzip.decompress((folder / "train.en.gz").read_bytes()).decode().splitlines()
    assert sorted(source for source, _ in pairs(task, "train")) == sorted(" ".join(tokens_13a(line)) for line in lines)


def test_pairs_that_are_too_long_are_left_out_of_train_alone(folder):
    task = Translation(str(folder), longest=13)
    steps = [int(max(b.weight.sum(0).max(), len(b.inputs))) for b in task.batches("train", 1, seeded())]
    assert 0 < len(steps) < 40
    assert max(steps) <= 13
    assert len(pairs(task, "valid")) == 10


@pytest.mark.parametrize(
    ("source", "target", "kept"),
    [(3, 3, True), (4, 1, True), (5, 1, False), (1, 4, True), (1, 5, False), (4, 4, True), (5, 5, False)],
)
def test_a_pair_of_the_longest_length_is_kept_and_one_longer_on_either_side_is_not(folder, source, target, kept):
    """The longest is 5 symbols: 4 words and END."""
    for language, words in (("en", source), ("fr", target)):
        write(folder, f"train.{language}.gz", ["a", " ".join("b" * words)])
    batches = Translation(str(folder), longest=5).batches("train", 1, seeded())
    found = sorted((len(batch.inputs), len(batch.targets) - 1) for batch in batches)
    assert found == [(1, 1), *[(source, target)] * kept]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda f: write(f, "val.fr.gz", ["un", "deux"]),
            "val.en.gz has 10 lines, {f}/val.fr.gz has 2: each line must",
        ),
        (lambda f: (f / "val.fr.gz").write_bytes(b"un\ndeux\n"), "val.fr.gz: cannot be read (Not a gzipped file"),
        (lambda f: truncate(f / "val.fr.gz"), "val.fr.gz: cannot be read (Compressed file ended"),
        (lambda f: (f / "val.en.gz").unlink(), "has no file val.en.gz or val.en or val.en.bz2 or"),
        (
            lambda f: (f / "val.en.gz").write_bytes(gzip.compress("é".encode("latin-1"))),
            "val.en.gz: byte 0 (0xe9) is not utf-8; convert it",
        ),
        (lambda f: write(f, "train.en.gz", ["" for _ in range(40)]), "train has no pair of sentences; name files"),
        (lambda f: write(f, "val.tsv", ["one un"]), "val.tsv:1: has no tab; give two sentences"),
        (lambda f: write(f, "val.tsv", ["1\t2"]), "val.tsv: has fewer than two columns of sentences"),
    ],
)
def test_files_that_will_not_do_are_named_in_one_line(folder, spoil, words):
    spoil(folder)
    with pytest.raises(DataError) as error:
        Translation(str(folder))
    assert words.format(f=folder) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"source": "nowhere"}, DataError, "task.source=nowhere: no such file or folder"),
        ({"checksum": "12"}, DataError, "task.checksum says 12"),
        ({"longest": 2}, DataError, "task.longest=2: all pairs of train are longer"),
        ({"longest": 0}, ConfigError, "task.longest=0 must be at least 1"),
        ({"vocabulary": 1}, ConfigError, "task.vocabulary=1 must be at least 2"),
        ({"source_language": "xx"}, ConfigError, "task.source_language=xx: num2words does not know it; choose one of"),
        ({"largest": 10**6}, ConfigError, "task.largest=1000000 must be from 200 to 99999"),
        ({"source": ".", "files": ["train"]}, ConfigError, "task.files=['train']: give three names"),
        ({"tokens": "syllable"}, ConfigError, "task.tokens=syllable"),
    ],
)
def test_options_that_will_not_do_are_named_in_one_line(folder, options, kind, words):
    given = {"source": str(folder), **options} if options.get("longest") == 2 else options
    with pytest.raises(kind) as error:
        build_task({"_target_": "bench.tasks.translation.Translation", **given})
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_trained_run_translates_what_it_is_asked(capsys, tmp_path):
    small = (
        "task=translation",
        "task.largest=200",
        "budget.steps=150",
        "evaluations=1",
        "optimizer.lr=1e-2",
        "measure.seconds=0.01",
    )
    said = bench(capsys, *small, "model.beam=2", f"results_dir={tmp_path}")
    assert said.code == 0
    (record,) = records(tmp_path)
    assert record["metric"]["test"] > record["metric"]["baselines"]["word_for_word"]
    said = bench(capsys, "sample", "translation", "--prompt", "thirty two", f"results_dir={tmp_path}")
    assert said == (0, "trente deux\n", "")
    said = bench(capsys, "sample", "translation", "--prompt", "thirty twelfths", f"results_dir={tmp_path}")
    assert the_line(said) == "not in the run's text: 'twelfths'"


def test_pairs_with_an_empty_side_are_left_out_and_counted(folder):
    write(folder, "val.EN", ["one", "", "three", "  "])
    write(folder, "val.fr", ["un", "deux", "trois", ""])
    (folder / "val.en.gz").unlink()
    (folder / "val.fr.gz").unlink()
    task = Translation(str(folder))
    assert len(pairs(task, "valid")) == 2
    assert file_pairs(str(folder), FILES, ("en", "fr")).pairs["valid"] == [("one", "un"), ("three", "trois")]
    assert "pairs of which a side is empty, left out: 2" in task.spec.notes


def of_tatoeba(count, attribution="CC-BY 2.0 (France)"):
    """Sentences as Anki's files have them, two translations of each."""
    return [
        f"No. {n}: {num2words(n)}.\t{num2words(n, lang='fr')} {i}\t{attribution}" for n in range(count) for i in (1, 2)
    ]


def test_a_file_of_pairs_is_dealt_by_its_source_sentences(tmp_path):
    write(tmp_path, "fra.txt", [*of_tatoeba(80), "\trien", "", "a b\t", " 7 \t sept "])
    found = file_pairs(str(tmp_path / "fra.txt"), FILES, ("en", "fr")).pairs
    train, valid, test = ({source for source, _ in found[split]} for split in ("train", "valid", "test"))
    assert sum(map(len, found.values())) == 161 and len(train) + len(valid) + len(test) == 81
    assert any(("7", "sept") in part for part in found.values())
    assert ("No. 3: three.", "trois 2") in found["train"] and valid and test
    task = Translation(str(tmp_path / "fra.txt"))
    assert task.spec.notes[0] == "fra.txt: en is column 1, fr is column 2"
    assert "pairs of which a side is empty, left out: 2" in task.spec.notes


def test_columns_are_those_that_a_first_line_names_and_numbers_are_none(tmp_path):
    rows = [f"{n}\tun {n}\t{n + 9}\tone {n}" for n in range(80)]
    write(tmp_path, "named.tsv", ["id\tfr\tid\ten", *rows])
    write(tmp_path, "plain.tsv", rows)
    named = Translation(str(tmp_path / "named.tsv"))
    assert all(source.startswith("one") and target.startswith("un") for source, target in pairs(named, "train"))
    other = Translation(str(tmp_path / "named.tsv"), source_language="fr", target_language="en")
    assert all(source.startswith("un") for source, _ in pairs(other, "train"))
    assert "fr is column 4" in Translation(str(tmp_path / "plain.tsv")).spec.notes[0]
    for first in ("s{}", "0.{}", "#{}"):
        write(tmp_path, "id.tsv", ["id\ta\tb", *(f"{first.format(n)}\tone {n}\tun {n}" for n in range(80))])
        assert Translation(str(tmp_path / "id.tsv")).spec.notes[0] == "id.tsv: en is column 2, fr is column 3"
    write(tmp_path, "codes.tsv", [f"eng\tone {n}\tfra\tun {n}" for n in range(80)])
    assert Translation(str(tmp_path / "codes.tsv")).spec.notes[0] == "codes.tsv: en is column 2, fr is column 4"


def test_a_folder_has_a_table_for_each_split(tmp_path):
    for name, count in zip(FILES, (40, 6, 6), strict=True):
        write(tmp_path, f"{name.upper()}.TSV", of_tatoeba(count))
    (tmp_path / "val").mkdir()
    write(tmp_path, "val/train.tsv", ["one\tun"])
    task = Translation(str(tmp_path))
    assert [len(pairs(task, split)) for split in ("train", "valid", "test")] == [80, 12, 12]


def test_the_fingerprint_is_of_the_files(folder):
    paths = [folder / f"{name}.{language}.gz" for name in FILES for language in ("en", "fr")]
    assert Translation(str(folder)).spec.fingerprint == file_hash(*paths)
    write(folder, "train.tsv", ["one\tun"] * 40)
    assert Translation(str(folder)).spec.fingerprint == file_hash(folder / "train.tsv", *paths[2:])


@pytest.mark.skipif(
    "BENCH_DATA" not in os.environ, reason="set BENCH_DATA to the folder that holds translation_multi30k"
)
def test_multi30k_is_what_its_card_says():
    task = Translation(str(Path(os.environ["BENCH_DATA"]) / "translation_multi30k" / "raw"))
    sizes = [sum(len(b.fresh) for b in task.batches(split, 256, seeded())) for split in ("train", "valid", "test")]
    assert sizes == [29_000, 1_014, 1_000]
    assert task.spec.metric.baselines["word_for_word"] == pytest.approx(8.3, abs=0.3)
