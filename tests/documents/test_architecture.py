"""The picture in docs/architecture.md shows the parts as they are, in their order, and imports only lead down."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
LAYERS = [layer.split(" | ") for layer in CONTRACTS[0]["layers"]]
FLOOR = {part: -number for number, layer in enumerate(LAYERS) for part in layer}


def parts() -> set[str]:
    """The packages and modules directly in bench/."""
    return {
        path.stem for path in (ROOT / "bench").iterdir() if (path / "__init__.py").is_file() or path.suffix == ".py"
    }


def imports() -> set[tuple[str, str]]:
    """Which part imports which other, from all import statements."""
    found = set()
    for path in (ROOT / "bench").rglob("*.py"):
        part = path.relative_to(ROOT / "bench").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "bench":
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module or "").removeprefix("bench.") if (node.module or "").startswith("bench.") else ""]
            elif isinstance(node, ast.Import):
                names = [each.name.removeprefix("bench.") for each in node.names if each.name.startswith("bench.")]
            else:
                continue
            found |= {(part, name.partition(".")[0]) for name in names} - {(part, part)}
    return {(a, b) for a, b in found if a in FLOOR and b in FLOOR}


def upward(arrows: set[tuple[str, str]]) -> list[str]:
    """The imports that do not lead from a layer to a lower one."""
    return sorted(f"{a} -> {b}" for a, b in arrows if FLOOR[a] <= FLOOR[b])


def test_every_part_has_a_layer() -> None:
    assert parts() - {"__init__"} == {*FLOOR}


def test_the_picture_shows_the_layers_in_their_order() -> None:
    picture = re.search(r"```text\n(.+?)```", PAGE, re.DOTALL)
    assert picture is not None
    shown = re.findall(r"\b[a-z_]+\b", " ".join(line[:44] for line in picture[1].splitlines() if "──" not in line))
    assert shown == [part for layer in LAYERS for part in layer]


def test_the_page_says_what_every_package_owns() -> None:
    owned = re.findall(r"^\| \[(\w+)\]\(\.\./bench/\w+\) \|", PAGE, re.MULTILINE)
    assert {*owned} == {part for part in FLOOR if (ROOT / "bench" / part).is_dir()}


@pytest.mark.parametrize(
    "part", sorted({part for part in FLOOR if (ROOT / "bench" / part).is_dir()} - {"cells", "checks"})
)
def test_the_page_names_every_file_of_a_part(part: str) -> None:
    (row,) = re.findall(rf"^\| \[{part}\].*$", PAGE, re.MULTILINE)
    files = {path.stem for path in (ROOT / "bench" / part).glob("*.py")} - {"__init__"}
    named = {name.removesuffix(".py") for name in re.findall(r"`([\w.]+)`", row)}
    assert files - named == set()


def test_imports_lead_down() -> None:
    arrows = imports()
    assert len(arrows) > 40, "the imports were read"
    assert upward(arrows) == []


def test_an_import_that_leads_up_or_across_is_found() -> None:
    assert upward({("errors", "job"), ("job", "errors"), ("model", "tables")}) == ["errors -> job", "model -> tables"]
