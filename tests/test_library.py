"""The library: the same runs as the command's, without its exit codes, its prints and its traces in the process."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from cli_tools import COPY, ROOT, TINY, records, write_cell
from cli_tools import bench as command

import bench
from bench.api import TextTask
from bench.errors import BenchError, Busy, ConfigError, DataError, Diverged, Failed, StoreError

OPTIONS: dict[str, Any] = {
    "task": "copy",
    "task.held_out": 20,
    "cell": "gru",
    "model": {"hidden": 8},
    "budget": {"steps": 3},
    "evaluations": 1,
    "measure": {"seconds": 0.01},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a sweep over two cells and two seeds."""
    folder = tmp_path_factory.mktemp("library") / "results"
    bench.sweep(**{**OPTIONS, "cell": ["gru", "lstm"], "seed": range(2), "results_dir": folder})
    return folder


def test_a_run_has_the_scores_of_the_command_to_the_last_bit(capsys, tmp_path):
    run = bench.run(**OPTIONS, results_dir=tmp_path / "library")
    command(capsys, *COPY, "cell=gru", f"results_dir={tmp_path / 'command'}")
    (by_command,) = records(tmp_path / "command")
    assert run.record.scores == by_command["scores"]
    assert run.record.labels == by_command["labels"]
    assert run.record.identity == by_command["identity"]
    assert run.id == by_command["id"]
    assert run.score == by_command["metric"]["test"]


def test_words_and_keywords_are_one_run(tmp_path):
    run = bench.run(*COPY, "cell=gru", results_dir=tmp_path)
    assert bench.run(**OPTIONS, results_dir=str(tmp_path)).record == run.record
    assert len(records(tmp_path)) == 1


def test_nothing_is_printed_and_the_log_is_a_logger_s(capfd, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "bench"):
        run = bench.run(**OPTIONS, results_dir=tmp_path)
    assert capfd.readouterr() == ("", "")
    assert any("valid recall_accuracy" in line for line in caplog.messages)
    assert "valid recall_accuracy" in (run.folder / "run.log").read_text()
    print(run)
    assert "test       recall_accuracy" in capfd.readouterr().out


def test_progress_shows_lines_where_there_is_no_terminal(capsys, tmp_path):
    bench.run(**OPTIONS, results_dir=tmp_path, progress=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert "valid recall_accuracy" in said.err


def test_a_run_leaves_the_process_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["notebook", "--its", "own"])
    torch.manual_seed(5)
    before = torch.get_rng_state(), [*sys.argv], signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with torch.no_grad():
            bench.run(**OPTIONS, results_dir=tmp_path, hardware={"threads": 1})
            assert not torch.is_grad_enabled()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    after = torch.get_rng_state(), [*sys.argv], signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_ten_runs_in_one_process_and_one_from_another_thread_are_alike(tmp_path):
    runs = [bench.run(**OPTIONS, results_dir=tmp_path, rerun=True) for _ in range(10)]
    thread = threading.Thread(target=lambda: runs.append(bench.run(**OPTIONS, results_dir=tmp_path, rerun=True)))
    thread.start()
    thread.join()
    assert len(records(tmp_path)) == len(runs) == 11
    assert all(run.record.scores == runs[0].record.scores for run in runs)


def test_a_second_run_at_the_same_time_is_refused_and_the_first_goes_on(tmp_path):
    began, go_on = threading.Event(), threading.Event()
    done: list[Any] = []

    def wait(*_: Any) -> bool:
        began.set()
        return go_on.wait(60)

    first = threading.Thread(target=lambda: done.append(bench.run(**OPTIONS, results_dir=tmp_path)))
    log = logging.getLogger("bench")
    log.addFilter(wait)  # the run's first line is where it waits
    try:
        first.start()
        assert began.wait(60)
        with pytest.raises(Busy, match="another run is under way") as refusal:
            bench.run(**{**OPTIONS, "seed": 1}, results_dir=tmp_path)
    finally:
        log.removeFilter(wait)
        go_on.set()
        first.join()
    assert "\n" not in str(refusal.value)
    assert [run.record.status for run in done] == ["done"]
    assert bench.run(**{**OPTIONS, "seed": 1}, results_dir=tmp_path).record.status == "done"


