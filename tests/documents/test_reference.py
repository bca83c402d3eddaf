"""The reference has every option, task, cell and field of a record as they are now."""

from __future__ import annotations

import re
import runpy
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Lt

from bench.config.catalogue import choices
from bench.config.schema import one_of, typed_options
from bench.results.record import Record

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
MADE = runpy.run_path(str(FOLDER / "pages.py"))
PAGES, described, in_words = (MADE[name] for name in ("PAGES", "described", "_type"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_current(name):
    current = (FOLDER / name).read_text("utf-8") == PAGES[name]()
    assert current, f"docs/reference/{name} is not what it would be made now: python -m docs.reference"


def test_every_page_is_made():
    assert {path.name for path in FOLDER.glob("*.md")} == {*PAGES}


def test_every_option_of_the_schema_is_there():
    page = PAGES["options.md"]()
    groups = {"task", "cell", "optimizer", "schedule", "bptt.kind"}  # chosen by name
    assert [name for name, _ in typed_options() if not re.search(f"`{name}[`=]", page) and name not in groups] == []


@pytest.mark.parametrize("group", ["task", "cell"])
def test_every_task_and_cell_has_a_section(group):
    sections = re.findall(r"^## (\w+)$", PAGES[f"{group}s.md"](), re.MULTILINE)
    assert sections == [*choices(group)]


def test_every_field_of_a_record_has_a_type_and_a_meaning():
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", PAGES["record.md"](), re.MULTILINE)
    assert [name for name, kind, meaning in rows if not kind.strip() or not meaning.strip()] == []
    assert [name for name, *_ in rows][: len(fields(Record))] == [field.name for field in fields(Record)]


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int | None, "whole number or null"),
        (Annotated[float, Ge(0), Lt(1)] | None, "number, 0 or more, below 1, or null"),
        (Annotated[str, one_of("a", "b")], "one of a, b"),
        (dict[str, float | None] | None, "object of (number or null) or null"),
        (Literal["max", "min"], "max, min"),
    ],
)
def test_types_are_said_in_words(hint, words):
    assert in_words(hint) == words


def test_bullets_of_a_docstring_describe_fields():
    text = "A class.\n\n- `a`, `b`: two; in\n  two lines. `c`: one.\n- `d`: see `e`: no field.\n\nThe end."
    assert described(text) == {"a": "two; in two lines", "b": "two; in two lines", "c": "one", "d": "see `e`: no field"}
