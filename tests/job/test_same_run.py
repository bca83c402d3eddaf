"""The same command finds a run done only while all that its result depends on is as it was."""

import json

import pytest
from cli_tools import COPY, TINY, bench, records, the_line
from factories import publish
from own_code import OPTIONS, PARTS, edit, new_process, write_files

import bench as library
from bench.config.compose import compose
from bench.hardware.machine import Machine
from bench.hardware.settings import torch_settings_kept
from bench.job import prepared
from bench.results.store import Store


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """The current folder has the user's own files; measuring speed takes no time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("bench.job.execute.measure_speed", lambda *_: None)
    write_files(tmp_path)
    with new_process():
        yield tmp_path


def command(role):
    return (*(TINY if role == "task" else COPY), "hardware.device=cpu", *OPTIONS[role])


def is_done(capsys, *arguments):
    with new_process():
        said = bench(capsys, *arguments)
    assert said.code == 0, said.err
    return "is done already" in said.err


@pytest.mark.parametrize(("role", "name"), PARTS)
def test_an_edit_of_anything_that_a_plugin_depends_on_is_another_run(capsys, project, role, name):
    before = is_done(capsys, *command(role))
    edit(project / name)
    assert (before, is_done(capsys, *command(role)), is_done(capsys, *command(role))) == (False, False, True)
    codes = {json.dumps([record["code"], record["fingerprint"]]) for record in records(project / "results")}
    assert len(codes) == 2
    assert len(library.leaderboard()) == 2, "and the two are never averaged"


def test_a_task_that_reads_files_unsaid_is_told_so(capsys, project):
    said = bench(capsys, *command("task"))
    assert "own_data.csv" in said.err and "own_late.csv" in said.err
    assert "states no fingerprint: bench counts the data by content" in said.err
    (record,) = records(project / "results")
    assert len(record["fingerprint"]) == 64


def test_two_files_with_a_class_of_one_name_have_two_rows(capsys, project):
    other = project / "other"
    other.mkdir()
    (other / "own_cell.py").write_text((project / "own_cell.py").read_text().replace("tanh", "sin"))
    for place in ("own_cell.py", "other/own_cell.py"):
        is_done(capsys, *command("cell"), f"cell.target={place}:Mine")
    said = bench(capsys, "leaderboard")
    assert said.out.count("custom:Mine#") == 2
    assert "have equal names and different code: custom:Mine(model.hidden=8) (2 codes)" in said.err


def test_a_run_with_a_preset_and_an_equal_one_are_one_run(capsys, project):
    (project / "experiment").mkdir()
    (project / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults: [override /cell: lstm]\nclip: {norm: 0.5}\nbatch_size: 16\n"
    )
    folder = f"--config-dir={project}"
    assert not is_done(capsys, folder, *COPY, "+experiment=mine", "hardware.device=cpu")
    (record,) = records(project / "results")
    assert (record["experiment"], record["cell"]) == ("mine", "lstm")
    assert record["labels"]["bptt"] == "full(clip.norm=0.5, batch_size=16, evaluations=1)"
    assert is_done(capsys, *COPY, "cell=lstm", "clip.norm=0.5", "batch_size=16", "hardware.device=cpu")


def test_commands_that_follow_each_other_mean_the_same_run_when_they_are_repeated(capsys, project):
    """A run and a look at it by a prefix that another run has, too: in any order, and twice."""
    looked = []
    for seed in (0, 1, 0, 1):
        bench(capsys, *COPY, "hardware.device=cpu", f"seed={seed}")
        looked.append(bench(capsys, "show", "copy").out.splitlines()[0].partition("seed ")[2][0])
    assert looked == ["0", "1", "0", "1"]
    assert len(records(project / "results")) == 2


def test_an_attempt_counts_by_the_end_that_its_record_states(project):
    """A copied or cloned folder has other times of writing."""
    store = Store("results")
    publish(store, "run", finished="2026-01-02T00:00:00+00:00", seed=2)
    publish(store, "run", finished="2026-01-01T00:00:00+00:00", seed=1)
    assert store.find("run", "run").seed == 2


def test_a_name_alone_makes_no_run_done(project):
    """It has 32 bits of the identity, and two runs may share them."""
    store = Store("results")
    publish(store, "run", identity="another")
    assert store.find("run", "this") is None
    publish(store, "run", identity="this", seed=7)
    assert (store.find("run", "this").id, store.find("run", "this").seed) == ("run-2", 7)


def test_an_attempt_goes_on_from_no_other_run_of_its_name(project):
    store = Store("results")
    with pytest.raises(KeyboardInterrupt), store.open("run", "another") as folder:
        folder.path("checkpoint-1.pt").write_bytes(b"another")
        raise KeyboardInterrupt
    publish(store, "run", identity="another")
    (store.runs / "run" / "checkpoint-2.pt").write_bytes(b"another")
    with store.open("run", "this") as folder:
        assert not list(folder.path("").glob("checkpoint-*"))


@pytest.fixture
def cut_off(capsys, monkeypatch, project):
    """The folder of a run with the user's own cell and task that was interrupted after its training."""

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, new_process():
        patched.setattr("bench.job.execute.evaluate", interrupt)
        assert bench(capsys, *own_run(), "checkpoint.steps=1").code == 130
    (folder,) = (project / "results" / "runs").glob("[!.]*")
    return folder


