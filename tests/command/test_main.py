"""The command as a user types it: help, one run from start to record, the same run again, a cell of one's own."""

import csv
import subprocess
import sys

import pytest
from cli_tools import COPY, ROOT, bench, records, run, the_line, write_cell

from bench.about import VERSION

KEYS = (
    "schema id status reason task cell bptt seed metric params speed memory seconds config versions git machine"
).split()


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A folder in which the command has run once, and what it said."""
    folder = tmp_path_factory.mktemp("once")
    return folder, run(*COPY, folder=folder)


def test_a_run_ends_with_a_table_on_stdout_and_quiet_lines_on_stderr(once):
    _, said = once
    assert said.code == 0
    title, *facts = said.out.splitlines()
    assert title.startswith("copy-v1(held_out=20)  gru(model.hidden=8)  full(evaluations=1)  3 steps  seed 0: done")
    names = [fact.split()[0] for fact in facts]
    told = {"contended", "unsettled", "time"}  # whatever else this machine is at
    assert [name for name in names if name not in told] == "valid test to speed memory work model record".split()
    assert "\x1b" not in said.out + said.err
    assert [line.split()[0] for line in said.err.splitlines()][1:] == ["recall_accuracy", "step", "best", "measuring"]


def test_a_run_leaves_its_record_curve_log_configuration_and_weights_and_no_more(once):
    folder, said = once
    (record,) = records(folder / "results")
    place = folder / "results" / "runs" / record["id"]
    assert [path.name for path in folder.iterdir()] == ["results"]
    assert said.out.split()[-1] == str(place.relative_to(folder))
    names = {"record.json", "curve.csv", "run.log", "config.yaml", "model.safetensors"}
    assert {path.name for path in place.iterdir()} == names
    assert {path.stat().st_mode & 0o044 for path in place.iterdir()} == {0o044}  # colleagues can read all of it
    with (place / "curve.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["step"] == "3"
    log = (place / "run.log").read_text("utf-8")
    for line in (*said.err.splitlines(), *said.out.splitlines()[:-1]):
        assert line in log


def test_a_record_has_the_keys_that_scripts_rely_on(once):
    (record,) = records(once[0] / "results")
    assert set(KEYS) <= record.keys()
    assert {"name", "unit", "direction", "valid", "test", "chance", "solved"} <= record["metric"].keys()
    assert record["speed"].keys() == {"train_tokens_per_s", "infer_tokens_per_s", "step_us", "prefill_tokens_per_s"}
    assert all({"median", "q1", "q3", "samples"} <= summary.keys() for summary in record["speed"].values())
    assert record["changed"] == {"task.held_out": 20, "model.hidden": 8, "budget.steps": 3, "evaluations": 1}
    assert record["unroll"] == "vendor"


def test_the_same_command_again_says_that_it_is_done_and_shows_the_table(once, capsys, monkeypatch):
    folder, first = once
    monkeypatch.chdir(folder)
    again = bench(capsys, *COPY)
    assert again.code == 0
    (record,) = records(folder / "results")
    assert again.err == f"{record['id']} is done already; run it again with rerun=all\n"
    assert again.out.splitlines() == first.out.splitlines()[:-1]


@pytest.mark.form_by_rule
def test_a_second_attempt_in_another_process_has_the_same_scores_to_the_last_bit(once, capsys, monkeypatch):
    """The first was in a process of its own; this one is in the tests'."""
    folder, _ = once
    monkeypatch.chdir(folder)
    assert bench(capsys, *COPY, "rerun=true").code == 0
    first, second = records(folder / "results")
    assert second["id"] == f"{first['id']}-2"
    assert first["scores"] == second["scores"]
    weights = [folder / "results" / "runs" / record["id"] / "model.safetensors" for record in (first, second)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_another_seed_has_other_scores(capsys, tmp_path):
    for seed in (0, 1):
        assert bench(capsys, *COPY, f"seed={seed}", f"results_dir={tmp_path}").code == 0
    first, second = records(tmp_path)
    assert first["scores"] != second["scores"]


@pytest.mark.parametrize("arguments", [(), ("-h",), ("--help",), ("task=copy", "--help")])
def test_help_names_verbs_groups_and_options(capsys, arguments):
    said = bench(capsys, *arguments)
    assert said.code == 0
    for word in ("leaderboard", "list", "sample", "model.hidden=", "task=NAME", "+experiment=NAME", "charlm", "lstm"):
        assert word in said.out
    assert "--shard I/N" in said.out


def test_help_and_lists_come_without_torch_or_hydra():
    code = (
        "import sys; from bench.command.main import main; main(['--help']); main(['list']); main(['--version'])\n"
        "sys.exit(bool({'torch', 'hydra', 'pandas', 'rich', 'pydantic'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_composed_configuration_can_be_printed_and_nothing_runs(capsys, tmp_path):
    said = bench(capsys, "task=copy", "--cfg", "job", "cell=lstm", f"results_dir={tmp_path / 'results'}")
    assert said.code == 0
    assert "_target_: bench.cells.lstm.LSTM" in said.out
    assert not (tmp_path / "results").exists()


def test_a_folder_of_ones_own_configurations_can_be_added(capsys, tmp_path):
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "mine.yaml").write_text("_target_: bench.cells.lstm.LSTM\ncoupled: true\n")
    said = bench(capsys, *COPY, "cell=mine", "--config-dir", str(tmp_path), f"results_dir={tmp_path}")
    assert said.code == 0
    assert records(tmp_path)[0]["labels"]["cell"] == "mine(model.hidden=8)"


def test_a_folder_of_ones_own_is_known_to_runs_hints_and_verbs(capsys, monkeypatch, tmp_path):
    """Its files' targets are looked for in it, from whatever folder the command is started."""
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "own"
    for group, text in {
        "cell": "# A star\ntarget: mine.py:Mine\nalpha: 0.2  # share of the new state\n",
        "experiment": "# @package _global_\n# Quick\ndefaults:\n  - override /cell: star\nmodel: {layers: 2}\n",
        "optimizer": "# Slow\n_target_: torch.optim.SGD\nlr: 0.001  # rate\n",
    }.items():
        (own / group).mkdir(parents=True)
        (own / group / f"{'star' if group == 'cell' else 'quick'}.yaml").write_text(text)
    write_cell(own, "pass")
    folder = ("--config-dir", str(own))
    assert bench(capsys, *COPY, "+experiment=quick", "optimizer=quick", *folder, "results_dir=d").code == 0
    (record,) = records(tmp_path / "d")
    assert record["labels"]["cell"] == "star(model.hidden=8, model.layers=2)"
    assert record["config"]["cell"] == {"target": str(own / "mine.py:Mine"), "alpha": 0.2}
    assert "did you mean star?" in the_line(bench(capsys, "cell=sta", *folder))
    assert "did you mean cell.alpha?" in the_line(bench(capsys, "cell=star", "cell.alhpa=1", *folder))
    assert "cell=scrn,star has it" in the_line(bench(capsys, "cell=gru", "cell.alpha=1", *folder))
    assert "A star" in bench(capsys, "list", "cell", *folder).out
    assert bench(capsys, "check", "cell=star", *folder).code == 0
    assert "there is no such folder" in the_line(bench(capsys, "list", "--config-dir=nowhere"))
    (own / "cell" / "gru.yaml").write_text("_target_: bench.cells.lstm.LSTM\n")
    line = the_line(bench(capsys, *COPY, "cell=gru", *folder))
    assert line == f"cell=gru is offered by bench {VERSION} and {own}; rename {own / 'cell' / 'gru.yaml'}"


def test_a_home_folder_is_not_taken_for_a_folder_called_tilde(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert bench(capsys, *COPY, "results_dir=~/here").code == 0
    assert len(records(tmp_path / "here")) == 1
    assert bench(capsys, "leaderboard", "results_dir=~/here").code == 0
    assert not (tmp_path / "~").exists()


def test_a_reader_that_has_enough_is_no_error():
    command = f"{sys.executable} -m bench list | head -c 10; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder with a cell of one's own, as a file and as a module of a package."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "package").mkdir()
    write_cell(folder, "pass")
    write_cell(folder / "package", "pass", "module.py")
    return folder


def test_a_cell_of_ones_own_runs_from_a_file_with_its_options(own, capsys, monkeypatch):
    monkeypatch.chdir(own)
    for options in ((), ("+cell.alpha=0.5",)):
        assert bench(capsys, *COPY, "cell=custom", "cell.target=mine.py:Mine", *options, "results_dir=a").code == 0
    labels = {record["labels"]["cell"] for record in records(own / "a")}
    assert labels == {"custom:Mine(model.hidden=8)", "custom:Mine(alpha=0.5, model.hidden=8)"}
    assert {record["cell"] for record in records(own / "a")} == {"custom:Mine"}


def test_a_cell_of_ones_own_runs_from_a_package(own):
    target = "cell.target=package.module:Mine"
    said = run(*COPY, "cell=custom", target, "results_dir=b", folder=own)
    assert said.code == 0, said.err
    assert records(own / "b")[0]["cell"] == "custom:Mine"


def test_an_edited_cell_is_another_run(own, capsys, monkeypatch):
    monkeypatch.chdir(own)
    command = (*COPY, "cell=custom", "cell.target=mine.py:Mine", "results_dir=c")
    assert bench(capsys, *command).code == 0
    assert "done already" in bench(capsys, *command).err
    write_cell(own, "y_BH = y_BH * 0.9")
    assert "done already" not in bench(capsys, *command).err
    assert len({record["identity"] for record in records(own / "c")}) == 2
