"""Recordings come with the split that their layout says, and what fits no layout is refused."""

from collections import Counter

import pytest
from recordings import free_spoken_digits, named, parquet, rows, speech_commands, wav

from bench.api import DataError
from bench.tasks.common.sounds import recordings
from bench.tasks.common.sounds.recordings import read_recordings


def split_of(source, split="official"):
    """Each recording's split by its name."""
    return {each.name.rpartition("/")[2].rpartition(" ")[2]: each.split for each in read_recordings(source, split)[0]}


def test_the_official_split_goes_by_the_recordings_number(tmp_path):
    splits = split_of(free_spoken_digits(tmp_path))
    assert len(splits) == 72
    for name, split in splits.items():
        number = int(name.split("_")[2].removesuffix(".wav"))
        assert split == ("test" if number < 5 else "valid" if number < 10 else "train")


def test_one_speaker_is_left_out(tmp_path):
    splits = split_of(free_spoken_digits(tmp_path), "speaker:bob")
    assert Counter((split, "bob" in name) for name, split in splits.items()) == {
        ("test", True): 36, ("valid", False): 15, ("train", False): 21,
    }  # fmt: skip


def test_an_unknown_speaker_is_met_with_those_there_are(tmp_path):
    folder = free_spoken_digits(tmp_path, speakers="fabdce", numbers=range(1))
    with pytest.raises(DataError, match="task.split=speaker:eve: no such speaker; there are a, b, c, d, e, f"):
        read_recordings(folder, "speaker:eve")


@pytest.mark.parametrize("split", ["speaker", "speaker:", "random"])
def test_a_split_of_another_kind_is_refused(split):
    with pytest.raises(ValueError, match=f"task.split={split}: give official, or speaker:NAME"):
        read_recordings("anywhere", split)


def test_speech_commands_is_split_by_its_lists_and_noise_is_no_word(tmp_path):
    found, *_ = read_recordings(speech_commands(tmp_path), "official")
    assert {each.word for each in found} == {"yes", "no"}
    assert Counter(each.split for each in found) == {"train": 12, "valid": 2, "test": 2}
    assert {each.name for each in found if each.split == "test"} == {
        f"{w}/00000001_nohash_0.wav" for w in ("yes", "no")
    }


def test_a_list_that_names_what_is_not_there_is_refused(tmp_path):
    source = speech_commands(tmp_path)
    (tmp_path / "testing_list.txt").write_text("yes/gone.wav\n")
    with pytest.raises(DataError, match="testing_list.txt: lists yes/gone.wav, which is not there"):
        read_recordings(source, "official")


@pytest.mark.parametrize("where", [".", "data"])
def test_tables_are_split_by_their_names_and_valid_by_number(tmp_path, where):
    table = rows(named())
    parquet(tmp_path / where / "train-0.parquet", [row for row in table if int(row["audio"]["path"][6:-4]) >= 5])
    parquet(tmp_path / where / "test-0.parquet", [row for row in table if int(row["audio"]["path"][6:-4]) < 5])
    table_splits = split_of(str(tmp_path))
    (tmp_path / "folder").mkdir()
    assert table_splits == split_of(free_spoken_digits(tmp_path / "folder"))


def test_without_names_a_tenth_of_every_word_is_held_out(tmp_path):
    def nameless(count, offset):
        return [
            {"audio": {"bytes": wav(offset + i), "path": None}, "label": ("up", "down")[i % 2]} for i in range(count)
        ]

    parquet(tmp_path / "train.parquet", nameless(40, 0))
    found, *_ = read_recordings(parquet(tmp_path / "test.parquet", nameless(6, 50)), "official")
    assert Counter((each.split, each.word) for each in found) == {
        ("train", "up"): 18, ("train", "down"): 18, ("valid", "up"): 2, ("valid", "down"): 2,
        ("test", "up"): 3, ("test", "down"): 3,
    }  # fmt: skip


