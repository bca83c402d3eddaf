"""A small change of one source file: what a mutant is."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Change:
    """`before`, from the offset `start` (in characters) of the file on, becomes `after`."""

    file: str  # relative to the root of the checkout
    start: int
    before: str
    after: str
    says: str = ""  # the mistake in a few words, where a person planted it
    seen_by: str = ""  # the test that is to fail under it; "" for any

    def applied_to(self, source: str) -> str:
        """The mutant's source; raises ValueError where `source` has other text in that place."""
        end = self.start + len(self.before)
        if source[self.start : end] != self.before:
            raise ValueError(f"{self.file} has no {self.before!r} at character {self.start}")
        return source[: self.start] + self.after + source[end:]

    def lines_of(self, source: str) -> range:
        """The numbers of the lines of the whole statement that changes, from 1; a function's change is its head's."""
        first = source.count("\n", 0, self.start) + 1
        inner = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
        around = [node for node in inner if node.lineno <= first <= (node.end_lineno or node.lineno)]
        statement = max(around, key=lambda node: (node.lineno, -(node.end_lineno or 0)), default=None)
        if statement is None:
            return range(first, first + 1)
        body = getattr(statement, "body", None)
        last = body[0].lineno - 1 if isinstance(body, list) else statement.end_lineno or statement.lineno
        return range(statement.lineno, max(last, first) + 1)

    def line_of(self, source: str) -> str:
        """The line in which the change begins, without its indentation."""
        return source[source.rfind("\n", 0, self.start) + 1 :].split("\n", 1)[0].strip()

    def shown(self, source: str) -> str:
        """The change as `file:line: the old line -> the new part`."""
        number = source.count("\n", 0, self.start) + 1
        what = f" ({self.says})" if self.says else ""
        return f"{self.file}:{number}: {self.line_of(source)}   [{_short(self.before)} -> {_short(self.after)}]{what}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."


def sources(root: Path, folders: list[str]) -> dict[str, str]:
    """The text of each Python file under `folders` of a checkout, or of the files named, by its relative path."""
    files = [path for name in folders for path in _python_files(root / name)]
    return {str(path.relative_to(root)): path.read_text("utf-8") for path in files}


def _python_files(path: Path) -> list[Path]:
    if not path.exists():
        raise SystemExit(f"there is no {path}; name a folder or file of the checkout, such as bench/stats")
    return [path] if path.is_file() else sorted(path.rglob("*.py"))
