"""A mutant is tried in a process of its own, and what becomes of it is told."""

from pathlib import Path

import pytest
import trial
from change import Change
from copies import changed

CODE = "def half(x):\n    while x < 0:\n        x += 1\n    return x / 2  # exact\n"
TESTS = """from code_of_trial import half

def test_of_zero():
    assert half(0) == 0

def test_of_two():
    assert half(2) == 1

def test_below_zero():
    assert half(-1) == 0
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tiny checkout."""
    (tmp_path / "code_of_trial.py").write_text(CODE, "utf-8")
    (tmp_path / "test_of_trial.py").write_text(TESTS, "utf-8")
    (tmp_path / "conftest.py").write_text(
        "from hypothesis import settings\nsettings.register_profile('bench')\n", "utf-8"
    )
    return tmp_path


def tried(root: Path, before: str, after: str, *names: str, limit: float = 60) -> trial.Outcome:
    with changed(root, Change("code_of_trial.py", CODE.index(before), before, after)):
        return trial.trial(root, [f"test_of_trial.py::{name}" for name in names], limit)


def test_a_mutant_is_killed_by_the_first_test_that_fails(root: Path) -> None:
    names = ["test_of_zero", "test_of_two"]
    assert tried(root, "/", "*", *names) == trial.Outcome(True, "test_of_trial.py::test_of_two", 2)
    assert (root / "code_of_trial.py").read_text("utf-8") == CODE, "the mistake is taken out again"


def test_only_the_chosen_tests_see_it(root: Path) -> None:
    assert tried(root, "/", "*", "test_of_zero") == trial.Outcome(False, "", 1)


def test_a_mutant_that_cannot_be_imported_is_killed(root: Path) -> None:
    assert tried(root, "def half", "def halve", "test_of_two").by == "test_of_trial.py (cannot be imported)"


def test_a_mutant_that_never_ends_is_killed(root: Path) -> None:
    assert tried(root, "x += 1", "x += 0", "test_below_zero", limit=1).by == "too slow"


def test_a_test_that_is_not_there_sees_nothing(root: Path) -> None:
    with pytest.raises(RuntimeError, match="none of the tests ran"):
        tried(root, "/", "*", "test_of_three")
