"""The tutorial's commands work as printed, in an empty folder, and what the page says of them is so."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "your-own-cell.md"
SMALL = ["budget.steps=3", "model.hidden=8", "task.held_out=20", "measure.seconds=0.01"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def commands() -> list[list[str]]:
    return [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]


@pytest.mark.slow
def test_a_new_user_s_path_from_the_skeleton_to_the_leaderboard(tmp_path: Path) -> None:
    before, after = blocks("python")
    root = PAGE.parents[2]
    for command in commands():
        arguments = command[1:]
        if any(word.startswith("task=") for word in command):
            arguments += SMALL
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(root), "PATH": "", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)},
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        if command[3] == "new":
            edit(tmp_path / "mine.py", before, after)
        last = done.stdout
    assert "\ncustom:Mine " in last and "\nlstm " in last
    records = [json.loads(path.read_text()) for path in tmp_path.glob("results/runs/*/record.json")]
    assert sorted((r["cell"], r["unroll"]) for r in records) == [
        ("custom:Mine", "eager"),
        ("lstm", "vendor"),
    ]


def edit(path: Path, before: str, after: str) -> None:
    """Do to the skeleton what the page says: put the line shown for the first of the two shown before it."""
    text = path.read_text("utf-8")
    assert before in text, "the page shows the skeleton's own lines"
    path.write_text(text.replace(before.splitlines()[0], after.splitlines()[0]), "utf-8")
