"""A defect that a commit plants in one cell is found by running both commits, and a commit without one is none."""

import json
import shutil
import subprocess
import sys

import pytest
from cli_tools import ROOT

WORDS = (
    "task=copy cell=gru,lstm seed=0,1,2,3,4,5 task.delay=3 task.symbols=4 model.hidden=32 budget.steps=200 "
    "evaluations=1 task.held_out=100 measure.seconds=0.01 optimizer.lr=0.01"
).split()


def git(folder, *arguments):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True)


def compare(folder, a, b):
    """The comparison of two commits of the checkout in `folder`: the exit code, and the verdict on each cell."""
    command = [sys.executable, "-m", "bench", "compare", a, b, *WORDS, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    verdicts = {one["cell"]["a"].partition("(")[0]: one["verdict"] for one in json.loads(done.stdout)["comparisons"]}
    return done.returncode, verdicts


@pytest.mark.thorough
@pytest.mark.skipif(not (ROOT / ".git").exists() or shutil.which("git") is None, reason="needs the checkout's history")
def test_an_update_gate_that_keeps_nothing_is_found_and_a_comment_is_not(tmp_path):
    checkout = tmp_path / "checkout"
    git(tmp_path, "clone", "-q", str(ROOT), str(checkout))
    gru, lstm = (checkout / "bench" / "cells" / name for name in ("gru.py", "lstm.py"))
    for name, path, old, new in (
        ("comment", lstm, "from __future__", "# nothing else\nfrom __future__"),
        ("defect", gru, "return n + z * (h - n)", "return z * n"),
    ):
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
        git(checkout, "commit", "-qam", name)
        git(checkout, "tag", name)
    assert compare(checkout, "comment", "defect") == (1, {"gru": "worse", "lstm": "no difference seen"})
    assert compare(checkout, "comment~1", "comment") == (0, dict.fromkeys(("gru", "lstm"), "no difference seen"))
