"""Every character is predicted from those before it, once; the scores say bits a character; bad options say so."""

import math
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from text_lanes import lanes, seeded

from bench.api import DataError
from bench.tasks.charlm import SCORED_LANES, CharLM, code_points
from bench.tasks.common.texts.ngram import entropies

SPLITS = [0.5, 0.3, 0.2]


@pytest.fixture(scope="module")
def task_of(tmp_path_factory):
    """A function that makes a task of a text."""
    path = tmp_path_factory.mktemp("text") / "text.txt"

    def make(text, **options):
        path.write_text(text, newline="")
        return CharLM(str(path), **({"splits": SPLITS, "length": 4} | options))

    return make


@pytest.fixture(scope="module")
def builtin():
    return CharLM()


def same(ours, theirs):
    return len(ours) == len(theirs) and all(
        torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets) and torch.equal(a.weight, b.weight)
        for a, b in zip(ours, theirs, strict=True)
    )


# All eight letters come at once, so that train holds them; then without a period, so that no wrong place looks right.
texts = st.integers(50, 900).map(lambda n: "abcdefgh" + "".join("abcdefgh"[(i * i + i // 7) % 8] for i in range(n - 8)))


@given(text=texts, length=st.integers(1, 7), batch_size=st.integers(1, 40), seed=st.integers(0, 9))
def test_valid_and_test_predict_each_character_once_for_any_batch_size_and_generator(
    task_of, text, length, batch_size, seed
):
    task = task_of(text, length=length)
    first, second = int(len(text) * 0.5), int(len(text) * 0.8)
    for split, part in (("valid", text[first:second]), ("test", text[second:])):
        batches = list(task.batches(split, batch_size, seeded(seed)))
        read, predicted = lanes(task, batches)
        assert "".join(read) == part[:-1] and "".join(predicted) == part[1:]
        assert same(batches, list(task.batches(split, 1, seeded(99))))
        assert all(len(b.inputs) == length for b in batches)


@given(text=texts, length=st.integers(1, 4), batch_size=st.integers(1, 5), seed=st.integers(0, 9))
def test_train_lanes_are_neighbours_and_leave_out_less_than_a_window_each(task_of, text, length, batch_size, seed):
    task = task_of(text, length=length)
    train = text[: len(text) // 2]
    batches = list(task.batches("train", batch_size, seeded(seed)))
    read, predicted = lanes(task, batches)
    start = train.find("".join(read) + predicted[-1][-1])
    assert start >= 0 and "".join(predicted) in train[start + 1 :]
    assert 0 <= len(train) - 1 - len("".join(read)) < batch_size * length
    assert all(b.inputs.shape == (length, batch_size) and b.weight.all() and b.lengths is None for b in batches)


def test_targets_are_the_next_inputs_within_a_batch_and_across_batches(builtin):
    for split in ("train", "valid", "test"):
        steps = list(builtin.batches(split, 8, seeded()))
        inputs, targets, real = (torch.cat([getattr(b, k) for b in steps]) for k in ("inputs", "targets", "weight"))
        assert torch.equal(inputs[1:][real[1:].bool()], targets[:-1][real[1:].bool()])


def test_only_the_first_batch_of_a_pass_is_fresh(builtin):
    for split in ("train", "valid", "test"):
        first, *others = builtin.batches(split, 8, seeded())
        assert first.fresh.all() and others and not any(b.fresh.any() for b in others)


def test_a_long_split_is_scored_in_the_stated_number_of_lanes(builtin):
    assert {b.inputs.shape for b in builtin.batches("test", 8, seeded())} == {(64, SCORED_LANES)}


def test_padding_has_no_weight_and_is_outside_the_lengths(task_of):
    task = task_of("abcdefgh" * 37, length=8)
    batches = list(task.batches("valid", 8, seeded()))
    assert any(b.lengths is not None for b in batches)
    for batch in batches:
        lengths = torch.full((batch.inputs.shape[1],), 8) if batch.lengths is None else batch.lengths
        assert torch.equal(batch.weight.bool(), torch.arange(8)[:, None] < lengths)


def test_the_generator_alone_decides_where_a_pass_over_train_starts(builtin):
    def first(generator):
        return next(builtin.batches("train", 32, generator)).inputs

    generator = seeded(3)
    passes = [first(generator) for _ in range(3)]
    assert torch.equal(passes[0], first(seeded(3)))
    assert not torch.equal(passes[0], passes[1]) and not torch.equal(passes[1], passes[2])


@given(text=texts, length=st.integers(1, 5), batch_size=st.integers(1, 4))
def test_the_last_steps_alone_predict_each_character_from_as_many_before_it(task_of, text, length, batch_size):
    """`scored=last`, many to one: in train of windows side by side, else of one before each character."""
    task = task_of(text, length=length, scored="last")
    part = text[int(len(text) * 0.8) :]
    batches = list(task.batches("test", batch_size, seeded()))
    read = ["".join(task.decode(lane.tolist())) for b in batches for lane in b.inputs.T]
    assert read == [part[i : i + length] for i in range(len(part) - length)]
    assert "".join(task.decode(b.targets[-1].tolist()) for b in batches) == part[length:]
    for batch in [*batches, *task.batches("train", batch_size, seeded())]:
        assert batch.fresh.all() and batch.weight[-1].all() and not batch.weight[:-1].any()
    scored = task._ids["test"][length - 1 :]
    assert task.spec.metric.baselines == entropies(task._ids["train"], scored, task.spec.outputs)
    assert task.spec.reads == "last_step"


def test_without_a_test_fraction_all_the_rest_is_valid(task_of):
    text = "hello there " * 20
    task = task_of(text, splits=[0.7, 0.2999999, 0])  # these miss 1 by what rounding may do
    assert list(task.batches("test", 4, seeded())) == []
    assert "".join(lanes(task, list(task.batches("valid", 4, seeded())))[1]) == text[168 + 1 :]


def test_a_character_that_train_does_not_hold_is_unknown(task_of):
    task = task_of("ab" * 50 + "ac" * 50)
    assert task.spec.outputs == 3 and task.characters[1:] == ["a", "b"]
    assert all(0 in b.targets[b.weight.bool()] for b in task.batches("test", 4, seeded()))
    assert task.decode(task.encode("abc\udce9")) == "ab\ufffd\ufffd"


@given(st.data())
def test_encoding_and_decoding_gives_the_text_back(builtin, data):
    text = data.draw(st.text(st.sampled_from(builtin.characters[1:])))
    ids = builtin.encode(text)
    assert builtin.decode(ids) == text and all(0 < i < builtin.spec.outputs for i in ids)


@pytest.mark.parametrize("chunk", [1, 3, 32, 33])
def test_a_long_text_is_read_in_chunks_without_a_seam(chunk):
    text = "A longer line, of an odd length\ud800"
    pieces = list(code_points(text, chunk))
    assert np.concatenate(pieces).tolist() == [ord(character) for character in text]
    assert max(map(len, pieces)) == min(chunk, len(text)) and len(pieces) == math.ceil(len(text) / chunk)


def test_a_text_without_characters_has_no_ids(builtin):
    assert builtin.encode("") == [] and [len(piece) for piece in code_points("")] == [0]


@pytest.mark.parametrize(("kinds", "dtype"), [(127, "int8"), (128, "int16"), (40_000, "int32")])
def test_ids_are_kept_in_the_narrowest_type_that_holds_them(task_of, kinds, dtype):
    everything = "".join(chr(0x10000 + i) for i in range(kinds))
    task = task_of(everything * 4, splits=[0.5, 0.25, 0.25], normalise="none")
    assert task.spec.outputs == kinds + 1 and str(task._ids["train"].dtype) == dtype
    assert task.decode(task.encode(everything)) == everything


def test_a_uniform_model_scores_chance_and_a_perfect_one_is_always_right(builtin):
    totals = dict.fromkeys(("nll", "characters", "correct"), 0.0)
    perfect = dict(totals)
    for batch in builtin.batches("valid", 8, seeded()):
        targets = torch.nn.functional.one_hot(batch.targets, builtin.spec.outputs).float()
        for sums, logits in ((totals, torch.zeros_like(targets)), (perfect, 99 * targets)):
            for name, value in builtin.tally(logits, batch).items():
                sums[name] += value.item()
    assert totals["characters"] == len(builtin._ids["valid"]) - 1
    uniform = builtin.scores(totals)
    assert uniform["bits_per_character"] == pytest.approx(builtin.spec.metric.chance, rel=1e-5)
    assert uniform["perplexity"] == pytest.approx(builtin.spec.outputs, rel=1e-4)
    assert uniform["nats_per_character"] == pytest.approx(math.log(builtin.spec.outputs), rel=1e-5)
    assert builtin.scores(perfect)["accuracy"] == 1 and builtin.scores(perfect)["bits_per_character"] < 1e-6


def test_what_a_model_says_at_padding_is_not_scored(task_of):
    task = task_of("abcdefgh" * 37, length=8)
    *_, batch = task.batches("valid", 8, seeded())
    logits = torch.randn(*batch.inputs.shape, task.spec.outputs)
    shouted = torch.where(batch.weight[..., None].bool(), logits, 50 * logits)
    assert not torch.equal(logits, shouted)
    assert task.tally(logits, batch) == task.tally(shouted, batch)


def test_a_hopeless_or_broken_model_has_a_score_too(builtin):
    assert builtin.scores({"nll": 1e6, "characters": 10, "correct": 0})["perplexity"] == math.inf
    assert builtin.scores({"nll": 7000, "characters": 10, "correct": 0})["perplexity"] == math.exp(700)
    assert builtin.scores({"nll": 7005, "characters": 10, "correct": 0})["perplexity"] == math.inf
    assert math.isnan(builtin.scores({"nll": math.nan, "characters": 10, "correct": 0})["perplexity"])


def test_baselines_rank_as_they_should_on_real_text(builtin):
    metric = builtin.spec.metric
    assert metric.baselines["bigram"] < metric.baselines["unigram"] < metric.baselines["uniform"] == metric.chance
    assert metric.direction == "min" and metric.solved is None and len(builtin.spec.fingerprint) == 64


@pytest.mark.parametrize(("splits", "scored"), [([0.4, 0.3, 0.3], slice(70, 100)), ([0.4, 0.6, 0], slice(40, 100))])
def test_baselines_are_fitted_to_train_and_scored_on_test_or_else_on_valid(task_of, splits, scored):
    text = "ab" * 20 + "ba" * 5 + "aab" * 10 + "abb" * 10
    task = task_of(text[:100], splits=splits)
    train, held_out = (np.array(task.encode(part)) for part in (text[:40], text[scored]))
    assert task.spec.metric.baselines == entropies(train, held_out, 3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"length": 0}, "task.length=0"),
        ({"length": -1}, "task.length=-1"),
        ({"splits": [0.9, 0.1]}, "three fractions"),
        ({"splits": [0.5, 0.3, 0.1]}, "sum to 0.9"),
        ({"splits": [1.2, -0.1, -0.1]}, "above 0"),
        ({"splits": [0.9, 0.2, -0.1]}, "above 0"),
        ({"splits": [0.9, 0, 0.1]}, "above 0"),
        ({"splits": [math.nan, 0.5, 0.5]}, "above 0"),
        ({"encoding": "utf-9"}, "task.encoding=utf-9"),
    ],
)
def test_an_option_out_of_range_is_named_in_one_line(options, says):
    with pytest.raises(ValueError) as caught:
        CharLM(**options)
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("splits", "split"), [([0.1, 0.5, 0.4], "train"), ([0.5, 0.1, 0.4], "valid"), ([0.5, 0.4, 0.1], "test")]
)
def test_a_split_shorter_than_a_window_is_named_with_what_it_needs(task_of, splits, split):
    with pytest.raises(
        DataError, match=rf"text\.txt: the {split} split has 4 characters, one window needs 5; .*length"
    ):
        task_of("abcd" * 10, splits=splits)


def test_a_test_split_may_be_empty_where_it_was_asked_to_be(task_of):
    assert list(task_of("abcd" * 10, splits=[0.5, 0.5, 0]).batches("test", 4, seeded())) == []
    with pytest.raises(DataError, match="the test split has 1 characters"):
        task_of("a" * 20, splits=[0.5, 0.49, 0.01])


def test_one_character_more_than_a_window_is_enough(task_of):
    assert sum(b.weight.sum() for b in task_of("ab" * 12 + "a", length=4).batches("test", 4, seeded())) == 4


def test_train_too_short_for_its_lanes_names_batch_size(task_of):
    task = task_of("abc" * 30)
    with pytest.raises(DataError, match=r"train split has 45 characters.* batch_size=12 lanes needs 49;"):
        task.batches("train", 12, seeded())
    assert next(task.batches("train", 11, seeded())).inputs.shape == (4, 11)


PTB = "a e r _ b a n k n o t e\n t h e _ < u n k > _ r o s e _ N \n"


def test_the_penn_treebank_s_characters_are_counted_as_published(tmp_path):
    """Its 5,017,482 are the bytes of ptb.train.txt without the space at each end of a line, line ends included."""
    for split, times in (("train", 30), ("valid", 10), ("test", 10)):
        (tmp_path / f"ptb.char.{split}.txt").write_text(PTB * times)
    task = CharLM(str(tmp_path), splits="own", symbols="spaced", length=8)
    words = "aer banknote\nthe <unk> rose N\n"
    assert {split: len(ids) for split, ids in task._ids.items()} == {
        split: len(words) * times for split, times in (("train", 30), ("valid", 10), ("test", 10))
    }
    assert task.decode(task._ids["test"][: len(words)].tolist()) == words
    assert not any("every other" in note for note in task.spec.notes)


def test_a_text_that_looks_spaced_says_so_and_one_that_is_not_is_refused(task_of):
    (note,) = task_of(PTB * 10).spec.notes
    assert "task.symbols=spaced" in note
    assert task_of("a plain text of some words " * 9).spec.notes == ()
    with pytest.raises(DataError, match="line 2 has 'tion' between spaces"):
        task_of("a b c\nd tion e\n" * 9, symbols="spaced")


def test_a_text_is_scored_alike_however_its_marks_are_spelled(task_of):
    text = "café déjà ﬁn naïve Ångström\n" * 20
    spellings = [task_of(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")]
    first, second = ([ids.tolist() for ids in task._ids.values()] for task in spellings)
    assert first == second and spellings[0].spec.metric == spellings[1].spec.metric
    assert spellings[0].spec.notes == () and "not in NFC" in spellings[1].spec.notes[0]
    assert spellings[0].encode("e\u0301") == spellings[0].encode("é")
    kept = task_of(unicodedata.normalize("NFD", text), normalise="none")
    assert len(kept._ids["test"]) > len(spellings[0]._ids["test"]) and kept.spec.notes == ()


def test_tinyshakespeare_has_65_characters_and_the_customary_cut():
    data = Path(os.environ.get("BENCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
    path = data / "tinyshakespeare" / "input.txt"
    if not path.exists():
        pytest.skip(f"no tinyshakespeare at {path}: set BENCH_DATA to the folder that holds tinyshakespeare/input.txt")
    task = CharLM(str(path), splits=[0.9, 0.1, 0])
    assert task.spec.outputs == 66
    assert sum(b.weight.sum() for b in task.batches("valid", 1, seeded())) == 1_115_394 - 1_003_854 - 1
