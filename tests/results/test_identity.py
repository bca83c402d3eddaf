"""A run of edited code is another run: no folder of the harness is left out of the hash of its code."""

import shutil
from pathlib import Path

import pytest
from cli_tools import COPY, ROOT, bench

from bench import about
from bench.job import prepared
from bench.results.identity import code_version

FOLDERS = sorted({path.parent.relative_to(ROOT) for top in ("bench", "tasks") for path in (ROOT / top).rglob("*.py")})
SUB_FOLDERS = [folder for folder in FOLDERS if len(folder.parts) > 1]
NESTED = [folder for folder in FOLDERS if len(folder.parts) > 2]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of the harness's source files, `bench` and `tasks` side by side."""
    copy = tmp_path_factory.mktemp("checkout")
    for path in (path for folder in FOLDERS for path in (ROOT / folder).glob("*.py")):
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return copy


@pytest.fixture(scope="module")
def installed(checkout: Path, tmp_path_factory) -> Path:
    """The same source files as an installation has them, with `tasks` in `bench`."""
    place = tmp_path_factory.mktemp("installed")
    shutil.copytree(checkout / "bench", place / "bench")
    shutil.copytree(checkout / "tasks", place / "bench" / "tasks")
    return place


def check_every_change_is_another_version(place: Path, folder: Path) -> None:
    """In `folder` of the harness at `place`, a file is edited, renamed, removed and added; then all is as it was."""
    versions = [code_version(place / "bench")]
    file = max((place / folder).glob("*.py"))
    kept, other, new = file.read_bytes(), file.with_name("a_renamed_file.py"), file.with_name("a_new_file.py")
    file.write_bytes(kept + b"\n")
    versions.append(code_version(place / "bench"))
    file.write_bytes(kept)
    file.rename(other)
    versions.append(code_version(place / "bench"))
    other.unlink()
    versions.append(code_version(place / "bench"))
    file.write_bytes(kept)
    new.write_bytes(kept)
    versions.append(code_version(place / "bench"))
    new.unlink()
    assert len(set(versions)) == len(versions), f"a file of {folder} was edited, renamed, removed or added unnoticed"
    assert code_version(place / "bench") == versions[0]


def test_there_are_sub_folders_and_folders_in_them() -> None:
    """The premise of the tests here; without it they would hold of a hash of the top folders' files alone."""
    assert len(SUB_FOLDERS) > 20
    assert NESTED


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_a_changed_file_of_any_folder_is_another_version_of_the_code(checkout: Path, folder: Path) -> None:
    check_every_change_is_another_version(checkout, folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_the_same_holds_of_an_installation(installed: Path, folder: Path) -> None:
    check_every_change_is_another_version(installed, folder if folder.parts[0] == "bench" else Path("bench") / folder)


def test_the_version_is_that_of_the_harness_which_runs() -> None:
    assert code_version() == code_version(about.FOLDER) == code_version(ROOT / "bench")
    assert prepared._code() == code_version()


@pytest.mark.parametrize("folder", NESTED, ids=str)
def test_a_run_is_done_already_only_until_a_file_far_down_is_edited(
    capsys, monkeypatch, checkout: Path, folder: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(prepared, "_code", lambda: code_version(checkout / "bench"))
    monkeypatch.setattr("bench.job.execute.measure_speed", lambda *_: None)
    command = (*COPY, "hardware.device=cpu", f"results_dir={tmp_path}")
    said = [bench(capsys, *command), bench(capsys, *command)]
    file = max((checkout / folder).glob("*.py"))
    kept = file.read_bytes()
    file.write_bytes(kept + b"\n")
    said.append(bench(capsys, *command))
    file.write_bytes(kept)
    assert ["is done already" in each.err for each in said] == [False, True, False]
