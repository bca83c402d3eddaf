"""A verdict's count, in words."""

import pytest

from bench.checks import Verdict
from bench.job.checked import Checked


@pytest.mark.parametrize(
    ("outcomes", "ok", "count"),
    [
        (["passed", "passed"], True, "2 of 2"),
        (["passed", "failed"], False, "1 of 2"),
        (["passed", "expected failure"], True, "1 of 2 (1 fails as expected)"),
        (["expected failure"] * 2, True, "0 of 2 (2 fail as expected)"),
    ],
)
def test_expected_failures_are_counted_apart(outcomes, ok, count):
    checked = Checked("mine", [Verdict("law", outcome, "") for outcome in outcomes])
    assert (checked.ok, checked.count) == (ok, count)
