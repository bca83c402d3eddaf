"""The tutorial's pages: their commands, run here as printed or smaller, and the output that they show."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_tools import ROOT, Said, bench, records

TUTORIAL = ROOT / "docs" / "tutorial"
SCRIPTS = ROOT / "examples" / "textbook"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (TUTORIAL / page).read_text("utf-8"), re.DOTALL)


def command(page: str) -> list[list[str]]:
    """The words of the page's one command, less `python`; several of them where it is joined by `&&`."""
    (block,) = blocks(page, "sh")
    parts = block.replace("\\\n", " ").split("&&")
    return [shlex.split(part)[1:] for part in parts]


def smaller(words: list[str], options: dict[str, object]) -> list[str]:
    """A command with other values of some options, or with more of them."""
    kept = [word for word in words if word.partition("=")[0] not in options]
    return [*kept, *(f"{name}={value}" for name, value in options.items())]


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> Said:
    """What a command comes to, run in this process."""
    if words[:2] == ["-m", "bench"]:
        return bench(capsys, *words[2:])
    script, *arguments = words
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [script, *arguments])
        runpy.run_path(str(ROOT / script), run_name="__main__")
    return Said(0, *capsys.readouterr())


def script(name: str) -> dict[str, Any]:
    """What a small program of the textbook defines."""
    return runpy.run_path(str(SCRIPTS / name))


def scores(option: str) -> dict[Any, float | None]:
    """The test score of each run in ./results by its value of an option, or by `cell`; None of one that diverged."""
    found = {}
    for record in records(Path("results")):
        value: Any = record["config"]
        for key in option.split("."):
            value = value[key]
        found[record["cell"] if option == "cell" else value] = record["metric"]["test"]
    return found
