"""What a table says of a cell or task: a verdict's count in words, and facts."""

import re

import pytest
import yaml

from bench.checks import Verdict
from bench.config.catalogue import choices
from bench.config.compose import compose
from bench.job.build import load_cell
from bench.job.checked import Checked, checked_cell


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


CELLS = sorted(set(choices("cell")) - {"custom"})


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_states_where_its_equation_and_its_block_are_published(name):
    cell, _ = load_cell(yaml.safe_load(choices("cell")[name].path.read_text()))
    assert re.search(r"[\w.] (19|20)\d\d", choices("cell")[name].source)
    assert cell.published_block in (None, *choices("block"))


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("gru", {"equation": "Cho et al. 2014, v1", "block": "none", "start": "torch.nn"}),
        ("lstm", {"start": "torch.nn but for bias_ih, bias_hh", "FLOPs forward": "196,608 + 2,688"}),
        ("irnn", {"equation": "Le et al. 2015", "start": "published"}),
        ("rglru", {"block": "griffin", "start": "own (published: init=published)"}),
        ("transformer", {"block": "is one"}),
    ],
)
def test_a_cell_s_row_says_its_source_its_block_its_start_and_its_operations(monkeypatch, name, facts):
    monkeypatch.setattr("bench.job.checked.check_cell", lambda *_, **__: [])
    assert facts.items() <= checked_cell(compose([f"cell={name}"])).facts.items()
