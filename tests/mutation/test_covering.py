"""Which tests may tell something of a mutant, and which assertions never ran."""

from pathlib import Path

import pytest
from covering import Covering, own_tests
from idle import idle_assertions

CASES = """<testsuites><testsuite>
<testcase file="t.py" name="passes" time="0.5"/>
<testcase file="t.py" name="fails" time="1"><failure/></testcase>
<testcase file="t.py" name="breaks" time="1"><error/></testcase>
<testcase file="t.py" name="waits" time="0"><skipped/></testcase>
</testsuite></testsuites>"""
TEST = """def test_a():
    for each in []:
        assert each
    assert True

def test_that_was_skipped():
    assert False
"""


def test_only_a_test_that_passes_tells_something(tmp_path: Path) -> None:
    (tmp_path / "seconds.xml").write_text(CASES, "utf-8")
    assert Covering(tmp_path).seconds == {"t.py::passes": 0.5}


def test_code_that_changed_since_it_was_measured_is_named(tmp_path: Path) -> None:
    for place in (tmp_path / "measured", tmp_path / "now"):
        for file in ("bench/a.py", "bench/b.py", "tasks/c.py"):
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_text("x = 1\n", "utf-8")
    assert Covering(tmp_path).changed_since(tmp_path / "now") == []
    (tmp_path / "now" / "bench" / "b.py").write_text("x = 2\n", "utf-8")
    assert Covering(tmp_path).changed_since(tmp_path / "now") == ["bench/b.py"]


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("bench/train/loop.py", "tests/train/test_loop.py"),
        ("bench/train/gradient/rtrl.py", "tests/train/gradient/test_rtrl.py"),
        ("tasks/common/sounds/audio.py", "tests/tasks/common/sounds/test_audio.py"),
    ],
)
def test_a_file_s_own_tests_mirror_it(file: str, tests: str) -> None:
    assert own_tests(file) == tests


def test_an_assertion_that_never_ran_is_named_and_a_skipped_test_is_not(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(TEST, "utf-8")
    monkeypatch.setattr(Covering, "lines_run", lambda self, file: {1, 2, 4, 6})
    assert list(idle_assertions(tmp_path, Covering(tmp_path))) == ["tests/test_a.py:3 in test_a: assert each"]