def test_a_single_table_of_named_recordings_is_split_by_number(tmp_path):
    parquet(tmp_path / "everything.parquet", rows(named()))
    assert Counter(split_of(str(tmp_path / "everything.parquet")).values()) == {"test": 30, "valid": 30, "train": 12}


def test_the_hub_is_read_like_tables(monkeypatch):
    class Rows(list):
        def cast_column(self, name, feature):
            assert name == "audio" and feature.decode is False
            return self

    def hub_rows(source, split, columns, remedy):
        assert columns == {"audio": "dict", "label": "int64"}
        return Rows(rows(named(numbers=range(5, 12) if split == "train" else range(5))))

    monkeypatch.setattr(recordings, "hub_rows", hub_rows)
    found, origin, notes = read_recordings("hub:mteb/free-spoken-digit-dataset", "official")
    assert Counter(each.split for each in found) == {"train": 12, "valid": 30, "test": 30}
    assert "mteb/free-spoken-digit-dataset" in origin and not notes


def one_list_alone(folder):
    """Speech Commands has two lists."""
    (folder / "testing_list.txt").write_text("")
    return str(folder)


def a_table(tmp_path, table):
    return parquet(tmp_path / "train.parquet", table)


@pytest.mark.parametrize(
    ("lay_out", "message"),
    [
        (
            lambda at: "absent",
            "task.source=absent: no such file or folder .*give builtin, hub:mteb/free-spoken-digit-dataset",
        ),
        (lambda at: str(at), "holds no recording; give recordings/DIGIT_SPEAKER_INDEX.wav"),
        (lambda at: one_list_alone(at), "holds no recording; give recordings/DIGIT_SPEAKER_INDEX.wav"),
        (lambda at: free_spoken_digits(at, digits=[12]), "12_ann_0.wav: label 12 is out of range 0 to 9"),
        (
            lambda at: a_table(at, rows(named(), lambda name: 10)),
            "train.parquet, row 0: label 10 is out of range 0 to 9",
        ),
        (lambda at: a_table(at, rows(named(), lambda name: "")), "train.parquet, row 0: label  is out of range"),
        (lambda at: a_table(at, [{"audio": {"path": "a.wav"}, "label": 1}]), "row 0: audio holds no bytes"),
        (lambda at: a_table(at, [{"sound": 1, "label": 1}]), "train.parquet: (cannot be read|has no column audio)"),
    ],
)
def test_what_fits_no_layout_is_refused(tmp_path, lay_out, message):
    with pytest.raises(DataError, match=message) as caught:
        read_recordings(lay_out(tmp_path), "official")
    assert "\n" not in str(caught.value)


def test_a_name_without_a_speaker_is_named(tmp_path):
    source = free_spoken_digits(tmp_path)
    (tmp_path / "recordings" / "noise.wav").write_bytes(wav(0))
    with pytest.raises(DataError, match="noise.wav: is not named DIGIT_SPEAKER_INDEX.wav"):
        read_recordings(source, "official")


def test_a_file_that_is_no_table_is_named(tmp_path):
    (tmp_path / "train.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match="train.parquet: cannot be read"):
        read_recordings(str(tmp_path), "official")


def test_a_table_that_does_not_say_what_is_for_testing_is_refused(tmp_path):
    table = [{"audio": {"bytes": wav(0), "path": "x.wav"}, "label": 1}]
    source = parquet(tmp_path / "a.parquet", table)
    for _ in range(2):
        with pytest.raises(DataError, match="does not mark its test recordings"):
            read_recordings(source, "official")
        parquet(tmp_path / "train.parquet", table)  # of two tables one does
    named = [{"audio": {"bytes": wav(1), "path": "1_ann_7.wav"}, "label": 1}]
    with pytest.raises(DataError, match="does not mark its test recordings"):
        read_recordings(parquet(tmp_path / "new" / "a.parquet", named + table), "official")
