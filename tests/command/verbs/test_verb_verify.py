"""`bench verify` finds what was changed in a run, in a table or between runs, and accuses nobody else."""

import json
import shutil

import pandas as pd
import pytest
from cli_tools import COPY, bench, records, the_line
from factories import a_failure, publish
from forged import FORGERIES, edited, first, nudged_with_its_hash, put, sealed

from bench.command.main import main
from bench.results.store import Store


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """The results of a sweep over two seeds."""
    folder = tmp_path_factory.mktemp("honest")
    assert main(["-m", *COPY, "cell=gru", "seed=0,1", f"results_dir={folder}"]) == 0
    return folder


@pytest.fixture
def results(honest, tmp_path):
    """A copy of the results, to do anything to."""
    return shutil.copytree(honest, tmp_path / "results")


def test_a_folder_and_its_runs_agree(capsys, honest):
    said = bench(capsys, "verify", str(honest), "--scores")
    assert (said.code, said.err) == (0, "")
    *notes, last = said.out.splitlines()
    assert last == "verified: all agree"
    assert [note.rpartition(": ")[2] for note in notes] == ["seeds 0, 1"]
    assert bench(capsys, "verify", "copy", f"results_dir={honest}").out == "verified: all agree\n"


@pytest.mark.parametrize("what", FORGERIES)
def test_what_was_changed_is_found(capsys, results, what):
    forge, line = FORGERIES[what]
    forge(results)
    said = bench(capsys, "verify", str(results))
    assert said.code == 1
    assert any(line in each and not each.startswith("note") for each in said.out.splitlines()), said.out
    assert said.out.splitlines()[-1].partition(" ")[2].startswith("discrepanc")


def test_weights_that_do_not_score_what_the_record_says_are_found_by_scoring_them(capsys, results):
    nudged_with_its_hash(results)
    assert bench(capsys, "verify", str(results)).code == 0
    for words in ((str(results), "--scores"), (str(first(results)),)):
        said = bench(capsys, "verify", *words)
        assert said.code == 1 and "on test is" in said.out and "its weights score" in said.out


def test_a_metric_that_is_not_its_tasks_is_found_by_making_the_task(capsys, results):
    sealed(put(0.25, "metric", "solved"))(results)
    said = bench(capsys, "verify", str(first(results)))
    assert said.code == 1 and "metric.solved is 0.25, and its task has 1.0" in said.out


def test_operations_that_agree_with_each_other_are_counted_anew(capsys, results):
    def change(record):
        record["flops"]["streaming"]["products"] *= 2

    sealed(edited(change))(results)
    assert bench(capsys, "verify", str(results)).code == 0
    said = bench(capsys, "verify", str(results), "--scores")
    assert said.code == 1 and "and its model computes {'forward'" in said.out


def test_a_run_that_was_merged_keeps_its_digest_under_another_name_and_so_does_a_forged_one(capsys, results, tmp_path):
    put("another", "machine", "name")(results)
    into = tmp_path / "into"
    assert bench(capsys, "merge", str(results), f"results_dir={into}").code == 0
    bench(capsys, "leaderboard", f"results_dir={into}")
    said = bench(capsys, "verify", str(into))
    assert [line for line in said.out.splitlines() if "digest" in line] == [
        f"{first(results).name}: record.json is not as the run left it: its digest is another"
    ]


def test_a_table_that_was_made_of_a_forged_record_is_held_against_it(capsys, results):
    """The index still has the score before it was forged, as the record's time is the old one."""
    FORGERIES["a score in all of its places"][0](results)
    lines = bench(capsys, "verify", str(results)).out.splitlines()
    assert any(
        line.startswith("leaderboard.csv: ") and "score_max is " in line and "not 0.99" in line for line in lines
    )


def test_a_table_of_an_earlier_version_is_held_to_the_columns_that_it_has(capsys, results):
    table = results / "leaderboard.csv"
    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    frame.drop(columns="peak_mib").to_csv(table, index=False)
    said = bench(capsys, "verify", str(results))
    assert said.code == 0 and "another version of bench wrote it, without peak_mib" in said.out
    frame.drop(columns="peak_mib").assign(params="1").to_csv(table, index=False)
    said = bench(capsys, "verify", str(results))
    assert said.code == 1 and "params is 1 and not " in said.out
    frame.drop(columns="cell").to_csv(table, index=False)
    assert "leaderboard.csv: it has no columns cell" in bench(capsys, "verify", str(results)).out


def test_failures_later_attempts_and_older_records_are_no_discrepancies(capsys, results):
    store = Store(results)
    publish(store, "copy-v1_gru_s3_" + "f" * 16, **a_failure(seed=3, identity="f" * 64).__dict__)
    assert main([*COPY, "cell=gru", "rerun=true", f"results_dir={results}"]) == 0
    edited(lambda record: [record.pop("files"), record.pop("digest"), record.update(harness="0" * 64)])(results)
    assert bench(capsys, "leaderboard", f"results_dir={results}").code == 0
    said = bench(capsys, "verify", str(results))
    assert said.code == 0, said.out
    assert "seed 0 has 2 runs, of which the latest counts: their scores are equal" in said.out
    assert "no hashes: it was made before records stated those of their files" in said.out
    edited(lambda record: record.update(files={}))(results)
    said = bench(capsys, "verify", str(results))
    assert "no digest: it was made before records stated that of themselves" in said.out


def test_of_one_identity_on_one_processor_other_scores_are_a_discrepancy(capsys, results):
    copy = first(results).with_name(f"{first(results).name}-2")
    shutil.copytree(first(results), copy)
    record = json.loads((copy / "record.json").read_text())
    record["metric"]["test"] = record["scores"]["test"]["recall_accuracy"] = 0.5
    (copy / "record.json").write_text(json.dumps(record))
    assert "one identity has different scores" in bench(capsys, "verify", str(results)).out


def test_a_run_made_again_agrees_to_the_last_bit(capsys, results):
    said = bench(capsys, "verify", str(first(results)), "--rerun")
    assert said.code == 0
    assert "run again, agrees to the last bit, scores and weights" in said.out
    assert len(records(results)) == 2


def test_a_run_made_again_that_does_not_agree_is_told(capsys, results):
    def change(record):
        record["metric"]["test"] = record["scores"]["test"]["recall_accuracy"] = 0.99

    edited(change)(results)
    said = bench(capsys, "verify", str(first(results)), "--rerun")
    assert said.code == 1 and "run again, it does not agree: it was done, 0.99, and is done, " in said.out


def test_what_is_not_there_is_one_line(capsys, honest):
    said = bench(capsys, "verify", "nothing", f"results_dir={honest}")
    assert said.code == 1 and "there is no run nothing in" in the_line(said)


def test_a_folder_without_runs_is_one_line_with_what_to_name(capsys, tmp_path):
    said = bench(capsys, "verify", str(tmp_path))
    assert said.code == 2 and "neither a run nor a results folder, which has a folder runs" in the_line(said)
    (tmp_path / "runs").mkdir()
    said = bench(capsys, "verify", str(tmp_path))
    assert said.code == 2 and "has no runs: there is nothing to verify" in the_line(said)
