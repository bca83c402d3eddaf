"""What the documents show is there, and what they tell a reader to type is understood."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.command.registry import every_verb
from bench.config.catalogue import choices

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]


def dead_links(text: str, folder: Path) -> list[str]:
    """The links of a Markdown text to files that are not there."""
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    return [target for target in targets if "://" not in target and not (folder / target).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(document: Path) -> None:
    assert dead_links(document.read_text("utf-8"), document.parent) == []


def test_a_dead_link_is_found() -> None:
    assert dead_links("[a](README.md), [b](nowhere.md#part), [c](https://x.org)", ROOT) == ["nowhere.md"]


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_into_a_document_lead_to_a_heading(document: Path) -> None:
    found = re.findall(r"\]\(([^)#:]*\.md)?#([^)]+)\)", document.read_text("utf-8"))
    places = [((document.parent / name).resolve() if name else document, anchor) for name, anchor in found]
    assert [f"{place.name}#{anchor}" for place, anchor in places if anchor not in anchors(place)] == []


def test_the_index_of_documents_has_all_of_them_and_its_glossary_is_in_order() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / name).resolve() for name in re.findall(r"\]\(([^)#]+)", index.read_text("utf-8"))}
    pages = {path for path in index.parent.glob("**/*.md") if path.parent.name not in ("adr", "tutorial")}
    assert pages - linked == {index}
    words = re.findall(r"^\| ([^|]+) \| .*\]\(.+\) \|$", index.read_text("utf-8"), re.MULTILINE)
    assert len(words) >= 40 and words == sorted(words, key=str.casefold)


def test_readme_shows_the_example_cell_as_it_is() -> None:
    example = (ROOT / "examples" / "my_cell.py").read_text("utf-8").splitlines()
    shown = re.search(r"```python\n(class .+?)```", README, re.DOTALL)
    assert shown is not None
    assert [line for line in shown[1].splitlines() if line not in example] == []
    assert f"has {len(example)} lines" in README
    assert len(example) < 25


@pytest.mark.parametrize("verb", every_verb())
def test_readme_names_every_verb(verb: str) -> None:
    assert f"`python -m bench {verb} " in README


def test_the_table_of_cells_has_all_of_them_and_each_keeps_its_laws() -> None:
    rows = re.findall(r"^\| (\w+) +\|.*\| ([^|]+?) +\|$", (ROOT / "docs" / "cells.md").read_text("utf-8"), re.MULTILINE)
    kept = dict(rows)
    assert kept.pop("cell") == "laws"
    assert sorted(kept) == sorted(name for name in choices("cell") if name != "custom")
    assert all(re.fullmatch(r"(\d+) of \1|\d+ of \d+ \(\d+ fails as expected\)", laws) for laws in kept.values())
