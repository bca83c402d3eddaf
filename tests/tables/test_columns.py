"""The table of columns: all that is said of a figure is said there, and everything that prints a figure reads it."""

import math
from dataclasses import replace

import pandas as pd
import pytest
from factories import a_record, a_row, publish

from bench.errors import ConfigError
from bench.results.row import PLACES
from bench.results.store import Store
from bench.tables.closing import summary
from bench.tables.columns import COLUMNS, SHOWN, Column, Phrase, named
from bench.tables.files import write
from bench.tables.tabulate import tabulate
from bench.tables.text import to_markdown, to_text

ADDED = Column(
    "test",
    "median",
    lambda value: f"{value:.0%}",
    heading="on test",
    closing=Phrase("held out", "{} of the test split"),
)


def test_a_figure_added_to_the_table_is_in_files_text_and_closing_lines(tmp_path):
    publish(Store(tmp_path), "run")
    frame = write(tmp_path, columns=(*COLUMNS, ADDED))
    assert pd.read_csv(tmp_path / "leaderboard.csv")["test"].to_list() == [0.97] == frame["test"].to_list()
    head, row = to_text(frame, (*SHOWN, ADDED)).splitlines()[2:]
    assert head.endswith("  on test") and row.endswith("      97%")
    assert "| on test |" in to_markdown(frame, (*SHOWN, ADDED))
    assert "  held out   97% of the test split" in summary(a_record(), (*COLUMNS, ADDED)).splitlines()


def test_a_median_added_to_the_table_is_over_the_runs_that_are_done_and_have_it():
    rows = [a_row(seed=n, test=score) for n, score in enumerate([0.1, 0.2, 0.6])]
    rows += [a_row(seed=3, status="failed", test=0.9)]
    assert tabulate(rows, (*COLUMNS, ADDED))["test"].to_list() == [0.2]
    without = tabulate([a_row(test=None)], (*COLUMNS, ADDED))
    assert math.isnan(without["test"].item()) and without.dtypes["test"] == "float64"


def test_a_column_is_shown_shared_and_headed_as_the_table_says():
    frame = tabulate([a_row(cell="a"), a_row(cell="b")])
    (hardware,) = named("hardware")
    kept = to_text(frame, [*named("cell"), replace(hardware, shareable=False, heading="machine")]).splitlines()
    assert [line.split("  ")[0] for line in kept[1:]] == ["cell", "a", "b"] and kept[1].split() == ["cell", "machine"]
    shared = to_text(frame, [*named("cell"), replace(hardware, heading="machine")]).splitlines()
    assert shared[1] == "machine a processor, cpu 1 thread float32" and shared[2:] == ["cell", "a", "b"]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_every_column_has_a_type_a_title_and_a_format_for_what_it_holds(column):
    marked = dict.fromkeys((each.name for each in COLUMNS if each.of == "marks"), "contended")
    frame = tabulate([a_row(seed=0, cell="a", **marked), a_row(seed=1, cell="a", test=0.5, **marked)])
    value, dtype = frame[column.name].item(), frame.dtypes[column.name]
    assert isinstance(value, str) if column.dtype is None else dtype == column.dtype
    assert column.title.strip() and column.written(value).strip() not in ("", "-")
    if dtype == "float64":
        assert column.written(1234.5678) != repr(1234.5678), "a float is printed to digits that mean something"
    assert column.left == isinstance(value, str) or column.name == "score"


OF_SEVERAL = set(
    "score ci_low ci_high interval seeds solved_seeds solved_low solved_high score_median score_min score_max "
    "seed_scores gap_closed reached unreached".split()
)
"""Columns that are worked out from several runs' figures."""


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_every_column_of_runs_has_its_place_in_the_record(column):
    if column.of in ("key", "median", "most", "marks") or column.closing:
        assert column.name in PLACES
    elif column.of == "count":
        assert column.name in {"done", "failed", "diverged", "timed_out", "out_of_memory"}
    else:
        assert column.of in ("score", "target") and (column.name in PLACES or column.name in OF_SEVERAL)


def test_names_of_columns_are_unique_and_shown_are_some_of_them_in_order():
    names = [column.name for column in COLUMNS]
    assert len({*names}) == len(names)
    assert [column.name for column in SHOWN] == (
        "cell bptt budget hardware score valid seeds solved_seeds gap_closed params train_tokens_per_s "
        "infer_tokens_per_s step_us peak_mib target_steps seconds failed diverged timed_out out_of_memory"
    ).split()


def test_an_unknown_column_is_answered_with_the_nearest_and_all():
    assert [column.name for column in named("score", "cell")] == ["score", "cell"]
    with pytest.raises(ConfigError, match=r"^scor: .* \(did you mean score\?\); there are task, cell, .*, out_of_\w+$"):
        named("cell", "scor")
