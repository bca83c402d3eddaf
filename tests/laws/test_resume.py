"""A training that was cut off goes on from its last readable checkpoint, to the same result to the last bit."""

import logging
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from clock import Clock
from interrupted import A_PASS, Shuffled
from tiny import Given, a_batch, a_setup, truncated

from bench.config.schema import BudgetConfig, CheckpointConfig
from bench.job.log import also_to
from bench.train import checkpoint
from bench.train.checkpoint import Checkpoints, _read, list_checkpoints
from bench.train.fit import Fit
from bench.train.passes import Passes
from bench.train.position import Position
from bench.train.progress import Progress


def batches(count: int = 7) -> list:
    return [a_batch(T=6, B=2, seed=seed, fresh=seed == 0) for seed in range(count)]


class Cut(Exception):
    """What ends training in the middle."""


class Lines(logging.Handler):
    """Keeps the lines that are logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def fitted(folder: Path, cut: int = 0, **changes: object):
    """The result and the weights of a tiny training, from the last checkpoint in `folder` on; what was said of it."""
    task = Given(train=batches(), valid=[a_batch(seed=9)])
    options = {"budget": BudgetConfig(steps=20), "evaluations": 4, "bptt": truncated(2, offset="random"), **changes}
    setup = a_setup(task, **options)
    lines = Lines()

    def cut_off(progress: Progress, *_: float) -> None:
        if progress.steps == cut:
            raise Cut

    fit = Fit(setup, Checkpoints(folder, CheckpointConfig(steps=2)), cut_off)
    with suppress(Cut), also_to(lines):
        list(fit)
    return fit.progress, {name: tensor.clone() for name, tensor in setup.model.state_dict().items()}, lines.lines


def check_same(found, wanted):
    (found_fit, found_weights, _), (wanted_fit, wanted_weights, _) = found, wanted
    for name, tensor in wanted_weights.items():
        assert torch.equal(found_weights[name], tensor), f"{name} differs from the undisturbed run's"
    found_rows, wanted_rows = ([{**row, "seconds": 0} for row in fit.curve.rows] for fit in (found_fit, wanted_fit))
    assert found_rows == wanted_rows, "the curve differs from the undisturbed run's"


@pytest.mark.parametrize("gradient", ["rtrl", "uoro", "eprop"])
def test_influence_that_is_carried_forward_goes_on_too(tmp_path: Path, gradient: str) -> None:
    options = {"gradient": gradient, "bptt": truncated(2)}
    (tmp_path / "whole").mkdir()
    fitted(tmp_path, cut=7, **options)
    check_same(fitted(tmp_path, **options), fitted(tmp_path / "whole", **options))


@pytest.mark.parametrize("cut", range(1, 20, 3))
def test_training_cut_off_at_any_step_goes_on_to_the_same_weights(tmp_path: Path, cut: int) -> None:
    (tmp_path / "whole").mkdir()
    fitted(tmp_path, cut)
    found = fitted(tmp_path)
    assert bool(found[2] and "going on from the checkpoint" in found[2][0]) == (cut > 2)
    check_same(found, fitted(tmp_path / "whole"))


def test_only_the_seconds_of_earlier_processes_are_added_to_a_run_s_own(tmp_path: Path) -> None:
    """The record adds `before` to the time since this process began: what it saved itself must not be in it."""
    (tmp_path / "whole").mkdir()
    assert fitted(tmp_path / "whole")[0].before == 0
    fitted(tmp_path, cut=11)
    saved = Checkpoints(tmp_path, CheckpointConfig()).latest()
    assert saved is not None
    assert saved["fit"]["before"] > 0
    assert fitted(tmp_path)[0].before == saved["fit"]["before"]


@pytest.mark.parametrize("left_out", ["optimizer", "batches", "offsets", "carried", "model", "fit"])
def test_a_checkpoint_that_leaves_something_out_is_noticed(tmp_path: Path, monkeypatch, left_out: str) -> None:
    """Mutants: what is not restored keeps the value of a fresh start."""
    (tmp_path / "whole").mkdir()
    fitted(tmp_path, cut=11)
    whole = fitted(tmp_path / "whole")
    restore = Position.load_state_dict

    def partly(self: Position, state: dict) -> None:
        fresh = self.state_dict(0.0)
        if left_out == "fit":
            fresh["fit"]["steps"] = state["fit"]["steps"]
        restore(self, {**state, left_out: fresh[left_out]})

    monkeypatch.setattr(Position, "load_state_dict", partly)
    with pytest.raises(AssertionError, match="differs from the undisturbed"):
        check_same(fitted(tmp_path), whole)


def test_a_checkpoint_from_before_the_packages_is_gone_on_from(tmp_path: Path) -> None:
    """The file was written by this test's `fitted(cut=11)`, when `bench` was one folder; another processor rounds
    otherwise."""
    (tmp_path / "whole").mkdir()
    shutil.copy(Path(__file__).parent / "from_before" / "checkpoint-10.pt", tmp_path)
    progress, weights, lines = fitted(tmp_path)
    assert lines[0] == "going on from the checkpoint after step 10"
    whole, wanted, _ = fitted(tmp_path / "whole")
    assert (progress.steps, progress.updates, len(progress.curve.rows)) == (20, whole.updates, 4)
    for name, tensor in wanted.items():
        torch.testing.assert_close(weights[name], tensor)


def spoil(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "cut off":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(content[:-200] + bytes([content[-200] ^ 1]) + content[-199:])


@pytest.mark.parametrize("how", ["cut off", "empty", "a bit turned"])
def test_a_spoilt_checkpoint_gives_way_to_the_one_before(tmp_path: Path, how: str) -> None:
    (tmp_path / "whole").mkdir()
    fitted(tmp_path, cut=11)
    last, before = list_checkpoints(tmp_path)
    assert (last.name, before.name) == ("checkpoint-10.pt", "checkpoint-8.pt")
    spoil(last, how)
    found = fitted(tmp_path)
    assert found[2][:2] == [
        "checkpoint-10.pt cannot be read (it is cut off or damaged); trying the checkpoint before it",
        "going on from the checkpoint after step 8",
    ]
    check_same(found, fitted(tmp_path / "whole"))


def test_a_checkpoint_of_another_format_is_not_read(tmp_path: Path) -> None:
    fitted(tmp_path, cut=11)
    checkpoints, heard = Checkpoints(tmp_path, CheckpointConfig()), Lines()
    for step in (8, 10):
        checkpoints.save(step, {**_read(tmp_path / f"checkpoint-{step}.pt"), "format": 2})
    with also_to(heard):
        assert checkpoints.latest() is None
    assert heard.lines[0].startswith(
        "checkpoint-10.pt cannot be read (its format is 2, this version of bench reads 1); trying"
    )


class Trojan:
    """What a checkpoint from a stranger might hold: unpickled, it makes a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.place,)


