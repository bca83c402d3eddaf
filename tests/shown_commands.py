"""The commands that the documents show, each with the page that it is on."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cli_tools import ROOT, write_cell

from bench.command.verbs import new

PAGES = [ROOT / "README.md", ROOT / "results" / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
HOW_TO = ROOT / "docs" / "how-to"
_PROGRAM = re.compile(r"\$? ?(?:\w+=\S+ )*python (?:-m bench|examples/)")


class Command(NamedTuple):
    """The words of a command after `python`, and the page that shows it."""

    page: str
    words: tuple[str, ...]

    @property
    def is_bench(self) -> bool:
        return self.words[:2] == ("-m", "bench")

    @property
    def arguments(self) -> list[str]:
        """The words after `python -m bench`."""
        return [*self.words[2:]]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def shown(text: str) -> Iterator[str]:
    """The command lines in a Markdown text: in its `sh` blocks, indented, and in backquotes."""
    text = text.replace("\\\n", " ")
    fenced = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for language, block in fenced.findall(text):
        if language == "sh":
            yield from block.splitlines()
    rest = fenced.sub("", text)
    yield from (line.strip() for line in re.findall(r"^    (.+)$", rest, re.MULTILINE) if _PROGRAM.match(line.strip()))
    inline = re.findall(r"`([^`]+)`", re.sub(r"^    .+$", "", rest, flags=re.MULTILINE))
    yield from (" ".join(code.split()) for code in inline if _PROGRAM.match(" ".join(code.split())))


def commands(page: Path) -> list[Command]:
    """The commands of a page that are programs of the project, in its order."""
    found = []
    for line in shown(page.read_text("utf-8")):
        for part in line.split("&&"):
            if _PROGRAM.match(part.strip()):
                words = shlex.split(part.strip().lstrip("$ "), comments=True)
                found.append(Command(page.relative_to(ROOT).as_posix(), tuple(words[words.index("python") + 1 :])))
    return list(dict.fromkeys(found))


def is_form(command: Command) -> bool:
    """Whether it shows how a command is written, with places to fill in: `bench show RUN`, `bench list [GROUP]`."""
    if not command.is_bench:
        return False
    return not command.arguments or any(
        word.startswith("[") or "..." in word or re.search(r"\b(RUN|NAME|VERB|OPTION|SWEEP)\b", word)
        for word in command.arguments
    )


EVERY = [command for page in PAGES for command in commands(page)]


def members(words: list[str]) -> list[list[str]]:
    """Some members of a sweep, in which each single value is at least once; a run is its own only member."""
    values = [_values(word) for word in words]
    return [[each[place % len(each)] for each in values] for place in range(max(map(len, values), default=1))]


def _values(word: str) -> list[str]:
    name, equals, value = word.partition("=")
    return [word] if "[" in value else [f"{name}{equals}{each}" for each in value.split(",")]


def set_up(folder: Path) -> None:
    """Put the files of one's own that the documents speak of into `folder`."""
    (folder / "my_cell.py").write_text((ROOT / "examples" / "my_cell.py").read_text("utf-8"), "utf-8")
    (folder / "examples").symlink_to(ROOT / "examples")
    for kind, name in (("cell", "mine"), ("task", "my_task")):
        new.write(kind, name, folder)
    (folder / "my_schedule.py").write_text(_code("training-options.md", "class Polynomial"), "utf-8")
    own = folder / "mine"
    for part in ("cell", "task", "experiment"):
        (own / part).mkdir(parents=True)
    star = write_cell(own, "pass", "star.py")
    star.write_text(star.read_text("utf-8").replace("class Mine", "class Star"), "utf-8")
    shown_star, quick = re.findall(r"```yaml\n(.*?)```", (HOW_TO / "your-own-folder.md").read_text("utf-8"), re.DOTALL)
    (own / "cell" / "star.yaml").write_text(shown_star, "utf-8")
    (own / "experiment" / "quick.yaml").write_text(quick, "utf-8")
    (own / "task" / "mine.yaml").write_text("# @package _global_\n# Mine\ntask: {target: my_task.py:MyTask}\n", "utf-8")
    (folder / "my_task.py").rename(own / "my_task.py")
    (folder / "my_task.py").write_text((own / "my_task.py").read_text("utf-8"), "utf-8")


def _code(page: str, part: str) -> str:
    """The indented program of a page that has `part`."""
    found = re.findall(r"(?:^(?:    .*)?\n)+", (HOW_TO / page).read_text("utf-8"), re.MULTILINE)
    (program,) = (each for each in found if part in each)
    return textwrap.dedent("".join(line for line in program.splitlines(True) if not _PROGRAM.match(line.strip())))
