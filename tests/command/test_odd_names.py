"""A file may have any name that the system allows: it is read, recorded, tabulated and read again."""

import os

import pytest
from cli_tools import TEXT, bench, records

import bench as library


@pytest.mark.parametrize("name", [b"caf\xe9.txt", b"\x1b[2J.txt", "\u202etxt.exe".encode()])
def test_a_source_of_any_name_can_be_run_tabulated_and_loaded(tmp_path, capsys, name):
    source, results = os.fsdecode(os.fsencode(tmp_path) + b"/" + name), tmp_path / "results"
    with open(source, "w") as file:
        file.write("the quick brown fox jumps over the lazy dog. " * 100)
    said = bench(capsys, *TEXT, f"results_dir={results}", f'task.source="{source}"')
    assert said.code == 0 and all(line.isprintable() for line in said.out.splitlines())
    (record,) = records(results)
    assert record["config"]["task"]["source"] == source
    table = bench(capsys, "leaderboard", f"results_dir={results}")
    assert table.code == 0 and all(line.isprintable() for line in table.out.splitlines())
    assert library.runs(results)["task"].item() == library.leaderboard(results)["task"].item()
    assert library.load(record["id"], results).record.id == record["id"]
