"""Which mutants a piece of code has."""

import pytest
from generate import changes

MUTANTS = {
    "a < b": ["a <= b"],
    "a == (b)": ["a != (b)"],
    "x is not None": ["x is None"],
    "a and b or c": ["a or b or c", "a and b and c"],
    "not a": ["a"],
    "a - b // 2": ["a + b // 2", "a - b / 2", "a - b // 3"],
    "-x": ["x"],
    "True": ["False"],
    "0.5": ["1.0"],
    "f(0.0)": ["pass", "f(1.0)"],
    "y = x.detach()": ["y = x"],
    "y = max(x)": ["y = min(x)"],
    "y = x.mean(dim=1)": ["y = x.sum(dim=1)", "y = x.mean()", "y = x.mean(dim=2)"],
    "y = f(x, dim=1, keep=k)": ["y = f(x,  keep=k)", "y = f(x, dim=2, keep=k)", "y = f(x, dim=1, )"],
    "x.y = z": ["pass"],
    "x += z": ["pass", "x -= z"],
    "y = [a for a in b if c > a]": ["y = [a for a in b if (not (c > a))]", "y = [a for a in b if c >= a]"],
    "if a:\n    b()": ["if (not (a)):\n    b()", "if a:\n    pass"],
    "while a:\n    break": ["while (not (a)):\n    break", "while a:\n    continue"],
    "y = a if b else c": ["y = a if (not (b)) else c"],
    "def f(a=1):\n    return a": ["def f(a=2):\n    return a", "def f(a=1):\n    return None"],
    "with a(), b(c):\n    d = e": ["if True:\n    d = e"],
    "ä = 'é'; b = ä < c": ["ä = 'é'; b = ä <= c"],
}
NONE = [
    "'words'",
    "x: int = y",
    "raise E(1 + 2)",
    "assert a < 1",
    "f'{a + 1}'",
    "import a",
    "@f(1)\ndef g(): ...",
    "y = x",
]


@pytest.mark.parametrize("source", MUTANTS)
def test_the_mutants_of(source: str) -> None:
    assert {change.applied_to(source) for change in changes("some.py", source)} == set(MUTANTS[source])


@pytest.mark.parametrize("source", NONE)
def test_what_has_no_mutants(source: str) -> None:
    assert changes("some.py", source) == []


def test_a_mutant_names_its_line_and_the_lines_of_its_statement() -> None:
    source = "def f(\n    a=1,\n):\n    x = g(\n        a < 2,\n    )\n    return x\n"
    (less,) = [change for change in changes("some.py", source) if change.after == "<="]
    assert (less.line_of(source), less.lines_of(source)) == ("a < 2,", range(4, 7))
    (one,) = [change for change in changes("some.py", source) if change.before == "1"]
    assert (one.line_of(source), one.lines_of(source)) == ("a=1,", range(1, 4))
    assert less.shown(source) == "some.py:5: a < 2,   [< -> <=]"


def test_a_change_of_text_that_is_no_longer_there_is_refused() -> None:
    (change,) = [change for change in changes("some.py", "y = a < b") if change.after == "<="]
    with pytest.raises(ValueError, match="some.py has no '<' at character 6"):
        change.applied_to("y = aa < b")
