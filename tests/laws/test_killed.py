"""A run that is killed at any moment goes on, with the same command, to the same result to the last bit.

Moments are counted in steps and in lines of code, and not in seconds: a kill is where it is meant to be on any machine.
"""

import json
import os
import random
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_tools import ROOT, Said, bench
from crashes import in_child

from bench.job import execute as runner
from bench.results import names
from bench.train.checkpoint import Checkpoints, list_checkpoints

EVERY, KILLS = 3, 10
STEPS = {"copy": 60, "charlm": 40}
RUNS = {
    "copy": [
        "task=copy", "cell=gru", "task.delay=3", "task.held_out=50", "model.hidden=8", "evaluations=5",
        "model.dropout=0.3", "ema=0.9",
    ],
    "charlm": [
        "task=charlm", "cell=lstm", "model.hidden=8", "model.zoneout=0.1", "task.length=32", "batch_size=4",
        f"task.source={ROOT / 'CONTRIBUTING.md'}", "task.splits=[0.6,0.2,0.2]",
        "evaluations=2", "schedule=cosine", "optimizer=rmsprop",
        "bptt=truncated", "bptt.window=8", "bptt.horizon=12", "bptt.offset=random",
    ],
}  # fmt: skip


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def from_step(patch: pytest.MonkeyPatch, step: int, on_line: Callable[[], None]) -> None:
    """Once this process has made its training step `step`, call `on_line` before each line of training and store."""
    watched = tuple(str(ROOT / "bench" / part) for part in ("train", "results"))
    due = Checkpoints.due

    def trace(frame: Any, event: str, _: Any) -> Any:
        if event == "line":
            on_line()
        return trace if frame.f_code.co_filename.startswith(watched) else None

    def listening(self: Checkpoints, number: int) -> bool:
        if number >= step and sys.gettrace() is not trace:  # another one may measure which lines tests run
            sys.settrace(trace)
        return due(self, number)

    patch.setattr(Checkpoints, "due", listening)


def lines_of_training(patch: pytest.MonkeyPatch, train: Callable[[], object]) -> int:
    """The number of lines of training and store that `train` executes before it comes to scoring."""
    lines, evaluate, before = 0, runner.evaluate, sys.gettrace()

    def count() -> None:
        nonlocal lines
        lines += 1

    def scoring(*arguments: Any) -> Any:
        sys.settrace(before)
        return evaluate(*arguments)

    from_step(patch, 1, count)
    patch.setattr(runner, "evaluate", scoring)
    try:
        train()
    finally:
        sys.settrace(before)
    return lines


def kill_at(step: int, lines: int) -> None:
    """Have this process killed so many lines after its step `step`."""
    left = lines

    def count_down() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            die()

    from_step(pytest.MonkeyPatch(), step, count_down)


def kill_at_scoring() -> None:
    """Have this process killed between the end of training and the record."""
    runner.evaluate = die  # type: ignore[attr-defined]


def result(folder: Path) -> tuple[object, ...]:
    """All that a run came to but for times: scores, curve and weights."""
    (run,) = [run for run in (folder / "runs").iterdir() if not run.name.startswith(".")]
    record = json.loads((run / names.RECORD).read_text("utf-8"))
    header, *rows = [line.split(",") for line in (run / names.CURVE).read_text("utf-8").splitlines()]
    timeless = [i for i, name in enumerate(header) if name != "seconds"]
    weights = (run / names.WEIGHTS).read_bytes()
    assert not list(run.glob(names.CHECKPOINTS)), "a finished run keeps no checkpoint"
    return record["status"], record["scores"], record["clipped"], [[row[i] for i in timeless] for row in rows], weights


def on_the_disk(folder: Path) -> int:
    """The step of the last checkpoint that the killed process left; 0 where it left none."""
    (left,) = (folder / "runs").glob(".*.partial")
    return max((names.step_of(path.name) or 0 for path in list_checkpoints(left)), default=0)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("task", list(RUNS))
def test_a_run_killed_again_and_again_comes_to_the_same(capsys, monkeypatch, task: str, tmp_path: Path) -> None:
    """A kill at a random line in each tenth of the training, and one after it; each finds a checkpoint on the disk."""
    steps, draw = STEPS[task], random.Random(task)
    command = [*RUNS[task], f"budget.steps={steps}", f"checkpoint.steps={EVERY}", "hardware.device=cpu"]
    whole, killed = ([*command, f"results_dir={tmp_path / name}"] for name in ("whole", "killed"))
    with monkeypatch.context() as patch:  # in this process, which so has all modules that its children need
        patch.setattr(runner, "measure_speed", lambda *_: None)
        said: list[Said] = []
        lines = lines_of_training(patch, lambda: said.append(bench(capsys, *whole)))
    assert said[0].code == 0
    lines_a_round = lines * EVERY // steps  # from a checkpoint to the next
    assert lines_a_round > 100
    tenth, found = (steps - 2 * EVERY) / KILLS, []
    for i in range(KILLS):
        step, line = EVERY + int((i + draw.random()) * tenth), draw.randrange(lines_a_round)
        assert in_child(killed, lambda: kill_at(step, line)) is None, f"it ended before it was killed at step {step}"  # noqa: B023
        found.append(on_the_disk(tmp_path / "killed"))
        assert step - EVERY <= found[-1] <= step + EVERY
    assert in_child(killed, kill_at_scoring) is None
    found.append(on_the_disk(tmp_path / "killed"))
    assert in_child(killed) == 0
    assert result(tmp_path / "killed") == result(tmp_path / "whole")
    (log,) = (tmp_path / "killed" / "runs").glob(f"*/{names.LOG}")
    gone_on = re.findall(r"going on from the checkpoint after step (\d+)", log.read_text("utf-8"))
    assert [int(step) for step in gone_on] == [step for step in found if step]
    assert len([step for step in found if step]) >= KILLS, "kills that found no checkpoint show nothing"
    assert {step * 4 // steps for step in found} == {0, 1, 2, 3, 4}, (
        "kills must be spread over the run, its end included"
    )
