"""Time series classification: the generated default, made-up .ts files, and Japanese Vowels where it is at hand."""

import os
from pathlib import Path

import pytest
import torch
from tiny import seeded

from bench.api import DataError
from bench.checks import TASK_LAWS, assert_task
from bench.checks.quick_task import quick_check_task
from bench.tasks.uea import UEA, cylinder_bell_funnel

REAL = Path(os.environ.get("BENCH_DATA", "")) / "japanese_vowels"
needs_data = pytest.mark.skipif("BENCH_DATA" not in os.environ, reason="BENCH_DATA names no folder of real data")
HERE = [law for law in TASK_LAWS if law not in ("same seed same batches", "memory is flat")]  # which take seconds


def a_problem(folder, train=20, test=10, dimensions=2, classes="ab", name="MadeUp", change=lambda x_FT: x_FT):
    """A pair of files of random series, their classes in turn; `change` sees each before it is written."""
    generator = seeded(train)
    for part, count in (("TRAIN", train), ("TEST", test)):
        lines = [f"@problemName {name}", f"@classLabel true {' '.join(classes)}", "@data"]
        for i in range(count):
            x = torch.randn(dimensions, 3 + i % 4, generator=generator).double().round(decimals=4) + i % 2
            rows = (",".join(f"{v:.16g}" for v in row) for row in change(x).tolist())
            lines.append(":".join([*rows, classes[i % len(classes)]]))
        (folder / f"{name}_{part}.ts").write_text("\n".join(lines))
    return str(folder)


def test_a_bell_rises_and_a_funnel_falls():
    """The means over many series show each class's shape, and that the noise has variance 1."""
    data = cylinder_bell_funnel()["test"]
    x_NT = data.sequences.values.view(-1, 128)
    cylinder, bell, funnel = (x_NT[data.labels == label].mean(0) for label in range(3))
    assert cylinder[40] == pytest.approx(6, abs=0.7)
    assert bell[36] < bell[60] and funnel[36] > funnel[60]
    torch.testing.assert_close(x_NT[:, :15].std(), torch.tensor(1.0), atol=0.03, rtol=0)


def test_the_default_has_the_sizes_of_its_card():
    task = UEA()
    assert {split: len(data) for split, data in task._splits.items()} == {"train": 600, "valid": 300, "test": 900}
    assert task.spec.metric.chance == pytest.approx(1 / 3)
    assert task.spec.metric.chance < task.spec.metric.baselines["mean_features"] < 0.7
    assert task.spec.fingerprint is None


def test_made_up_files_keep_the_laws(tmp_path):
    assert_task(UEA, {"source": a_problem(tmp_path)}, laws=HERE)


def test_valid_is_a_stratified_part_of_train_and_test_is_the_file(tmp_path):
    task = UEA(a_problem(tmp_path, train=40, test=6), valid_share=0.25, normalise="none")
    counts = {split: data.labels.bincount().tolist() for split, data in task._splits.items()}
    assert counts == {"train": [15, 15], "valid": [5, 5], "test": [3, 3]}
    assert task.classes == ["a", "b"] and task.spec.inputs.size == 2


