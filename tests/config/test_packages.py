"""Third-party packages bring choices through their entry points; one that clashes or is broken harms only who asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_tools import COPY, bench

from bench.config.packages import provider, providers, third_party

BROKEN = "raise RuntimeError('this package cannot be imported')\n"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package `name` with a cell `cell` of `target`, as pip would leave it."""

    def install(name: str, cell: str, target: str, code: str = "", version: str = "1.2") -> Path:
        folder = tmp_path / name
        (folder / name / "conf" / "cell").mkdir(parents=True)
        (folder / name / "__init__.py").write_text(code)
        (folder / name / "conf" / "cell" / f"{cell}.yaml").write_text(f"# A cell of {name}\n_target_: {target}\n")
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[bench.plugins]\nany = {name}\n")
        monkeypatch.syspath_prepend(folder)
        return folder

    return install


def test_an_installed_package_is_found_with_its_version(install):
    folder = install("bench_a", "a_cell", "bench.cells.gru.GRU")
    (found,) = (package for package in third_party() if package.name == "bench_a")
    assert str(found) == "bench_a 1.2"
    assert found.conf == folder / "bench_a" / "conf"


def test_a_package_installed_or_removed_meanwhile_is_noticed(install, tmp_path):
    """In the same folder, as pip does it in a notebook's process."""
    folder = install("bench_a", "a_cell", "bench.cells.gru.GRU")
    assert [package.name for package in third_party() if package.name in ("bench_a", "bench_late")] == ["bench_a"]
    late = install("bench_late", "late", "bench.cells.gru.GRU")
    for part in late.iterdir():
        part.rename(folder / part.name)
    assert [package.name for package in third_party() if package.name.startswith("bench_")] == ["bench_a", "bench_late"]
    (folder / "bench_late-1.2.dist-info").rename(tmp_path / "gone")
    assert "bench_late" not in [package.name for package in third_party()]


def test_its_cell_is_listed_with_its_origin_and_runs(install, tmp_path, capsys):
    install("bench_a", "a_cell", "bench.cells.gru.GRU")
    assert "A cell of bench_a [bench_a 1.2]" in bench(capsys, "list", "cell").out
    said = bench(capsys, *COPY, "cell=a_cell", f"results_dir={tmp_path / 'results'}")
    assert (said.code, said.out.split()[1]) == (0, "a_cell(model.hidden=8)")


@pytest.mark.parametrize("others", [(), ("bench_b",)])
def test_a_name_that_two_offer_is_an_error_that_names_both(install, tmp_path, capsys, others):
    cell = "mine" if others else "gru"
    for package in ("bench_a", *others):
        install(package, cell, "bench.cells.lstm.LSTM")
    said = bench(capsys, *COPY, f"cell={cell}", f"results_dir={tmp_path / 'results'}")
    assert said.code == 2
    first, second = sorted(map(str, providers("cell", cell)))
    assert f"cell={cell} is offered by" in said.err and first in said.err and second in said.err


def test_a_package_that_cannot_be_imported_fails_only_the_runs_that_ask_for_it(install, tmp_path, capsys):
    install("bench_broken", "broken", "bench_broken.cell.Cell", code=BROKEN)
    results = f"results_dir={tmp_path / 'results'}"
    assert "A cell of bench_broken" in bench(capsys, "list", "cell").out
    assert bench(capsys, *COPY, "cell=gru", results).code == 0
    said = bench(capsys, *COPY, "cell=broken", results)
    assert said.code == 2
    assert "RuntimeError: this package cannot be imported" in said.err and "Traceback" not in said.err


def test_one_provider_is_the_provider():
    assert provider("cell", "gru").name == "bench"
