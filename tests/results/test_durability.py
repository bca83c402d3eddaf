"""A machine may lose power at any moment: what has appeared in the store is on the disk, because it was synced before.

A file or folder that appears by a rename is synced before it (else its name may outlive its content), and the folder
around it after it (else the old name may outlive the rename).
"""

import re
import sys
from pathlib import Path

import pytest
from cli_tools import COPY, ROOT, bench
from disk import Disk
from factories import a_record, publish

from bench.config.schema import CheckpointConfig
from bench.results.files import write_atomic
from bench.results.store import Store
from bench.train.checkpoint import Checkpoints

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the names of open files from /proc")


@pytest.fixture
def disk(monkeypatch) -> Disk:
    return Disk(monkeypatch)


def check_on_disk(disk: Disk, path: Path) -> None:
    """`path` appeared whole, and would be there after a crash."""
    assert not disk.breaches
    for part in (path, *path.rglob("*")):
        assert disk.has(part), f"{part.name} is not on the disk as it is"
    assert disk.finds(path), f"the folder of {path.name} was not synced after {path.name} appeared"


def a_written_file(folder: Path) -> Path:
    write_atomic(folder / "file.txt", "content")
    return folder / "file.txt"


def a_replaced_file(folder: Path) -> Path:
    (folder / "file.txt").write_text("older content")
    return a_written_file(folder)


def a_checkpoint(folder: Path) -> Path:
    Checkpoints(folder, CheckpointConfig()).save(3, {"content": 3})
    return folder / "checkpoint-3.pt"


def an_index(folder: Path) -> Path:
    publish(Store(folder), "run")
    Store(folder).rows()
    return folder / "runs" / ".index.jsonl"


def a_run(folder: Path) -> Path:
    with Store(folder).open("run", "run") as opened:
        opened.path("curve.csv").write_text("step,score\n1,2\n")
        opened.path("model.safetensors").write_bytes(bytes(100))
        return opened.publish(a_record())


def a_second_attempt(folder: Path) -> Path:
    a_run(folder)
    return a_run(folder)


PUBLICATIONS = [a_written_file, a_replaced_file, a_checkpoint, an_index, a_run, a_second_attempt]


@pytest.mark.parametrize("published", PUBLICATIONS, ids=lambda published: published.__name__)
def test_what_appears_was_synced_before_and_its_folder_after(disk: Disk, tmp_path: Path, published) -> None:
    check_on_disk(disk, published(tmp_path))


def test_a_copied_checkpoint_is_on_the_disk_as_it_appears(disk: Disk, tmp_path: Path) -> None:
    """Half a copy would hide the whole one in the attempt before: the next process goes on from the hidden folder."""
    source = a_checkpoint(tmp_path)
    with Store(tmp_path).open("run", "run") as folder:
        folder.copy_checkpoints(tmp_path)
        copy = folder.path(source.name)
        assert copy.read_bytes() == source.read_bytes()
        check_on_disk(disk, copy)


def test_the_order_of_a_file_and_of_a_run(disk: Disk, tmp_path: Path) -> None:
    a_written_file(tmp_path)
    (temporary, _), *after = [(name, kind) for kind, name in disk.calls]
    assert re.fullmatch(r"\.file\.txt\.\w+\.tmp", temporary)
    assert after == [("file.txt", "replace"), (tmp_path.name, "sync")]
    disk.calls.clear()
    a_run(tmp_path)
    *before, renamed, last = disk.calls
    assert (renamed, last) == (("rename", "run"), ("sync", "runs"))
    assert {"curve.csv", "model.safetensors", "record.json"} <= {name for kind, name in before if kind == "sync"}


def test_a_whole_run_with_checkpoints_is_on_the_disk_as_it_appears(capsys, monkeypatch, disk, tmp_path: Path) -> None:
    """As the command makes it, with every file that a run has."""
    monkeypatch.setattr("bench.job.execute.measure_speed", lambda *_: None)
    command = (*COPY, "hardware.device=cpu", "checkpoint.steps=1", f"results_dir={tmp_path / 'new' / 'results'}")
    assert bench(capsys, *command).code == 0
    assert [name for kind, name in disk.calls if kind == "replace" and name.startswith("checkpoint")]
    (run,) = (tmp_path / "new" / "results" / "runs").glob("[!.]*")
    assert {path.name for path in run.iterdir()} == {
        "config.yaml", "curve.csv", "model.safetensors", "record.json", "run.log"
    }  # fmt: skip
    check_on_disk(disk, run)
    for folder in (run.parent, run.parent.parent, run.parent.parent.parent):
        assert disk.finds(folder), f"the new folder {folder.name} would be lost, with all runs in it"


def test_only_these_files_of_the_harness_rename() -> None:
    """A file or folder that appears by a rename elsewhere needs a line here and in `PUBLICATIONS`."""
    renaming = re.compile(r"\bos\.(rename|replace|link)\(|\bshutil\.(move|copy\w*)\(|\.rename\(")
    sources = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in (ROOT / "bench").rglob("*.py")}
    found = {name: len(list(renaming.finditer(text))) for name, text in sources.items()}
    assert {name: count for name, count in found.items() if count} == {
        "bench/kernels/compiler.py": 1,  # a kernel in the cache, which is compiled again where it is not whole
        "bench/results/files.py": 1,  # every file
        "bench/results/folder.py": 3,  # a run's folder: taken over or removed, where nothing appears, and published
        "bench/results/lease.py": 1,  # a lease, whole from the start: a power cut ends its process as well
        "bench/results/merge.py": 1,  # a run's files, copied into its folder before it is published
    }