def test_features_are_scaled_by_train_alone(tmp_path):
    data = UEA(a_problem(tmp_path))._splits
    torch.testing.assert_close(data["train"].sequences.values.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(data["train"].sequences.values.std(0, correction=0), torch.ones(2))
    assert data["test"].sequences.values.mean(0).abs().max() > 1e-3
    for sequence in UEA(a_problem(tmp_path), normalise="series")._splits["test"].sequences:
        torch.testing.assert_close(sequence.mean(0), torch.zeros(2), atol=1e-5, rtol=0)


@pytest.mark.parametrize("normalise", ["corpus", "series"])
def test_units_offsets_and_a_stuck_channel_change_no_score_of_files(tmp_path, normalise):
    """Through the text of files, as a recorder in volts, with an offset, or with a dead channel would write them."""
    changes = {
        "plain": lambda x_FT: x_FT,
        "volts": lambda x_FT: x_FT * 1e-6,
        "mixed": lambda x_FT: (
            x_FT * torch.tensor([[1e9], [-1e-9]], dtype=torch.float64) + torch.tensor([[0.0], [1e-3]])
        ),
        "offset": lambda x_FT: x_FT + 1e8,
        "stuck": lambda x_FT: torch.cat([x_FT, torch.full_like(x_FT[:1], 3.7)]),
    }
    made = {}
    for name, change in changes.items():
        (tmp_path / name).mkdir()
        made[name] = UEA(a_problem(tmp_path / name, change=change), normalise=normalise)
    wanted = made.pop("plain")
    for name, task in made.items():
        assert task.spec.metric.baselines == wanted.spec.metric.baselines and task.spec.metric.chance == 0.5
        for split, data in task._splits.items():
            found_SF, wanted_SF = data.sequences.values[:, :2], wanted._splits[split].sequences.values
            signs_F = torch.tensor([1.0, -1.0 if name == "mixed" else 1.0])
            torch.testing.assert_close(found_SF * signs_F, wanted_SF, atol=1e-5, rtol=1e-5)
    assert not made["stuck"]._splits["test"].sequences.values[:, 2].any()
    assert "1 of 3 channels (3) constant in train, and read as 0" in made["stuck"].spec.notes


def test_a_test_that_is_train_is_told_and_runs(tmp_path):
    source = a_problem(tmp_path)
    (tmp_path / "MadeUp_TEST.ts").write_bytes((tmp_path / "MadeUp_TRAIN.ts").read_bytes())
    task = UEA(source)
    assert "16 of the 20 series of test are also in train" in task.spec.notes
    quick_check_task(task, 8)


def test_a_checksum_is_of_both_files(tmp_path):
    source = a_problem(tmp_path)
    fingerprint = UEA(source).spec.fingerprint
    assert UEA(source, checksum=fingerprint).spec.fingerprint == fingerprint
    with pytest.raises(DataError, match=f"SHA-256 is {fingerprint}, task.checksum says 1234"):
        UEA(source, checksum="1234")
    with pytest.raises(DataError, match="SHA-256 is none .generated data., task.checksum says 1234"):
        UEA(checksum="1234")


def test_files_that_do_not_go_together_are_refused(tmp_path):
    for name, change in {"width": {"dimensions": 3}, "classes": {"classes": "abc"}}.items():
        (tmp_path / name).mkdir()
        a_problem(tmp_path / name, **change)
        test = (tmp_path / name / "MadeUp_TEST.ts").read_text()
        a_problem(tmp_path / name)
        (tmp_path / name / "MadeUp_TEST.ts").write_text(test)
    with pytest.raises(DataError, match="MadeUp_TEST.ts: has 3 dimensions, MadeUp_TRAIN.ts 2"):
        UEA(str(tmp_path / "width"))
    with pytest.raises(DataError, match="MadeUp_TEST.ts: has 3 series of class c, MadeUp_TRAIN.ts a, b; name files"):
        UEA(str(tmp_path / "classes"))


def test_a_folder_must_hold_one_problem(tmp_path):
    with pytest.raises(DataError, match="no such folder .* give builtin, or a folder with NAME_TRAIN.ts"):
        UEA(str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"has 0 \*_TRAIN.ts and 0 \*_TEST.ts, not one of each"):
        UEA(str(tmp_path))
    a_problem(tmp_path)
    a_problem(tmp_path, name="Other")
    with pytest.raises(DataError, match=r"has 2 \*_TRAIN.ts and 2"):
        UEA(str(tmp_path))


def test_shares_that_leave_a_split_empty_are_refused(tmp_path):
    for share in (0, 1, -0.5):
        with pytest.raises(ValueError, match=f"task.valid_share={share} must lie between 0 and 1"):
            UEA(valid_share=share)
    with pytest.raises(DataError, match="task.valid_share leaves train or valid empty, of 2 series"):
        UEA(a_problem(tmp_path, train=2))


@needs_data
def test_japanese_vowels_is_as_the_card_says():
    task = UEA(str(REAL))
    sizes = {split: len(data) for split, data in task._splits.items()}
    assert sizes["train"] + sizes["valid"] == 270 and sizes["test"] == 370
    lengths = torch.cat([data.sequences.lengths for data in task._splits.values()])
    assert (lengths.min(), lengths.max()) == (7, 29)
    assert task.spec.inputs.size == 12 and len(task.classes) == 9
    assert_task(UEA, {"source": str(REAL)}, laws=HERE)
