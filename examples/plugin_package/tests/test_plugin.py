"""The plugin's own tests: its cell keeps the laws of cells, its task delays, and the harness finds and runs both."""

import json
from itertools import islice
from pathlib import Path

import pytest
import torch
from bench_echo.delay_line import DelayLine
from bench_echo.echo_state import EchoState
from torch import Generator

from bench.checks import CELL_LAWS, assert_cell
from bench.command.main import main


@pytest.mark.parametrize("law", CELL_LAWS)
def test_the_cell_keeps_the_law(law: str) -> None:
    assert_cell(EchoState, laws=[law])


def test_targets_are_the_inputs_some_steps_ago() -> None:
    for batch in islice(DelayLine(delay=3, length=12).batches("train", 4, Generator().manual_seed(0)), 3):
        assert torch.equal(batch.targets[3:], batch.inputs[:-3])
        assert batch.weight[:3].sum() == 0


def test_splits_are_disjoint() -> None:
    task = DelayLine()
    firsts = {
        split: {
            tuple(lane[:8].tolist())
            for batch in islice(task.batches(split, 64, Generator()), 20)
            for lane in batch.inputs.T
        }
        for split in ("train", "valid", "test")
    }
    assert not firsts["train"] & firsts["valid"] and not firsts["train"] & firsts["test"]
    assert not firsts["valid"] & firsts["test"]


def test_the_harness_lists_and_runs_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "cell"]) == 0
    assert "[bench-echo 0.1.0]" in capsys.readouterr().out
    options = ["task=delay_line", "cell=echo_state", "model.hidden=8", "budget.steps=3", f"results_dir={tmp_path}"]
    assert main(options) == 0
    (record,) = (json.loads(path.read_text()) for path in tmp_path.glob("runs/*/record.json"))
    assert record["task"] == "delay-line-v1" and record["cell"] == "echo_state"
    assert record["versions"]["bench-echo"] == "0.1.0"
