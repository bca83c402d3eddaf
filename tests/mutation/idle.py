"""Assertions that ran in no test: their premise was never met, and what they claim may be false."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from covering import Covering


def idle_assertions(root: Path, covering: Covering) -> Iterator[str]:
    """Each `assert` of the tests that did not run while lines were measured, as `file:line in function: text`.

    Left out are functions that did not run at all: tests that were skipped and helpers of other tests' processes.
    """
    for path in sorted((root / "tests").rglob("*.py")):
        file, source = str(path.relative_to(root)), path.read_text("utf-8")
        ran = covering.lines_run(file)
        for function in ast.walk(ast.parse(source)):
            if isinstance(function, ast.FunctionDef) and any(line in ran for line in _lines_of(function)):
                for line in sorted({node.lineno for node in ast.walk(function) if isinstance(node, ast.Assert)} - ran):
                    yield f"{file}:{line} in {function.name}: {source.splitlines()[line - 1].strip()}"


def _lines_of(function: ast.FunctionDef) -> range:
    """The lines of a function's body."""
    return range(function.body[0].lineno, (function.end_lineno or function.lineno) + 1)
