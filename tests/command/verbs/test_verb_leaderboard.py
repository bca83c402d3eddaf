"""`bench leaderboard` writes the tables of all records and prints the one of all runs."""

import pytest
from cli_tools import bench, the_line
from factories import publish

from bench.results.store import Store
from bench.tables import files, text


@pytest.fixture
def results(tmp_path):
    publish(Store(tmp_path / "results"), "a-run")
    return tmp_path / "results"


def test_the_table_is_written_and_printed(capsys, results):
    said = bench(capsys, "leaderboard", f"results_dir={results}")
    assert said == (0, f"{text.to_text(files.write(results))}\n", "")
    assert (results / "leaderboard.csv").is_file()


def test_it_is_printed_as_markdown_where_asked(capsys, results):
    said = bench(capsys, "leaderboard", "--results-dir", str(results), "--markdown")
    assert said == (0, f"{text.to_markdown(files.write(results))}\n", "")
    assert "\n| gru | " in said.out


def test_the_folder_is_results_by_default_and_a_tilde_is_the_home_folder(capsys, results, monkeypatch):
    monkeypatch.chdir(results.parent)
    expected = bench(capsys, "leaderboard").out
    assert "copy-v1" in expected
    monkeypatch.setenv("HOME", str(results.parent))
    monkeypatch.chdir(results)
    assert bench(capsys, "leaderboard", "results_dir=~/results").out == expected
    assert not (results / "~").exists()


def test_a_word_that_it_does_not_take_is_refused(capsys):
    assert "leaderboard: unrecognized arguments: now" in the_line(bench(capsys, "leaderboard", "now"))
