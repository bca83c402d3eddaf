"""Each frame but a piece's first is predicted once; the score is nats a frame; files of another layout are named."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat
from tiny import seeded

from bench.api import DataError, file_hash
from bench.tasks.common.chords import KEYS, progressions
from bench.tasks.music import Music, transposed

SPLITS = {"train": "traindata", "valid": "validdata", "test": "testdata"}


def rolls(lengths, seed=0):
    """A MATLAB cell of random pieces."""
    cell = np.empty((1, len(lengths)), object)
    for i, length in enumerate(lengths):
        cell[0, i] = (np.random.default_rng(seed + i).random((length, KEYS)) < 0.1).astype(np.uint8)
    return cell


@pytest.fixture(scope="module")
def mat_of(tmp_path_factory):
    """A function that writes a file of the layout, with some variables replaced, or left out where None."""
    path = tmp_path_factory.mktemp("music") / "pieces.mat"

    def make(**variables):
        given = {"traindata": rolls([5, 2, 9]), "validdata": rolls([3, 4], 50), "testdata": rolls([6], 90), **variables}
        savemat(path, {name: value for name, value in given.items() if value is not None})
        return str(path)

    return make


@pytest.fixture(scope="module")
def builtin():
    return Music()


def totals(task, split, logits_of):
    sums = {}
    for batch in task.batches(split, 4, seeded()):
        for name, value in task.tally(logits_of(batch), batch).items():
            sums[name] = sums.get(name, 0) + value.item()
    return sums


@given(
    lengths=st.lists(st.integers(2, 9), min_size=1, max_size=7), batch_size=st.integers(1, 5), seed=st.integers(0, 9)
)
def test_each_frame_but_a_pieces_first_is_predicted_once_from_the_one_before(mat_of, lengths, batch_size, seed):
    cell = rolls(lengths)
    task = Music(mat_of(traindata=cell, testdata=cell))
    for split in ("train", "test"):
        found = []
        for batch in task.batches(split, batch_size, seeded(seed)):
            for lane, steps in enumerate(batch.lengths.tolist()):
                read, wanted = batch.inputs[:, lane], batch.targets[:, lane]
                assert torch.equal(read[1:steps], wanted[: steps - 1]) and not read[steps:].any()
                assert batch.weight[:, lane].tolist() == [1] * steps + [0] * (len(read) - steps)
                found.append(torch.cat([read[:1], wanted[:steps]]).numpy().tobytes())
        assert sorted(found) == sorted(piece.astype(np.float32).tobytes() for piece in cell[0])


def test_the_score_is_the_mean_over_all_frames_of_the_sum_over_notes(builtin):
    even = builtin.scores(totals(builtin, "test", lambda batch: torch.zeros_like(batch.targets)))
    assert even["frame_nll"] == pytest.approx(KEYS * math.log(2), rel=1e-5)
    perfect = builtin.scores(totals(builtin, "test", lambda batch: 99 * (2 * batch.targets - 1)))
    assert perfect["frame_nll"] < 1e-6 and perfect["frame_accuracy"] == 1


def test_accuracy_counts_notes_found_among_those_said_or_sounding(builtin):
    (batch, *_) = builtin.batches("test", 1, seeded())
    logits = torch.full_like(batch.targets, -1.0)
    sounding = batch.targets[0, 0].nonzero().flatten()
    logits[0, 0, sounding[:1]] = 1.0
    tally = builtin.tally(logits, batch)
    assert tally["found"] == 1 and tally["any"] == batch.targets.sum()
    logits[0, 0, 0] = 1.0  # a wrong note is one more said
    assert builtin.tally(logits, batch)["any"] == batch.targets.sum() + 1


def test_chance_and_baseline_are_frequencies_in_train_scored_on_test(mat_of):
    task = Music(mat_of(testdata=rolls([6, 8], 90)))
    read, wanted = (
        torch.cat([getattr(b, part)[b.weight > 0] for b in task.batches("train", 1, seeded())])
        for part in ("inputs", "targets")
    )
    rate = (wanted.sum(0) + wanted.mean()) / (len(wanted) + 1)
    nll = [F.binary_cross_entropy(rate.expand_as(b.targets), b.targets) for b in task.batches("test", 1, seeded())]
    frames = [len(b.targets) for b in task.batches("test", 1, seeded())]
    assert task.spec.metric.chance == pytest.approx(KEYS * np.average(nll, weights=frames), rel=1e-4)

    def given_the_last(batch):
        on, off = ((wanted * was).sum(0) for was in (read, 1 - read))
        pooled_on, pooled_off = (wanted * read).sum() / read.sum(), (wanted * (1 - read)).sum() / (1 - read).sum()
        after_on = (on + pooled_on) / (read.sum(0) + 1)
        after_off = (off + pooled_off) / ((1 - read).sum(0) + 1)
        return torch.where(batch.inputs > 0, after_on, after_off).logit()

    scored = task.scores(totals(task, "test", given_the_last))
    assert task.spec.metric.baselines["note_by_note"] == pytest.approx(scored["frame_nll"], rel=1e-4)


def test_hearing_the_last_frame_helps_in_music(builtin):
    assert builtin.spec.metric.baselines["note_by_note"] < 0.7 * builtin.spec.metric.chance


@given(st.integers(-90, 90))
def test_transposing_moves_notes_and_loses_those_beyond_the_keyboard(semitones):
    frames = torch.eye(KEYS)[:, None]  # frame k sounds note k alone
    moved = transposed(frames, torch.tensor([semitones]))
    for note in (0, 40, KEYS - 1):
        wanted = [note + semitones] if 0 <= note + semitones < KEYS else []
        assert moved[note, 0].nonzero().flatten().tolist() == wanted


def test_a_piece_is_moved_down_and_up_to_both_limits_by_a_draw_of_its_own(mat_of):
    """Each piece is one note, held: how far it was moved can be heard."""
    cell = np.empty((1, 80), object)
    for i in range(80):
        cell[0, i] = np.eye(KEYS, dtype=np.uint8)[[40] * (3 + i % 2)]
    task, generator = Music(mat_of(traindata=cell), transpose=2), seeded()
    passes = [list(task.batches("train", 40, generator)) for _ in range(2)]
    moved = [[(batch.targets[0].argmax(-1) - 40).tolist() for batch in batches] for batches in passes]
    assert all(set(lanes) == {-2, -1, 0, 1, 2} for batches in moved for lanes in batches)
    assert moved[0] != moved[1], "each pass draws anew"
    for batch in (batch for batches in passes for batch in batches):
        assert torch.equal(batch.inputs[0], batch.targets[0]), "what is read and what follows are moved alike"
        assert ((batch.inputs == batch.targets[0]).all(-1) == (batch.weight > 0)).all()


def test_only_train_is_transposed(mat_of):
    path = mat_of()
    plain, moving = Music(path), Music(path, transpose=7)
    for split in SPLITS:
        pairs = zip(plain.batches(split, 3, seeded()), moving.batches(split, 3, seeded()), strict=True)
        assert all(torch.equal(a.inputs, b.inputs) for a, b in pairs) == (split != "train")


def test_generated_pieces_are_different_and_obey_their_rules():
    pieces = progressions(40, seed=3)
    assert len({piece.numpy().tobytes() for piece in pieces}) == 40
    assert all(torch.equal(a, b) for a, b in zip(pieces, progressions(40, seed=3), strict=True))
    for piece in pieces:
        assert (piece.sum(1) == 4).all() and piece.shape[1] == KEYS
        sounding = {*(piece.nonzero()[:, 1] % 12).tolist()}
        assert any(sounding <= {(tonic + step) % 12 for step in (0, 2, 4, 5, 7, 9, 11)} for tonic in range(12))
        assert (piece[-1] == piece[-2]).all()


def test_the_fingerprint_is_the_files_and_a_checksum_must_match(mat_of):
    path = mat_of()
    found = file_hash(path)
    assert Music(path, checksum=found).spec.fingerprint == found
    with pytest.raises(DataError, match=rf"SHA-256 is {found}, task\.checksum says abc"):
        Music(path, checksum="abc")


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"testdata": None}, "has no testdata; name a .mat file with cells traindata"),
        ({"validdata": np.zeros((3, KEYS))}, r"validdata is float64 \[3, 88\], no cell of pieces"),
        ({"traindata": rolls([4, 1])}, r"traindata, piece 2 is of shape \[1, 88\], not at least 2 frames of 88 notes"),
    ],
)
def test_another_layout_is_named_in_one_line(mat_of, variables, says):
    with pytest.raises(DataError, match=says) as caught:
        Music(mat_of(**variables))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("piece", "says"),
    [(np.zeros((5, 87)), r"of shape \[5, 87\]"), (np.full((5, KEYS), 2), "values other than 0 and 1")],
)
def test_a_wrong_piece_is_named_with_its_number(mat_of, piece, says):
    cell = rolls([5, 5])
    cell[0, 1] = piece
    with pytest.raises(DataError, match=f"testdata, piece 2 .*{says}"):
        Music(mat_of(testdata=cell))


def test_a_folder_with_one_file_is_that_file(mat_of, tmp_path):
    data = Path(mat_of()).read_bytes()
    for name in ("JSB.MAT", "._JSB.MAT"):
        (tmp_path / name).write_bytes(data[:: 1 if name == "JSB.MAT" else 9])
    task = Music(str(tmp_path))
    assert task.spec.fingerprint == file_hash(tmp_path / "JSB.MAT")
    assert task.spec.notes == (f"{tmp_path}: read 1 file; left out 1 hidden: ._JSB.MAT",)
    (tmp_path / "Nottingham.mat").write_bytes(data)
    with pytest.raises(DataError, match="the folder holds JSB.MAT, Nottingham.mat; name one file"):
        Music(str(tmp_path))


def test_a_file_that_is_none_or_missing_is_named(tmp_path):
    (tmp_path / "text.mat").write_text("no music " * 99)
    with pytest.raises(DataError, match=r"text\.mat: cannot be read as a MATLAB file"):
        Music(str(tmp_path / "text.mat"))
    with pytest.raises(DataError, match=r"none\.mat: no such file or folder .looked from .*; name a .mat file"):
        Music(str(tmp_path / "none.mat"))
    with pytest.raises(ValueError, match="task.transpose=88"):
        Music(transpose=88)


@pytest.mark.skipif("BENCH_DATA" not in os.environ, reason="BENCH_DATA names no folder with music_jsb/")
def test_the_chorales_are_229_76_and_77():
    task = Music(str(Path(os.environ["BENCH_DATA"]) / "music_jsb" / "JSB_Chorales.mat"))
    counts = {split: sum(len(b.fresh) for b in task.batches(split, 8, seeded())) for split in SPLITS}
    assert counts == {"train": 229, "valid": 76, "test": 77}
    assert task.spec.metric.baselines["note_by_note"] < task.spec.metric.chance
