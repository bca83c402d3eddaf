"""Prepared data is made once and found whole: whatever is killed, corrupt, shared or unwritable."""

import logging
import multiprocessing
import os
import signal
import time

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from bench.api import DataError, cache_folder
from bench.tasks.common.files.prepared import check_checksum, prepared

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked, which this system cannot")
FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else None


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make(value=1.0):
    """Data to prepare; `made` counts how often it was."""
    make.made += 1
    return {"values": torch.full((1000,), value), "starts": torch.tensor([0, 1000])}


@pytest.fixture(autouse=True)
def counted():
    make.made = 0


def whole(tensors, value=1.0):
    return torch.equal(tensors["values"], torch.full((1000,), value)) and tensors["starts"].tolist() == [0, 1000]


def test_what_was_made_is_found():
    assert whole(prepared("data", {"a": 1}, make))
    assert whole(prepared("data", {"a": 1}, make))
    assert make.made == 1


def test_another_recipe_is_made_anew():
    for recipe in ({"a": 1}, {"a": 2}, {"b": 1}):
        prepared("data", recipe, make)
    assert make.made == 3


def test_the_order_of_a_recipe_does_not_matter():
    prepared("data", {"a": 1, "b": 2}, make)
    prepared("data", {"b": 2, "a": 1}, make)
    assert make.made == 1


@pytest.mark.parametrize("damage", [b"", b"not a file of tensors", None])
def test_a_file_that_cannot_be_read_is_made_anew_and_mended(cache, damage):
    prepared("data", {}, make)
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:-7] if damage is None else damage)
    assert whole(prepared("data", {}, make))
    assert make.made == 2
    assert whole(prepared("data", {}, make))
    assert make.made == 2


def test_a_file_that_was_altered_is_told_by_its_hash_and_made_anew(cache, caplog):
    """Also where it was written well, with other numbers or other names."""
    prepared("data", {}, make)
    (path,) = cache.iterdir()
    with safe_open(path, "pt") as file:
        stated = file.metadata()
    for altered in ({**make(), "values": torch.ones(1000) * 2}, {**make(), "more": torch.ones(1)}, make(1.5)):
        for metadata in (stated, None):
            save_file(altered, path, metadata)
            made = make.made
            with caplog.at_level("WARNING", "bench"):
                assert whole(prepared("data", {}, make))
            assert make.made == made + 1
            assert f"and is made again: {path}" in caplog.text
            caplog.clear()


@pytest.mark.parametrize("tensor", [torch.tensor(True), torch.zeros(0, 3), torch.ones(2, dtype=torch.bfloat16)])
def test_tensors_of_any_kind_are_found_again(tensor):
    for _ in range(2):
        assert torch.equal(prepared("data", {}, lambda: make() | {"one": tensor})["one"], tensor)
    assert make.made == 1


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path, monkeypatch, caplog):
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "a file" / "cache"))
    log = logging.getLogger("bench")
    log.addHandler(caplog.handler)
    try:
        assert whole(prepared("data", {}, make))
    finally:
        log.removeHandler(caplog.handler)
    assert "prepared data is not kept" in caplog.text and "BENCH_CACHE" in caplog.text


def test_what_make_raises_is_raised_and_leaves_nothing(cache):
    def fail():
        raise DataError("no such data")

    with pytest.raises(DataError, match="no such data"):
        prepared("data", {}, fail)
    assert not cache.exists()


@needs_fork
def test_what_is_killed_in_the_middle_leaves_nothing_that_is_taken_for_data(cache, monkeypatch):
    """The writer stops with all its bytes in the draft, before the rename that would publish them, and is killed."""
    reached, writing = FORK.Pipe()

    def stop(descriptor):
        writing.send("in the middle")
        time.sleep(600)

    def write():
        os.fsync = stop
        prepared("data", {}, lambda: make(2.0))

    process = FORK.Process(target=write)
    process.start()
    assert reached.poll(60)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert len(list(cache.iterdir())) == 1
    assert whole(prepared("data", {}, make))
    assert make.made == 1


@needs_fork
def test_processes_that_prepare_the_same_at_once_all_get_it(cache):
    together, results = FORK.Barrier(6), FORK.Queue()

    def slow():
        together.wait(60)  # every one has found nothing, and makes it
        return make()

    def work():
        results.put(whole(prepared("data", {}, slow)))

    processes = [FORK.Process(target=work) for _ in range(6)]
    for process in processes:
        process.start()
    assert [results.get(timeout=60) for _ in processes] == [True] * 6
    for process in processes:
        process.join()
    assert len(list(cache.iterdir())) == 1
    assert whole(prepared("data", {}, make))
    assert make.made == 0


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"BENCH_CACHE": "~/here"}, "HOME/here"),
        ({"XDG_CACHE_HOME": "/somewhere"}, "/somewhere/bench-sequences"),
        ({}, "HOME/.cache/bench-sequences"),
    ],
)
def test_the_folder_is_what_the_environment_says(monkeypatch, tmp_path, environment, folder):
    for name in ("BENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path), **environment}.items():
        monkeypatch.setenv(name, value)
    assert str(cache_folder()) == folder.replace("HOME", str(tmp_path))


def test_a_checksum_that_differs_is_said_with_both():
    check_checksum("data", "abc", None)
    check_checksum("data", "abc", "abc")
    with pytest.raises(DataError, match="data: the data's SHA-256 is abc, task.checksum says abd; .*checksum=null"):
        check_checksum("data", "abc", "abd")


def test_a_user_without_a_home_gets_the_data_and_a_line_that_says_it_is_not_kept(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    for name in ("BENCH_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    monkeypatch.setattr(logging.getLogger("bench"), "propagate", True)
    assert whole(prepared("data", {}, make)) and "there is no home folder" in caplog.text
    assert not [*tmp_path.iterdir()]
