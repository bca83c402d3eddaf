"""A run that begins and does not get through leaves a whole record with its status and reason, or nothing at all."""

import os
import signal
import subprocess
import time

import pytest
from cli_tools import COPY, bench, left_over, records, start, the_line, write_cell


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


def files_beside(results, record):
    return {path.name for path in (results / "runs" / record["id"]).iterdir()}


def log_of(results, record):
    return (results / "runs" / record["id"] / "run.log").read_text("utf-8")


def test_a_loss_that_becomes_infinite_ends_the_run_as_diverged(capsys, results):
    options = ("optimizer=sgd", "optimizer.lr=1e38", "clip.norm=null", "budget.steps=20")
    said = bench(capsys, *COPY, *options, f"results_dir={results}")
    (record,) = records(results)
    assert said.code == 1
    assert record["status"] == "diverged"
    assert "at step 2" in record["reason"]
    assert f"bench: {record['id']} diverged: {record['reason']} (see {results}" in said.err.splitlines()[-1]
    assert said.out == ""
    assert record["reason"] in log_of(results, record)
    assert record["metric"]["test"] is None
    assert record["speed"] is None


FAILS_LATER = """
        Mine.calls = getattr(Mine, "calls", 0) + (len(x_BF) == 32)  # lanes of training; checks of a cell take fewer
        assert Mine.calls < 50, "odd\\nbatch"
"""


def test_an_exception_in_the_middle_of_training_is_a_line_on_the_screen_and_a_traceback_in_the_log(
    capsys, results, tmp_path
):
    cell = write_cell(tmp_path, FAILS_LATER)
    options = ("cell=custom", f"cell.target={cell}:Mine", "unroll=eager", f"results_dir={results}")
    said = bench(capsys, *COPY, *options)
    (record,) = records(results)
    assert said.code == 1
    assert (record["status"], record["reason"]) == ("failed", "AssertionError: odd")
    assert "Traceback" not in said.out + said.err
    assert "failed: AssertionError: odd (see " in said.err.splitlines()[-1]
    log = log_of(results, record)
    assert log.count("Traceback") == 1
    assert "mine.py" in log
    assert "AssertionError: odd" in log
    assert not left_over(results)


def test_an_exception_in_a_cells_constructor_leaves_a_record_with_its_traceback(capsys, results, tmp_path):
    cell = write_cell(tmp_path, "pass")
    cell.write_text(cell.read_text().replace("self.alpha = alpha", "{}['alpha']"))
    said = bench(capsys, *COPY, "cell=custom", f"cell.target={cell}:Mine", f"results_dir={results}")
    assert said.code == 1
    assert "KeyError: 'alpha'" in the_line(said)
    assert "mine.py" in log_of(results, *records(results))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_in_the_middle_of_training_leaves_a_record_and_nothing_half_written(results, tmp_path, name):
    process = start(*COPY, "budget.steps=1000000", "evaluations=100000", f"results_dir={results}", folder=tmp_path)
    wait_for_steps(results, process)
    process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=60)
    (record,) = records(results)
    assert process.returncode == 130
    assert record["status"] == "interrupted"
    assert record["reason"].startswith("stopped at step ")
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "bench: interrupted"
    step = record["reason"].removeprefix("stopped at step ")
    files = {"record.json", "config.yaml", "run.log", "curve.csv", f"checkpoint-{step}.pt"}
    assert files == files_beside(results, record), "training stands in a checkpoint, though a minute is not over"
    assert not left_over(results)


def test_a_signal_ends_a_sweep_too(results, tmp_path):
    sweep = ("-m", "seed=0,1,2", "budget.steps=1000000", "evaluations=100000")
    process = start(*COPY, *sweep, f"results_dir={results}", folder=tmp_path)
    wait_for_steps(results, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert [record["status"] for record in records(results)] == ["interrupted"]


def wait_for_steps(results, process):
    """Until the run has logged a validation."""
    while not any("step " in log.read_text() for log in results.glob("runs/.*.partial/run.log")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)


@pytest.mark.parametrize("arguments", [(), ("-m", "seed=0,1")])
def test_a_file_in_the_place_of_the_results_folder_is_a_line(capsys, results, arguments):
    results.write_text("")
    said = bench(capsys, *arguments, *COPY, f"results_dir={results}")
    assert said.code == 1
    assert "Not a directory" in the_line(said)
    assert "results_dir=" in the_line(said)
    assert results.read_text() == ""


@pytest.fixture
def small_disk(results):
    """A file system of a few blocks, so that the run is there and its files are not."""
    results.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12k", "tmpfs", str(results)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    yield results
    subprocess.run(["umount", str(results)], check=True)


def test_a_disk_that_fills_up_is_a_line_and_leaves_nothing_half_written(capsys, small_disk):
    said = bench(capsys, *COPY, f"results_dir={small_disk}")
    assert said.code == 1
    assert "No space left on device" in said.err.splitlines()[-1]
    assert "Traceback" not in said.err
    assert not records(small_disk)
    assert not left_over(small_disk)


def test_a_full_disk_while_a_run_is_stored_is_a_line_wherever_there_is_no_mounting(capsys, results, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("bench.results.curve.Curve.write", refuse)
        said = bench(capsys, *COPY, f"results_dir={results}")
    assert said.code == 1
    assert said.err.splitlines()[-1].startswith("bench: cannot write to ")
    assert not records(results)
    said = bench(capsys, *COPY, f"results_dir={results}")
    assert said.code == 0
    assert "going on from the checkpoint after step 3" in said.err, "what was trained is not lost"
    assert not left_over(results)
