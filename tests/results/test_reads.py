"""Data counts by content: files that Python code opens for reading are seen, and nothing else is taken for data."""

import importlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench.results.reads import FilesRead

READERS = {
    "open": lambda path: open(path).close(),
    "open bytes": lambda path: open(os.fsencode(path), "rb").close(),
    "os.open": lambda path: os.close(os.open(path, os.O_RDONLY)),
    "pathlib": Path.read_bytes,
    "pandas": pd.read_csv,
    "numpy": lambda path: np.loadtxt(path, delimiter=",", dtype=str),
    "a relative path": lambda path: open(os.path.relpath(path)).close(),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_file_that_is_opened_for_reading_counts_by_its_content(tmp_path, read):
    data, fingerprints = tmp_path / "data.csv", []
    for text in ("a,b\n1,2\n", "a,b\n1,2\n", "a,b\n1,3\n"):
        data.write_text(text)
        with FilesRead() as watched:
            read(data)
        assert watched.paths() == [data]
        fingerprints.append(watched.fingerprint())
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_files_of_several_blocks_count_together_each_once(tmp_path):
    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    watched = FilesRead()
    for path in (one, other, one):
        path.write_text(path.name)
        with watched:
            path.read_text()
    other.read_text()
    assert watched.paths() == [one, other]
    assert watched.contents().keys() == {"one.txt", "other.txt"}


def test_code_packages_and_what_a_block_writes_itself_are_no_data(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)  # so that its file is read
    with FilesRead() as watched:
        Path(torch.__file__).read_bytes()
        Path("/proc/self/status").read_text()
        importlib.import_module("colorsys")
        (tmp_path / "cache.bin").write_bytes(b"x")
        (tmp_path / "cache.bin").read_bytes()
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).read_bytes()
    assert watched.paths() == []
    assert watched.fingerprint() is None


def test_nothing_is_seen_outside_of_a_block(tmp_path):
    (tmp_path / "data.txt").write_text("x")
    watched = FilesRead()
    with watched:
        pass
    (tmp_path / "data.txt").read_text()
    assert watched.paths() == []


@pytest.mark.parametrize("edited", ["one", "other"])
def test_files_of_one_name_in_two_folders_count_both(tmp_path, edited):
    paths = [tmp_path / folder / "data.txt" for folder in ("one", "other")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(path.parent.name)
    found = []
    for text in ("", "1", "2", "3", "4"):
        with (tmp_path / edited / "data.txt").open("a") as file:
            file.write(text)
        with FilesRead() as watched:
            for path in paths:
                path.read_text()
        found.append(watched.contents()["data.txt"])
    assert len(set(found)) == 5
