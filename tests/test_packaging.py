"""What is installed is what lies in the checkout, and it runs in each of the ways that README promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from factories import publish
from packaging.requirements import Requirement

import bench
from bench.results.store import Store

ROOT = Path(__file__).parent.parent
PACKAGE_OF = {"bench": "bench", "conf": "bench/conf", "tasks": "bench/tasks"}
"""Where the checkout's folders go in a wheel."""

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WITHOUT_TORCH = [
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for package in ("config", "results", "stats", "tables")
    for path in sorted((ROOT / "bench" / package).glob("*.py"))
]


def run_python(arguments: list[str], folder: Path, path: Path | str = "") -> str:
    """What Python prints when run in `folder` with `path` on PYTHONPATH; a non-zero exit fails the test."""
    environment = {**os.environ, "PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def a_copy(folder: Path) -> Path:
    """A copy of what a distribution is made from, without what earlier builds left."""
    for name in PACKAGE_OF:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


def sources(root: Path) -> set[str]:
    """Every file of the checkout's packages, by its name in a wheel."""
    files = ((package, root / name, path) for name, package in PACKAGE_OF.items() for path in (root / name).rglob("*"))
    return {f"{package}/{path.relative_to(top).as_posix()}" for package, top, path in files if path.is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = a_copy(folder / "source")
    pip = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder)]
    run_python([*pip, str(source)], folder)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_a_wheel_holds_every_file_of_bench_conf_and_tasks_inside_the_one_package(wheel: Path, tmp_path: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packaged = {name for name in names if ".dist-info/" not in name}
    assert packaged == sources(a_copy(tmp_path / "source"))
    assert {name.partition("/")[0] for name in packaged} == {"bench"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_an_installed_wheel_runs_from_any_folder_with_its_own_conf_and_tasks(wheel: Path, tmp_path: Path) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    zipfile.ZipFile(wheel).extractall(site)  # which is what installing a pure wheel does
    empty.mkdir()
    places = (
        "import bench.config.packages, bench.tasks.copy as t; print(t.__file__, bench.config.packages.built_in().conf)"
    )
    assert run_python(["-c", places], empty, site).split() == [f"{site}/bench/tasks/copy.py", f"{site}/bench/conf"]
    said = run_python(["-m", "bench", "task=copy", "cell=gru", "budget.steps=2", "evaluations=1"], empty, site)
    assert "done after" in said
    assert [path.name for path in empty.glob("results/runs/*/record.json")] == ["record.json"]


def test_a_checkout_that_is_not_installed_finds_its_own_conf_and_tasks(tmp_path: Path) -> None:
    root = a_copy(tmp_path / "checkout")
    places = (
        "import bench.config.packages, bench.tasks.copy as t; print(t.__file__, bench.config.packages.built_in().conf)"
    )
    expected = [f"{root}/tasks/copy.py", f"{root}/conf"]
    assert run_python(["-c", places], root).split() == expected
    assert run_python(["-c", places], tmp_path, root).split() == expected
    assert "copy" in run_python(["-m", "bench", "list", "task"], root)


def test_tables_lists_and_records_import_no_torch(tmp_path: Path) -> None:
    script = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    if "torch" in sys.modules:
        print(name)
        break
"""
    assert run_python(["-c", script, *WITHOUT_TORCH], tmp_path, ROOT).split() == []
    assert run_python(["-c", script, *WITHOUT_TORCH, "bench.api"], tmp_path, ROOT).split() == [
        "bench.api"
    ]  # it would be seen


@pytest.mark.parametrize("command", ["--version", "--help", "list", "leaderboard"])
def test_commands_that_run_nothing_import_neither_torch_nor_hydra(command: str, tmp_path: Path) -> None:
    script = """
import sys
from bench.command.main import main
assert main(sys.argv[1:]) == 0
print(*sorted({"torch", "hydra", "omegaconf"} & sys.modules.keys()), file=open("heavy", "w"))
"""
    publish(Store(tmp_path / "results"), "a-run")
    run_python(["-c", script, command], tmp_path, ROOT)
    assert (tmp_path / "heavy").read_text().split() == []


def test_the_version_is_the_same_everywhere() -> None:
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    changed = re.search(r"^## \[(\d.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert cited is not None
    assert changed is not None
    assert cited[1] == changed[1] == bench.__version__
    try:
        assert metadata.version(PROJECT["name"]) == bench.__version__
    except metadata.PackageNotFoundError:
        pytest.skip("not installed")


def test_constraints_pin_every_dependency_within_its_range() -> None:
    pins = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] != "#"]
    versions = {pin.name: next(iter(pin.specifier)).version for pin in pins}
    extras = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]
    for wanted in map(Requirement, [*PROJECT["dependencies"], *extras]):
        if wanted.name != PROJECT["name"]:
            assert wanted.specifier.contains(versions[wanted.name]), wanted
