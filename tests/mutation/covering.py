"""Which tests run which lines, and how long each takes: what decides the tests that a mutant is tried with."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, groupby
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from change import Change, sources
from copies import copy_checkout

SETTINGS = "[run]\nrelative_files = true\ndata_file = {data}\n"


class Group(NamedTuple):
    """Tests that are run in one process, and the seconds after which a mutant has taken too long for them."""

    tests: list[str]
    limit: float


@dataclass(frozen=True)
class Covering:
    """The map that `measure` left in `folder`."""

    folder: Path

    def measure(self, root: Path, tests: Sequence[str] = ()) -> None:
        """Run all tests, or those in some files and folders, once, in a copy, and note the lines that each of them runs
        and its seconds. A test that fails could not tell a mutant from the code: it is named and left out.
        """
        copy = copy_checkout(root, self.folder / "measured")
        settings = self.folder / "coveragerc"
        settings.write_text(SETTINGS.format(data=self.folder / "coverage"), "utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        command += [*(f"--cov={part}" for part in ("bench", "tasks", "tests")), "--cov-context=test", "--cov-report="]
        command += [f"--cov-config={settings}"]
        command += [f"--junitxml={self.folder / 'seconds.xml'}", "--override-ini=junit_family=xunit1"]
        if tests:  # in one process; pytest-cov is to know
            command += ["-n0", "--dist=no"]
        if subprocess.run(command, cwd=copy).returncode not in (0, 1):
            raise SystemExit("the tests cannot be run: see above")
        for test, case in self._cases.items():
            if _has(case, "failure", "error"):
                print(f"left out, since it fails without any mutant: {test}")

    def changed_since(self, root: Path) -> list[str]:
        """The measured source files that read otherwise now, so that lines are no longer where they were."""
        measured = sources(self.folder / "measured", ["bench", "tasks"])
        return [file for file, text in sources(root, ["bench", "tasks"]).items() if measured.get(file) != text]

    @cached_property
    def seconds(self) -> dict[str, float]:
        """How long each test takes that passes: one that fails or is skipped tells nothing of a mutant."""
        cases = self._cases.items()
        return {t: float(case.get("time", 0)) for t, case in cases if not _has(case, "failure", "error", "skipped")}

    @cached_property
    def _cases(self) -> dict[str, ElementTree.Element]:
        """Each test as pytest reported it."""
        cases = ElementTree.parse(self.folder / "seconds.xml").iter("testcase")
        return {f"{case.get('file')}::{case.get('name')}": case for case in cases}

    @cached_property
    def _tests_of_file(self) -> dict[str, list[str]]:
        files = defaultdict(list)
        for test in self.seconds:
            files[test.split("::")[0]].append(test)
        return files

    def tests_for(self, change: Change, source: str, limit: float) -> list[Group]:
        """The tests that run a line of the change's statement: first those of the file's own tests, then those of its
        part and the laws, then the others; quick ones before slow ones, as many as `limit` seconds allow.

        A line that runs when its module is imported decides what any test of the module sees.
        """
        by_line = self._contexts(change.file)
        lines = [line for line in change.lines_of(source) if line in by_line]
        contexts = {context for line in lines for context in by_line[line]}
        if not lines or "" in contexts or _is_outside_functions(change, source):
            contexts = {context for found in by_line.values() for context in found}
        own = own_tests(change.file)
        tests = {*self._tests_of_file.get(own, []), *self._expanded(contexts)}
        ranked = sorted(tests, key=lambda test: (_distance(test, own), self.seconds[test], test))
        spent = list(accumulate(self.seconds[test] for test in ranked))
        kept = [test for test, until in zip(ranked, spent, strict=True) if until <= limit] or ranked[:1]
        groups = [list(group) for _, group in groupby(kept, key=lambda test: _distance(test, own))]
        return [Group(group, 20 + 5 * sum(self.seconds[test] for test in group)) for group in groups]

    def lines_run(self, file: str) -> set[int]:
        """The numbers of the lines of a file that ran."""
        return {line for line, contexts in self._contexts(file).items() if contexts}

    def _contexts(self, file: str) -> dict[int, list[str]]:
        from coverage import CoverageData

        data = CoverageData(str(self.folder / "coverage"))
        data.read()
        return data.contexts_by_lineno(file)

    def _expanded(self, contexts: Iterable[str]) -> Iterable[str]:
        """The tests of these contexts; what ran in the set-up of one may be shared by all tests of its file."""
        for context in contexts:
            test, _, phase = context.partition("|")
            if phase == "run":
                yield from [test] if test in self.seconds else []
            elif test:
                yield from self._tests_of_file.get(test.split("::")[0], [])


def _has(case: ElementTree.Element, *outcomes: str) -> bool:
    return any(case.find(outcome) is not None for outcome in outcomes)


def _distance(test: str, own: str) -> int:
    """0 for the file's own tests, 1 for those of its part and the laws, 2 for others."""
    file = test.split("::")[0]
    return 0 if file == own else 1 if Path(file).parent in (Path(own).parent, Path("tests/laws")) else 2


def own_tests(file: str) -> str:
    """The file of tests that mirrors a source file: `bench/train/loop.py` has `tests/train/test_loop.py`."""
    path = Path(file)
    folder = Path(*path.parts[1:-1]) if path.parts[0] == "bench" else path.parent
    return str(Path("tests") / folder / f"test_{path.stem}.py")


def _is_outside_functions(change: Change, source: str) -> bool:
    """Whether the changed line belongs to a module or class rather than to a function's body."""
    line = change.lines_of(source)[0]
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.Lambda)]
    return not any(
        (node.body[0].lineno if isinstance(node, ast.FunctionDef) else node.lineno) <= line <= (node.end_lineno or 0)
        for node in functions
    )
