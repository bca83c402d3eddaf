"""Results from someone else are read, and no code that they name is run unless the user says where it lies."""

import json
import shutil

import pytest
from cli_tools import COPY, TINY, bench, the_line
from own_code import OPTIONS, edit, new_process, write_files

import bench as library
from bench.errors import ConfigError
from bench.job.trust import Trust
from bench.results.record import Record

RAN = "the code has run"
MARKER = f"\nprint({RAN!r})\n"
CELL = (*COPY, *OPTIONS["cell"])


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """A folder as its author sends it: results of runs with their own plugins, and the plugins' files, which tell when
    they are run."""
    folder = tmp_path_factory.mktemp("sent")
    write_files(folder)
    for path in folder.glob("own_*.py"):
        path.write_text(path.read_text() + MARKER)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.syspath_prepend(folder)
        patched.setattr("bench.job.execute.measure_speed", lambda *_: None)
        text = (*TINY, "task=charlm", f"task.source={__file__}", *OPTIONS["cell"])
        by_module = (*COPY, "cell=custom", "cell.target=own_cell:Mine")
        others = [(*COPY, *OPTIONS[role]) for role in ("optimizer", "schedule")]
        own_task = (*TINY, *OPTIONS["task"])
        with new_process():
            for index, options in enumerate((text, CELL, by_module, *others, own_task)):
                from bench.command.main import main

                assert main([*options, f"results_dir={NAMES[index]}", "hardware.device=cpu"]) == 0
    return folder


NAMES = ("text", "cell", "module", "optimizer", "schedule", "task")


@pytest.fixture
def received(sent, tmp_path, monkeypatch):
    """A copy of it, which is the current folder."""
    folder = shutil.copytree(sent, tmp_path / "received")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    with new_process():
        yield folder


def diagnose(capsys, results, *words):
    (run,) = (path.name for path in results.glob("runs/[!.]*"))
    return bench(capsys, "diagnose", run, "--lanes=2", *words, f"results_dir={results}")


@pytest.mark.parametrize("name", NAMES[1:])
def test_no_code_that_a_record_names_runs_by_itself(capsys, received, name):
    said = diagnose(capsys, received / name)
    assert said.code == 2
    line = the_line(said)
    assert "which a record alone cannot have run; read it, then say where it lies: --trust " in line
    assert RAN not in said.out


def test_nor_does_it_for_a_sample_or_a_load(capsys, received):
    said = bench(capsys, "sample", "charlm", f"results_dir={received / 'text'}")
    assert (said.code, RAN in said.out) == (2, False)
    assert "--trust own_cell.py" in the_line(said)
    with pytest.raises(ConfigError, match=r"in Python trust='own_cell\.py'"):
        library.load("charlm", received / "text")
    assert RAN not in capsys.readouterr().out


@pytest.mark.parametrize("place", ["own_cell.py", "."])
def test_trusted_code_is_run(capsys, received, place):
    said = bench(capsys, "sample", "charlm", "--length=1", "--trust", place, f"results_dir={received / 'text'}")
    assert (said.code, RAN in said.out) == (0, True), said.err


@pytest.mark.parametrize("name", NAMES[1:])
def test_trust_works_for_each_kind_of_plugin(capsys, received, name):
    said = diagnose(capsys, received / name, "--trust=.", "--untrained")
    assert (said.code, RAN in said.out) == (0, True), said.err


def test_a_file_may_lie_elsewhere_than_the_record_says(capsys, received):
    (received / "code").mkdir()
    shutil.move(received / "own_cell.py", received / "code" / "own_cell.py")
    said = bench(capsys, "sample", "charlm", "--length=1", "--trust=code", f"results_dir={received / 'text'}")
    assert (said.code, RAN in said.out) == (0, True), said.err
    assert (
        library.load("charlm", received / "text", trust=received / "code")
        .config.cell["target"]
        .startswith(str(received / "code"))
    )


