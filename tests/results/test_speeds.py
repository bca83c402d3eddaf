"""The file of a grid of speeds: what is written is read again, and what is none is refused in a line."""

import json

import pytest
from speed_grids import a_grid

from bench.errors import StoreError
from bench.results.speeds import Speeds

GRID = a_grid(*(({"cell": cell, "model.hidden": size}, [float(size)] * 5) for cell in "ab" for size in (1, 2)))


def test_what_is_written_is_read_again(tmp_path):
    (tmp_path / "speeds.json").write_text(GRID.to_json())
    assert Speeds.read(tmp_path / "speeds.json") == GRID


def test_a_file_of_pytest_benchmark_is_read_as_microseconds_a_call(tmp_path):
    benchmark = {"fullname": "tests/benchmarks/test_scan.py::test_a[3]", "stats": {"data": [1e-3, 2e-3, 3e-3]}}
    tree = {"benchmarks": [benchmark], "machine_info": {"cpu": {"brand_raw": "a chip"}}, "commit_info": {"id": "1a"}}
    (tmp_path / "b.json").write_text(json.dumps(tree))
    speeds = Speeds.read(tmp_path / "b.json")
    (member,) = speeds.members
    assert (member.varied["benchmark"], member.figures["call"]["median"]) == (
        "test_scan.py::test_a[3]",
        pytest.approx(2000),
    )
    assert (speeds.machine["host"], speeds.git["commit"]) == ("a chip", "1a")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 7}', '{"schema": 1, "members": [{}]}'])
def test_another_file_is_refused_by_name(tmp_path, text):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(StoreError, match=r"other\.json is no file of `bench speed` nor of pytest-benchmark"):
        Speeds.read(tmp_path / "other.json")
    with pytest.raises(StoreError, match=r"cannot read .*none\.json"):
        Speeds.read(tmp_path / "none.json")