def test_a_run_is_not_loaded_beside_another_whose_draws_it_would_move(results, tmp_path):
    found: list[Any] = []

    def load(*_: Any) -> bool:
        thread = threading.Thread(target=lambda: found.append(outcome_of(bench.load, "copy-v1_gru_s0", results)))
        thread.start()
        thread.join()
        return True

    log = logging.getLogger("bench")
    log.addFilter(load)  # at each line of the run
    try:
        bench.run(**OPTIONS, results_dir=tmp_path)
    finally:
        log.removeFilter(load)
    assert found
    assert {type(each) for each in found} == {Busy}
    assert bench.load("copy-v1_gru_s0", results).record.status == "done"


def outcome_of(call: Any, *arguments: Any) -> Any:
    """What a call returns or raises."""
    try:
        return call(*arguments)
    except BenchError as error:
        return error


def test_a_sweep_that_cannot_be_stored_is_raised(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        bench.sweep(**{**OPTIONS, "seed": [0, 1], "results_dir": tmp_path / "file"})


def test_a_sweep_over_folders_keeps_its_order(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    frame = bench.sweep(**{**OPTIONS, "seed": [3, 2], "results_dir": folders})
    assert [*frame["seed"]] == [3, 3, 2, 2]


def test_a_home_folder_is_found_as_by_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    run = bench.run(**OPTIONS, results_dir="~/mine")
    assert run.folder.parent == tmp_path / "mine" / "runs"
    assert bench.run(*COPY, "cell=gru", "results_dir=~/mine") == run
    assert len(bench.runs("~/mine")) == len(bench.leaderboard("~/mine")) == 1
    assert bench.load(run.id, "~/mine").record == run.record
    with pytest.raises(ConfigError, match="results_dir=: name a folder"):
        bench.run(**OPTIONS, results_dir="")


def test_a_default_device_of_the_caller_s_is_not_the_run_s(tmp_path):
    with torch.device("meta"):
        run = bench.run(**OPTIONS, results_dir=tmp_path)
        assert torch.empty(1).device.type == "meta"
    assert run.record.status == "done"


def test_a_sweep_is_a_frame_in_its_order(results):
    frame = bench.sweep(**{**OPTIONS, "cell": ["lstm", "gru"], "seed": [1, 0], "results_dir": results})
    assert [*zip(frame["cell"].str[:4], frame["seed"], strict=True)] == [
        ("lstm", 1),
        ("lstm", 0),
        ("gru(", 1),
        ("gru(", 0),
    ]
    assert frame["status"].eq("done").all()
    assert frame["test"].notna().all()
    assert len(records(results)) == 4, "all of them were done already"
    assert (results / "leaderboard.csv").is_file()


def test_a_member_that_fails_is_a_row_with_its_reason(tmp_path):
    frame = bench.sweep(**{**OPTIONS, "model": {"hidden": [0, 8]}, "results_dir": tmp_path})
    assert [*frame["status"]] == ["failed", "done"]
    assert "model.hidden=0" in frame["reason"][0]


def test_runs_are_filtered_by_any_column(results):
    assert len(bench.runs(results)) == 4
    assert {*bench.runs(results, cell="gru", seed=1)["cell"]} == {"gru(model.hidden=8)"}
    assert len(bench.runs(results_dir=results, task="copy", status="done")) == 4
    assert bench.runs(results, status="diverged").empty
    with pytest.raises(ConfigError, match=r"stat: .*did you mean status"):
        bench.runs(results, stat="done")


def test_the_leaderboard_is_the_frame_of_its_file(results):
    frame = bench.leaderboard(results_dir=results)
    frame = frame.where(frame.notna(), float("nan"))  # a file does not tell one missing value from another
    pd.testing.assert_frame_equal(frame, pd.read_csv(results / "leaderboard.csv"), check_dtype=False)
    assert [*frame["seeds"]] == [2, 2]


@pytest.mark.parametrize("named", ["run", "record", "id", "beginning", "folder"])
def test_a_run_is_loaded_by_whatever_names_it(named, results):
    run = bench.run(**OPTIONS, results_dir=results)
    name = {"run": run, "record": run.record, "id": run.id, "beginning": "copy-v1_gru_s0", "folder": run.folder}[named]
    loaded = bench.load(name, results_dir=results)
    assert loaded.record == run.record


def test_a_loaded_run_scores_as_its_record_says(results):
    run = bench.run(**OPTIONS, results_dir=results)
    loaded = bench.load(run)
    assert loaded.config.model.hidden == 8
    assert [*loaded.curve["step"]] == [3]
    assert not loaded.model.training
    totals: dict[str, float] = {}
    for batch in loaded.batches("test"):
        logits, _ = loaded.predict(batch.inputs)
        for name, value in loaded.task.tally(logits, batch).items():
            totals[name] = totals.get(name, 0.0) + value.item()
    assert loaded.task.scores(totals)["recall_accuracy"] == pytest.approx(run.record.scores["test"]["recall_accuracy"])


def test_a_stream_in_parts_equals_the_whole(results):
    loaded = bench.load("copy-v1_lstm_s1", results_dir=results)
    inputs = next(iter(loaded.batches("valid"))).inputs
    whole, _ = loaded.predict(inputs)
    first, state = loaded.predict(inputs[:7])
    rest, _ = loaded.predict(inputs[7:], state)
    torch.testing.assert_close(torch.cat([first, rest]), whole)


@pytest.mark.parametrize(
    ("options", "error", "line"),
    [
        ({"task": "copi"}, ConfigError, "task=copi: there is no such task .did you mean copy"),
        ({"model": {"hidden": 0}}, ConfigError, "model.hidden=0"),
        ({"sed": 1}, ConfigError, "sed: there is no such option"),
        ({"seed": [0, 1]}, ConfigError, "seed="),
        ({"task": "charlm", "task.source": "nowhere.txt", "task.held_out": None}, ConfigError, "task.held_out"),
    ],
)
def test_what_is_wrong_is_raised_in_one_line(options, error, line, tmp_path):
    with pytest.raises(error, match=line) as caught:
        bench.run(**{**OPTIONS, **options}, results_dir=tmp_path)
    assert "\n" not in str(caught.value)


def test_data_and_folders_that_will_not_do_are_raised(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.txt"):
        bench.run(*TINY, task="charlm", **{"task.source": str(tmp_path / "nowhere.txt")}, results_dir=tmp_path)
    with pytest.raises(StoreError, match="there are no runs"):
        bench.runs(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        bench.run(**OPTIONS, results_dir=tmp_path / "file")


def test_a_run_that_diverges_or_fails_is_raised_with_its_record(tmp_path):
    with pytest.raises(Diverged, match="diverged: ") as diverged:
        bench.run(**{**OPTIONS, "optimizer": "sgd", "optimizer.lr": 1e38, "clip.norm": None}, results_dir=tmp_path)
    assert diverged.value.record.status == "diverged"
    write_cell(tmp_path, "if self.training and len(x_BF) > 2: raise RuntimeError('boom')")
    target = f"{tmp_path / 'mine.py'}:Mine"
    with pytest.raises(Failed, match="failed: RuntimeError: boom") as failed:
        bench.run(**{**OPTIONS, "cell": "custom", "cell.target": target}, results_dir=tmp_path)
    assert failed.value.record.status == "failed"
    assert {record["status"] for record in records(tmp_path)} == {"failed", "diverged"}


def test_text_of_one_s_own_goes_in_and_comes_out(tmp_path):
    run = bench.run(*TINY, task="hello", cell="vanilla", results_dir=tmp_path)
    loaded = bench.load(run)
    assert isinstance(loaded.task, TextTask)
    logits, _ = loaded.predict(torch.tensor(loaded.task.encode("hell"))[:, None])
    assert logits.shape[:2] == (4, 1)


def test_importing_bench_imports_neither_torch_nor_pandas():
    code = (
        "import sys, bench; assert not {'torch', 'pandas', 'hydra'} & {*sys.modules}\n"
        "assert {'run', 'sweep', 'runs', 'load', 'leaderboard'} <= {*dir(bench)}; bench.run\n"
        "assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_name_that_bench_lacks_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'compare_all'"):
        bench.compare_all  # noqa: B018