@pytest.mark.parametrize("name", ["own_cell.py", "own_helper.py"])
def test_edited_code_is_refused_before_it_runs_even_where_it_is_trusted(capsys, received, name):
    edit(received / name)
    words = ("sample", "charlm", "--length=1", "--trust=.", f"results_dir={received / 'text'}")
    said = bench(capsys, *words)
    assert (said.code, RAN in said.out) == (2, False)
    assert f"was made with other code than is here: {name} (cell); bring back the code of the run" in the_line(said)
    with new_process():
        said = bench(capsys, *words, "--with-this-code")
    assert (said.code, RAN in said.out) == (0, True), said.err


def test_code_that_this_process_has_run_for_a_run_of_its_own_needs_no_word(capsys, received):
    run = library.run(*CELL, "hardware.device=cpu", results_dir="mine")
    assert library.load(run).model.cells[0].hidden_size == 8
    edit(received / "own_cell.py")
    with pytest.raises(ConfigError, match=r"other code than is here: own_cell\.py \(cell\)"):
        library.load(run)
    assert library.load(run, with_this_code=True).record == run.record


def test_an_edit_of_the_harness_s_own_cell_is_refused_too(capsys, received, monkeypatch):
    run = library.run(*COPY, "hardware.device=cpu", results_dir="mine")
    stated = json.loads((run.folder / "record.json").read_text())
    stated["sources"]["cell"]["bench/cells/gru.py"] = "0" * 64
    (run.folder / "record.json").write_text(json.dumps(stated))
    with pytest.raises(ConfigError, match=r"bench/cells/gru\.py \(cell\)"):
        library.load(run.id, "mine")


def test_a_record_that_states_no_code_is_loaded_with_a_line_and_its_files_are_not(capsys, received, caplog):
    """As older records are."""
    run = library.run(*COPY, "hardware.device=cpu", results_dir="mine")
    for folder in (run.folder, next((received / "cell").glob("runs/[!.]*"))):
        stated = json.loads((folder / "record.json").read_text())
        stated |= dict.fromkeys(("code", "sources", "harness"))
        (folder / "record.json").write_text(json.dumps(stated))
    library.load(run.id, "mine")
    said = bench(capsys, "diagnose", run.id, "--lanes=1", "results_dir=mine")
    for text in (caplog.text, said.err):
        assert "was made before records stated their code: edits since then are not seen" in text
    with new_process(), pytest.raises(ConfigError, match="does not state its code: own_base.py"):
        library.load("copy", received / "cell", trust=".")


@pytest.mark.parametrize(
    "target",
    [
        "bench.__main__:X", "bench.cells.__main__:X", "bench.received.own_cell:Mine", "bench.cells_of_others:Mine",
        "os.system", "antigravity:X", "pip._internal:main", "own_cell.Mine", "../received/own_cell.py:Mine", "a\nb:X",
    ],
)  # fmt: skip
@pytest.mark.parametrize("role", ["cell", "task", "optimizer", "schedule"])
def test_only_modules_with_plugins_are_imported(received, target, role):
    (folder,) = (received / "text").glob("runs/[!.]*")
    config = {role: {"target": target}}
    with pytest.raises(ConfigError, match=f"its {role} is code in .*, which a record alone cannot have run"):
        Trust().checked(Record.read(folder), config)


@pytest.mark.parametrize("target", ["bench.cells.gru:GRU", "bench.tasks.copy.Copy", "torch.optim.Adam"])
def test_built_in_plugins_are(received, target):
    (folder,) = (received / "text").glob("runs/[!.]*")
    assert Trust().checked(Record.read(folder), {"cell": {"_target_": target}}) == {"cell": {"_target_": target}}


@pytest.mark.parametrize("id", ["../../outside", "/tmp/outside", "..", "a/b"])
def test_an_id_is_a_name_and_never_a_path(capsys, received, id):
    (folder,) = (received / "text").glob("runs/[!.]*")
    stated = json.loads((folder / "record.json").read_text()) | {"id": id}
    (folder / "record.json").write_text(json.dumps(stated))
    before = {path for path in received.parent.rglob("*") if "results" not in path.parts}
    said = diagnose(capsys, received / "text", "--trust=.", "--untrained")
    after = {path for path in received.parent.rglob("*") if "__pycache__" not in path.parts} - before
    assert said.code == 0, said.err
    assert {path.relative_to(received).parts[:3] for path in after} == {
        ("text", "diagnosis"),
        ("text", "diagnosis", f"{folder.name}-untrained"),
    }
