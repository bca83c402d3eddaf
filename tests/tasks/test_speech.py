"""Word recognition: synthesised vowels, made-up files, corrupt ones, and Free Spoken Digits where it is at hand."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from recordings import free_spoken_digits, speech_commands, wav
from tiny import seeded

from bench.api import DataError
from bench.checks import TASK_LAWS, assert_task
from bench.tasks import speech
from bench.tasks.common.sounds import vowels
from bench.tasks.speech import Speech

REAL = Path(os.environ.get("BENCH_DATA", "")) / "fsdd"
needs_data = pytest.mark.skipif("BENCH_DATA" not in os.environ, reason="BENCH_DATA names no folder of real data")
HERE = [law for law in TASK_LAWS if law not in ("same seed same batches", "memory is flat")]  # which take seconds


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def log(caplog):
    logging.getLogger("bench").addHandler(caplog.handler)
    yield caplog
    logging.getLogger("bench").removeHandler(caplog.handler)


def sizes(task):
    return {split: len(data) for split, data in task._splits.items()}


def test_the_default_has_the_sizes_of_its_card():
    task = Speech()
    assert sizes(task) == {"train": 1600, "valid": 400, "test": 400}
    assert len(task.classes) == 20 and task.spec.metric.chance == pytest.approx(1 / 20)
    assert task.spec.metric.baselines["mean_features"] < 0.5
    assert task.spec.fingerprint is None
    assert task.spec.rate == 100, "frames a second"


def test_every_speaker_is_in_one_split_and_says_every_word_twice():
    labels = vowels.labels()
    speakers = [{split for split, _ in labels[i : i + 40]} for i in range(0, len(labels), 40)]
    assert len(speakers) == 60 and all(len(splits) == 1 for splits in speakers)
    assert sorted(word for _, word in labels[:40]) == sorted(vowels.WORDS * 2)


def test_utterances_are_the_same_every_time_and_sound_like_their_vowels():
    """The spectrum's first peak lies near the first formant: `a` high, `i` and `u` low, whoever speaks."""
    waves = [wave for wave, _ in zip(vowels.spoken(), range(40), strict=False)]
    again = [wave for wave, _ in zip(vowels.spoken(), range(40), strict=False)]
    assert all(torch.equal(one, other) for one, other in zip(waves, again, strict=True))
    share = {}
    for wave, (_, word) in zip(waves, vowels.labels(), strict=False):
        power = np.abs(np.fft.rfft(wave[: len(wave) // 4].numpy())) ** 2
        hertz = np.fft.rfftfreq(len(wave) // 4, 1 / 8000)
        share.setdefault(word[0], []).append(power[hertz > 550].sum() / power.sum())
    mean = {vowel: np.mean(shares) for vowel, shares in share.items()}
    assert mean["a"] > max(mean["i"], mean["u"]) + 0.2


def test_made_up_recordings_keep_the_laws(tmp_path):
    assert_task(Speech, {"source": free_spoken_digits(tmp_path), "features": "mfcc", "deltas": 1}, laws=HERE)


def test_features_are_found_again_and_other_options_make_others(tmp_path, monkeypatch):
    source = free_spoken_digits(tmp_path)
    first = Speech(source)
    monkeypatch.setattr(speech, "features", None)  # whoever needs it now fails
    again = Speech(source, normalise="none")
    assert sizes(again) == sizes(first)
    with pytest.raises(TypeError):
        Speech(source, stride_ms=20)
    (tmp_path / "recordings" / "0_ann_0.wav").write_bytes(wav(1000))
    with pytest.raises(TypeError):
        Speech(source)


def test_normalising_uses_train_alone_or_each_recording_alone(tmp_path):
    source = free_spoken_digits(tmp_path)
    corpus = Speech(source)._splits
    torch.testing.assert_close(corpus["train"].sequences.values.mean(0), torch.zeros(40), atol=1e-4, rtol=0)
    assert corpus["test"].sequences.values.mean(0).abs().max() > 1e-3
    for sequence in Speech(source, normalise="utterance")._splits["test"].sequences:
        torch.testing.assert_close(sequence.mean(0), torch.zeros(40), atol=1e-4, rtol=0)


def test_speech_commands_at_its_own_rate_or_resampled(tmp_path):
    source = speech_commands(tmp_path)
    full, halved = Speech(source, sample_rate=16_000), Speech(source)
    assert full.spec.rate == halved.spec.rate == 100 and Speech(source, stride_ms=20.0).spec.rate == 50
    assert full.classes == halved.classes == ["no", "yes"]
    assert full._splits["test"].sequences.lengths.tolist() == halved._splits["test"].sequences.lengths.tolist()
    with pytest.raises(
        DataError, match="16000 samples a second, but task.sample_rate=8000; set task.sample_rate=16000"
    ):
        Speech(source, resample=False)


def with_corrupt(tmp_path):
    source = free_spoken_digits(tmp_path)
    (tmp_path / "recordings" / "0_ann_11.wav").write_bytes(b"no sound")
    (tmp_path / "recordings" / "1_bob_3.wav").write_bytes(wav(5)[:-100])
    return source


def test_corrupt_recordings_stop_the_run_by_name_and_number(tmp_path):
    source = with_corrupt(tmp_path)
    for _ in range(2):  # the second time the features are found
        with pytest.raises(DataError, match="0_ann_11.wav: cannot be read as sound .*; 2 of 72 recordings are corrupt"):
            Speech(source)


def test_corrupt_recordings_are_left_out_by_option_and_named_every_time(tmp_path, log):
    source = with_corrupt(tmp_path)
    for _ in range(2):
        log.clear()
        task = Speech(source, corrupt="skip")
        assert sizes(task) == {"train": 11, "valid": 30, "test": 29}
        assert "left out: recordings/0_ann_11.wav" in log.text and "1_bob_3.wav: is cut short" in log.text
        assert "2 of 72 recordings are corrupt and left out" in log.text


def test_if_all_are_corrupt_nothing_is_left(tmp_path):
    source = free_spoken_digits(tmp_path, digits=[0], speakers=["ann"])
    for path in (tmp_path / "recordings").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="the train split holds no recording"):
        Speech(source, corrupt="skip")


@pytest.mark.parametrize(("numbers", "split"), [(range(5, 12), "test"), (range(5), "train"), ([1, 11], "valid")])
def test_an_empty_split_is_named(tmp_path, numbers, split):
    with pytest.raises(DataError, match=f"the {split} split holds no recording"):
        Speech(free_spoken_digits(tmp_path, numbers=numbers))


def test_a_word_that_train_does_not_hold_is_refused(tmp_path):
    source = free_spoken_digits(tmp_path)
    (tmp_path / "recordings" / "9_ann_0.wav").write_bytes(wav(1))
    with pytest.raises(DataError, match="test holds recordings of 9, train none"):
        Speech(source)


def test_another_checksum_and_a_split_of_the_builtin_are_refused(tmp_path):
    source = free_spoken_digits(tmp_path)
    fingerprint = Speech(source).spec.fingerprint
    assert Speech(source, split="speaker:ann", checksum=fingerprint).spec.fingerprint == fingerprint
    with pytest.raises(DataError, match=f"SHA-256 is {fingerprint}, task.checksum says 1234"):
        Speech(source, checksum="1234")
    with pytest.raises(ValueError, match="task.split=speaker:ann: the builtin source has the split official alone"):
        Speech(split="speaker:ann")


@needs_data
def test_free_spoken_digits_is_as_the_card_says():
    official = Speech(str(REAL), features="mfcc")
    assert sizes(official) == {"train": 2400, "valid": 300, "test": 300}
    assert sizes(Speech(str(REAL), split="speaker:theo", features="mfcc")) == {"train": 2250, "valid": 250, "test": 500}
    listed = [line.split(",") for line in (REAL / "metadata.csv").read_text().split()[1:]]
    ours = {each.name: each.split == "test" for each in speech.read_recordings(str(REAL), "official")[0]}
    assert ours == {name: split == "test" for name, *_, split in listed}
    batch = next(official.batches("train", 32, seeded()))
    assert batch.inputs.shape[1:] == (32, 13)
