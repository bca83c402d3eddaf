"""Folders of recorded words as people have them: other suffixes, litter, copies, words of two parts, no lists."""

import io
from collections import Counter

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import free_spoken_digits, speech_commands, wav

from bench.api import DataError
from bench.tasks.common.sounds.recordings import read_recordings
from bench.tasks.common.sounds.sound_folders import which_set
from bench.tasks.speech import Speech

LITTER = ("._{}", ".ipynb_checkpoints/{}", "__MACOSX/._{}", "Thumbs.db", ".DS_Store", "desktop.ini")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))


def words(folder, names=("yes", "no"), speakers=40):
    """A folder a word, each said once by each speaker, without lists."""
    for place, word in enumerate(names):
        (folder / word).mkdir(parents=True)
        for number in range(speakers):
            (folder / word / f"{number:08x}_nohash_0.wav").write_bytes(wav(place * speakers + number, samples=400))
    return str(folder)


def splits_of(source):
    return {each.name: each.split for each in read_recordings(source, "official")[0]}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("bb05582b_nohash_3.wav", "test"), ("0c40e715_nohash_0.wav", "test"), ("0ea0e2f4_nohash_0.wav", "test"),
        ("026290a7_nohash_0.wav", "valid"), ("060cd039_nohash_0.wav", "valid"), ("004ae714_nohash_0.wav", "train"),
    ],
)  # fmt: skip
def test_the_hash_says_what_the_lists_of_speech_commands_say(name, split):
    assert which_set(name) == split


def test_a_folder_a_word_without_lists_is_split_by_speaker_and_it_is_said(tmp_path):
    found, _, notes = read_recordings(words(tmp_path / "data"), "official")
    assert all(each.split == which_set(each.name.rpartition("/")[2]) for each in found)
    assert {each.word for each in found} == {"yes", "no"} and {each.split for each in found} == {
        "train",
        "valid",
        "test",
    }
    assert "split by Speech Commands' hash of names: 10% valid, 10% test" in notes[1]


def test_a_single_list_and_folders_that_are_splits_are_refused(tmp_path):
    source = words(tmp_path / "data", speakers=1)
    (tmp_path / "data" / "testing_list.txt").write_text("")
    with pytest.raises(DataError, match="has testing_list.txt and no validation_list.txt; add it, or remove both"):
        read_recordings(source, "official")
    with pytest.raises(DataError, match="its folders test, train are splits, and none is a word"):
        read_recordings(words(tmp_path / "splits", ("train", "test"), 1), "official")


def test_a_recording_that_both_lists_name_is_refused(tmp_path):
    source = speech_commands(tmp_path)
    (tmp_path / "testing_list.txt").write_bytes((tmp_path / "validation_list.txt").read_bytes())
    with pytest.raises(
        DataError, match="testing_list.txt: lists yes/00000000_nohash_0.wav, which validation_list.txt l"
    ):
        read_recordings(source, "official")


def test_a_line_of_a_list_is_a_path_with_blanks_in_any_case_and_with_any_line_end(tmp_path):
    source = speech_commands(tmp_path, ("u\u0308ber uns", "no"))  # as macOS unpacks it
    wanted = splits_of(source)
    for name in ("validation_list.txt", "testing_list.txt"):
        lines = (
            (tmp_path / name)
            .read_text()
            .replace("nohash", "NOHASH")
            .replace("no/", "no\\")
            .replace("u\u0308", "\u00fc")
            .replace("\n", "\r\n")
        )
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + lines.encode())
    assert splits_of(source) == wanted
    assert Counter(wanted.values()) == {"train": 12, "valid": 2, "test": 2}


@settings(max_examples=20)
@given(kinds=st.sets(st.sampled_from(LITTER)), upper=st.booleans())
def test_litter_and_the_case_of_suffixes_change_nothing(tmp_path_factory, kinds, upper):
    folder = tmp_path_factory.mktemp("words")
    source = words(folder / "data", speakers=2)
    wanted = splits_of(source)
    sounds = sorted((folder / "data").rglob("*.wav"))
    for kind in kinds:
        for path in sounds:
            (litter := path.parent / kind.format(path.name)).parent.mkdir(exist_ok=True)
            litter.write_bytes(b"\x00\x05\x16\x07")
    if upper:
        sounds[0].rename(sounds[0].with_suffix(".WAV"))
    found, _, notes = read_recordings(source, "official")
    assert {each.name.replace(".WAV", ".wav"): each.split for each in found} == wanted
    assert notes[0].startswith(f"{source}: read 4 files") and ("hidden" in notes[0]) == bool(kinds)


@pytest.mark.parametrize("suffix", [".flac", ".OGG", ".aiff", ".mp3"])
def test_other_formats_are_read_and_a_copy_beside_a_wav_is_not(tmp_path, suffix):
    source = free_spoken_digits(tmp_path, digits=[0], speakers=["ann"])
    names = set(splits_of(source))
    buffer = io.BytesIO()
    soundfile.write(buffer, np.sin(np.arange(2000) / 9) / 2, 8000, format=suffix[1:].upper())
    for name in ("0_ann_11", "0_ann_12"):  # beside a WAV, and alone
        (tmp_path / "recordings" / f"{name}{suffix}").write_bytes(buffer.getvalue())
    assert set(splits_of(source)) == names | {f"recordings/0_ann_12{suffix}"}
    assert len(Speech(source)._splits["train"]) == 3


def test_the_folder_of_spoken_digits_may_be_named_itself(tmp_path):
    source = free_spoken_digits(tmp_path)
    assert splits_of(f"{source}/recordings") == splits_of(source)


def test_what_a_split_lacks_and_what_two_splits_share_is_told_and_not_refused(tmp_path):
    source = speech_commands(tmp_path, ("yes", "no", "go"))
    for name in ("validation_list.txt", "testing_list.txt"):
        lines = (tmp_path / name).read_text()
        (tmp_path / name).write_text(lines.replace("go/00000001_nohash_0.wav\n", ""))
    (tmp_path / "no" / "00000001_nohash_0.wav").write_bytes((tmp_path / "no" / "00000007_nohash_0.wav").read_bytes())
    task = Speech(source)
    assert task.spec.notes[1:] == (
        "test holds no recording of go",
        "1 of the 2 recordings of test are also in train",
    )
    assert list(task.expected_failures) == ["splits are disjoint"]
    assert task.spec.metric.chance == 1 / 3, "train says go most often, which test lacks"