def own_run():
    return (*TINY, "hardware.device=cpu", *OPTIONS["cell"], *OPTIONS["task"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("own_cell.py", "had other code: own_cell.py (cell); bring it back"),
        ("own_helper.py", "had other code: own_helper.py (task), own_helper.py (cell); bring it back"),
        ("own_data.csv", "had other data; bring them back"),
    ],
)
def test_a_run_goes_on_from_no_other_code_or_data(capsys, project, cut_off, name, reason):
    edit(project / name)
    with new_process():
        said = bench(capsys, *own_run(), f"resume={cut_off}")
    assert said.code == 2
    assert the_line(said).startswith(f"resume={cut_off}: that run {reason}")


def test_a_run_that_goes_on_with_another_harness_states_it(capsys, monkeypatch, project, cut_off):
    said = []
    for harness in ("", "f" * 64):
        with monkeypatch.context() as patched, new_process():
            if harness:
                patched.setattr(prepared, "_code", lambda: "f" * 64)
            said.append(bench(capsys, *own_run(), f"resume={cut_off}", f"results_dir=more{harness[:1]}"))
    assert [each.code for each in said] == [0, 0]
    words = "that run began with another version of bench's own code; the record states it"
    assert [words in each.err for each in said] == [False, True]
    stated = [records(project / folder)[0]["resumed"] for folder in ("more", "moref")]
    assert stated == [{"folder": str(cut_off), "same_harness": same} for same in (True, False)]


def test_a_run_on_another_kind_of_gpu_is_another_run(monkeypatch):
    """In a shared folder the first one's is not "done already": its speed and its arithmetic are not the second's."""
    hashes = []
    for kind in ("cuda H100", "cuda T4", "cuda H100"):
        monkeypatch.setattr(Machine, "kind", kind)
        hashes.append(prepared.prepare(compose(COPY)).identity.hash)
    assert hashes[0] != hashes[1]
    assert hashes[0] == hashes[2]


def test_a_device_of_one_kind_is_the_same_by_any_name_and_other_arithmetic_is_not():
    def run_with(setting):
        with torch_settings_kept():
            return prepared.prepare(compose([*COPY, setting])).identity.hash

    devices = {run_with(f"hardware.device={name}") for name in ("cpu", "cpu:0")}
    others = ("hardware.threads=2", "hardware.precision=float64", "hardware.deterministic=true")
    assert len(devices) == 1 and len(devices | set(map(run_with, others))) == 1 + len(others)
