"""The lists of mutants stay true to the code: a mistake that cannot be planted, or whose test is gone, is told."""

import ast
from functools import cache
from pathlib import Path

import pytest
from equivalent import equivalents
from generate import changes
from planted import planted

ROOT = Path(__file__).parents[2]


@cache
def names_in(file: str) -> set[str]:
    """The functions of a file of tests."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_planted_mistake_is_code_and_its_test_is_there() -> None:
    mistakes = planted(ROOT)
    assert mistakes
    for mistake in mistakes:
        code = mistake.applied_to((ROOT / mistake.file).read_text("utf-8"))
        if mistake.file.endswith(".py"):
            compile(code, mistake.file, "exec")
        file, _, name = mistake.seen_by.partition("::")
        assert name in names_in(file), f"there is no test {mistake.seen_by} to see that {mistake.says}"


def test_every_equivalent_mutant_is_one_of_the_code_and_has_a_reason() -> None:
    for listed in equivalents():
        source = (ROOT / listed.file).read_text("utf-8")
        found = [change for change in changes(listed.file, source) if listed.is_(change, source)]
        assert found and listed.reason, f"{listed.file} has no mutant {listed.line} [{listed.before} -> {listed.after}]"


def test_a_planted_mistake_whose_text_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n", "utf-8")
    (tmp_path / "kind.toml").write_text(
        '[[mistake]]\nsays = "it is off"\nfile = "a.py"\nbefore = "x = 2"\nafter = "x = 3"\nseen_by = "t.py::t"\n',
        "utf-8",
    )
    with pytest.raises(ValueError, match=r"a\.py has 'x = 2' 0 times, not once \(it is off\)"):
        planted(tmp_path, tmp_path)


def test_those_of_some_files_can_be_planted_alone() -> None:
    leases, both = planted(ROOT, names=["leases"]), planted(ROOT, names=["leases", "engines"])
    assert leases and both[: len(leases)] == leases and len(leases) < len(both) < len(planted(ROOT))
    with pytest.raises(ValueError, match="there are no mistakes nowhere; there are .*leases"):
        planted(ROOT, names=["nowhere"])
