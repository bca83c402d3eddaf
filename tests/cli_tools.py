"""Using the command as a user does: in this process where that is enough, else in one of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.command.main import main

ROOT = Path(__file__).parent.parent
TINY = ("model.hidden=8", "budget.steps=3", "evaluations=1", "measure.seconds=0.01")
"""A run that takes a moment."""
COPY = (*TINY, "task=copy", "task.held_out=20")
TEXT = (*TINY, "task=charlm", "task.length=16", "batch_size=4")


class Said(NamedTuple):
    """What a command came to: its exit code and what it printed."""

    code: int
    out: str
    err: str


def last_of_each(arguments: Iterable[str]) -> list[str]:
    """The arguments, where one for an option replaces earlier ones: a test's own come after `TINY`, and a command
    itself takes none twice. The sides of a comparison may name one option."""
    arguments = [*arguments]
    if arguments[:1] == ["compare"]:
        return arguments
    last = {
        word.lstrip("+").partition("=")[0] if "=" in word else (word, place): word
        for place, word in enumerate(arguments)
    }
    return [*last.values()]


def bench(capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    """The command in this process."""
    capsys.readouterr()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        code = main(last_of_each(arguments))
    except SystemExit as stop:  # --help
        code = int(stop.code or 0)
    finally:
        signal.signal(signal.SIGTERM, handler)
    return Said(code, *capsys.readouterr())


def start(*arguments: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    """The command in a process of its own, in `folder`."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *last_of_each(arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, folder: Path, **environment: str) -> Said:
    """What `start` comes to."""
    with start(*arguments, folder=folder, **environment) as process:
        out, err = process.communicate(timeout=300)
    return Said(process.returncode, out, err)


def records(results: Path) -> list[dict[str, Any]]:
    """All published records, by id."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(results.glob("runs/[!.]*/record.json"))]


def left_over(results: Path) -> list[Path]:
    """What a run that was never published has left behind."""
    return [*results.glob("runs/.*.partial"), *results.glob("runs/.probe*"), *results.glob("**/*.tmp")]


def the_line(said: Said) -> str:
    """The one line on stderr by which a command says what is wrong; fails where there is more or less."""
    assert "Traceback" not in said.err
    lines = said.err.splitlines()
    assert len(lines) == 1, said.err
    assert lines[0].startswith("bench: ")
    return lines[0].removeprefix("bench: ")


def write_cell(folder: Path, body: str, name: str = "mine.py") -> Path:
    """A file with the cell `Mine`: a leaky tanh unit whose step does `body` with `y_BH`, its output, first."""
    path = folder / name
    path.write_text(_CELL.replace("BODY", body), encoding="utf-8")
    return path


_CELL = """
import torch
from torch import nn

from bench.api import Cell


class Mine(Cell):
    def __init__(self, input_size: int, hidden_size: int, alpha: float = 0.1) -> None:
        super().__init__(input_size, hidden_size)
        self.linear = nn.Linear(input_size + hidden_size, hidden_size)
        self.alpha = alpha

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF, h_BH):
        new_BH = torch.tanh(self.linear(torch.cat([x_BF, h_BH], 1)))
        y_BH = (1 - self.alpha) * h_BH + self.alpha * new_BH
        BODY
        return y_BH, y_BH
"""
