"""The file of a grid of speeds: what is written is read again, and what is none is refused in a line."""

import json
import math

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


def edited(change):
    tree = json.loads(GRID.to_json())
    change(tree)
    return json.dumps(tree)


FIGURE = "members.0.figures.train: "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ("[]", "it has neither benchmarks nor a schema"),
        ("{}", "it has neither benchmarks nor a schema"),
        ("[" * 100_000, "recursion"),
        ('{"schema": 7}', "its schema is 7, and this version reads 1"),
        ('{"schema": 1, "members": [{}]}', "varied: field required"),
        ('{"benchmarks": [{"fullname": "a"}]}', "benchmarks.0.stats: field required"),
        ('{"benchmarks": "abc"}', "benchmarks: input should be a valid list"),
        ('{"benchmarks": []}', "benchmarks: list should have at least 1 item"),
        (
            '{"benchmarks": [{"fullname": "a", "stats": {"data": ["x"]}}]}',
            "benchmarks.0.stats.data.0: input should be a",
        ),
        (edited(lambda tree: tree.update(members="abc")), "members: input should be a valid list"),
        (edited(lambda tree: tree.update(clock="sun")), "clock: input should be 'wall' or 'cpu'"),
        (edited(lambda tree: tree["members"][0].update(figures={"train": {}})), f"{FIGURE}median: field required"),
        (
            edited(lambda tree: tree["members"][0]["figures"]["train"].update(low=math.nan)),
            f"{FIGURE}low: input should be",
        ),
        (
            edited(lambda tree: tree["members"][0]["figures"]["train"].update(samples=[0])),
            f"{FIGURE}samples.0: input sh",
        ),
        (edited(lambda tree: tree["varied"].append(tree["varied"][0])), "2 members are cell=a model.hidden=1: "),
    ],
)
def test_another_file_is_refused_in_a_line_that_names_it_and_what_is_wrong(tmp_path, text, said):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(
        StoreError, match=r"other\.json is no file of `bench speed` nor of pytest-benchmark: "
    ) as caught:
        Speeds.read(tmp_path / "other.json")
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"cannot read .*none\.json"):
        Speeds.read(tmp_path / "none.json")


def test_benchmarks_of_one_name_in_two_folders_have_whole_names(tmp_path):
    tree = {"benchmarks": [{"fullname": f"{folder}/t.py::t", "stats": {"data": [1.0]}} for folder in "ab"]}
    (tmp_path / "b.json").write_text(json.dumps(tree))
    assert [m.name for m in Speeds.read(tmp_path / "b.json").members] == [f"benchmark={f}/t.py::t" for f in "ab"]