def test_reading_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    checkpoints, heard, proof = Checkpoints(tmp_path, CheckpointConfig()), Lines(), tmp_path / "ran"
    checkpoints.save(3, {"extra": Trojan(proof)})
    with also_to(heard):
        assert checkpoints.latest() is None
    assert heard.lines[0].startswith("checkpoint-3.pt cannot be read (")
    assert not proof.exists()


def test_checkpoints_that_another_process_removes_first_are_no_error(tmp_path: Path, monkeypatch) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointConfig())
    checkpoints.save(8, {})
    spoil(tmp_path / "checkpoint-8.pt", "empty")
    assert checkpoints.latest() is None
    (tmp_path / "checkpoint-8.pt").unlink()
    checkpoints.save(2, {})
    assert [path.name for path in list_checkpoints(tmp_path)] == ["checkpoint-2.pt"]
    monkeypatch.setattr(checkpoint, "list_checkpoints", lambda folder: [folder / "checkpoint-1.pt"])
    checkpoints.clear()


def test_two_checkpoints_are_kept_and_a_draft_is_none(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointConfig(steps=1))
    for step in (1, 2, 10):
        checkpoints.save(step, {})
    (tmp_path / ".checkpoint-11.pt.1a2b3c4d.tmp").write_bytes(b"half")
    assert [path.name for path in list_checkpoints(tmp_path)] == ["checkpoint-10.pt", "checkpoint-2.pt"]
    checkpoints.clear()
    assert not list(tmp_path.iterdir())


def test_spoilt_checkpoints_do_not_outlive_new_ones_of_earlier_steps(tmp_path: Path) -> None:
    old = Checkpoints(tmp_path, CheckpointConfig())
    for step in (18, 20):
        old.save(step, {})
        spoil(tmp_path / f"checkpoint-{step}.pt", "cut off")
    new = Checkpoints(tmp_path, CheckpointConfig())
    assert new.latest() is None
    assert len(list_checkpoints(tmp_path)) == 2, "reading removes nothing: it may be another run's folder"
    for step in (2, 4, 6):
        new.save(step, {})
    assert [path.name for path in list_checkpoints(tmp_path)] == ["checkpoint-6.pt", "checkpoint-4.pt"]


def test_checkpoints_fall_due_by_steps_or_by_seconds(tmp_path: Path) -> None:
    clock = [100.0]
    by_steps, by_seconds, never = (
        Checkpoints(tmp_path, config, clock=lambda: clock[0])
        for config in (CheckpointConfig(steps=5), CheckpointConfig(seconds=60), CheckpointConfig(seconds=None))
    )
    assert [by_steps.due(step) for step in (4, 5)] == [False, True]
    assert (by_seconds.due(9), never.due(9)) == (False, False)
    clock[0] += 60
    assert (by_seconds.due(9), never.due(9)) == (True, False)
    by_seconds.save(9, {})
    assert not by_seconds.due(10)


@pytest.mark.parametrize("taken", [1, A_PASS, A_PASS + 1, 3 * A_PASS - 1])
def test_a_place_in_shuffled_data_is_found_again_in_any_pass(taken: int) -> None:
    task = Shuffled(Clock())
    stream = Passes(task, "train", 2, torch.Generator().manual_seed(3))
    orders = [[next(stream) for _ in range(A_PASS)] for _ in range(2)]
    assert [batch is other for batch, other in zip(*orders, strict=True)] != [True] * A_PASS, "each pass is shuffled"
    for _ in range(taken):
        next(stream)
    place, following = stream.state_dict(), [next(stream) for _ in range(2 * A_PASS)]
    again = Passes(task, "train", 2, torch.Generator())
    again.load_state_dict(place)
    assert all(next(again) is batch for batch in following)
