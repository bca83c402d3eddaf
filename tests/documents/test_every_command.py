"""The commands in README and in docs/ are run, page by page in their order, small; that takes minutes."""

from __future__ import annotations

import re
import shutil
from itertools import groupby

import pytest
import torch
from shown_commands import EVERY, Command, is_form, set_up
from textbook import run, smaller

from bench.command.registry import every_verb

SMALL = {"budget.steps": 3, "evaluations": 1, "measure.seconds": 0.01}
FOREIGN = (
    "path/to", "multi30k/", ".csv", "wikitext2", "received", "old/results", "from/machine", "launcher=slurm",
    "launcher=ray",
)  # fmt: skip
"""Data that are to be fetched, runs of others, and clusters."""
ELSEWHERE = ("compare main HEAD", "--until", "bench tune")  # minutes of runs, which tests/study has
BEFORE = {
    "docs/reading-the-tables.md": ["-m task=copy,adding cell=vanilla,gru seed=0,1"],
    "docs/statistics.md": ["-m task=copy,adding cell=vanilla,gru seed=0,1"],
    "docs/how-to/language-models.md": ["task=wordlm", "task=hello"],
    "docs/measurement.md": ["task=copy cell=gru"],
    "docs/how-to/gpu.md": ["task=hello"],
    "docs/how-to/library.md": ["task=hello"],
    "docs/tutorial/README.md": ["-m task=hello seed=0,1"],
    "docs/how-to/verify.md": ["-m task=copy cell=gru seed=0,1"],
}
LONG = (["check"], ["check", "--markdown"])  # the laws of all cells, which tests/checks has
DIVERGES = "docs/tutorial/11-exploding.md"  # as the page says
PER_PAGE = {page: [*found] for page, found in groupby(EVERY, key=lambda command: command.page)}


def is_run(command: Command) -> bool:
    """Whether it can be run here: it is no form with places to fill in, and needs no GPU and no data of others."""
    text = " ".join(command.words)
    if re.search(r"_[0-9a-f]{16}\b", text):  # a run by its whole id, of other code by now
        return False
    here = "cuda" not in text or "show-kernel" in text
    return here and not (
        is_form(command) or any(each in text for each in (*FOREIGN, *ELSEWHERE)) or command.arguments in LONG
    )


def small(words: list[str]) -> list[str]:
    """The command with a small budget and two seeds, where it trains or measures."""
    if words[2:] and words[2] in every_verb():
        words = [word.replace("budget=1000 steps", "budget=3 steps") for word in words]
        return [*words, "measure.seconds=0.001"] if words[2] == "speed" else words
    options = SMALL | ({"seed": "0,1"} if any(word.startswith("seed=") for word in words) else {})
    return smaller(words, options)


@pytest.mark.thorough
@pytest.mark.parametrize("page", PER_PAGE)
def test_the_commands_of_a_page_work_in_their_order(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    set_up(tmp_path)
    if page.endswith("your-own-cell.md"):
        for path in tmp_path.glob("*mine.py"):
            path.unlink()
    for words in BEFORE.get(page, ()):
        assert run(smaller(["-m", "bench", *words.split()], SMALL), capsys).code == 0
    for command in filter(is_run, PER_PAGE[page]):
        if "--compare" in command.words:
            for name in "bc":
                shutil.copy("a.json", f"{name}.json")
        threads = torch.get_num_threads()
        said = run(small([*command.words]) if command.is_bench else [*command.words], capsys)
        torch.set_num_threads(threads)
        finds = page == DIVERGES or "--compare" in command.words or command.words[2:3] == ("compare",)
        assert said.code in ((0, 1) if finds else (0,)), (str(command), said.err)
        assert "Traceback" not in said.err
