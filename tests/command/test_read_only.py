"""A results folder that cannot be written, such as one on an archive, still shows what is in it."""

import errno
import os

import pytest
from cli_tools import TEXT, bench


@pytest.fixture
def refuse_writing(monkeypatch):
    """Makes all folders refuse new files and folders, also to an administrator, whom permissions do not stop."""

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def refuse_writing():
        monkeypatch.setattr(os, "mkdir", refuse)
        monkeypatch.setattr("bench.results.files.open", refuse, raising=False)
        monkeypatch.setattr("tempfile.TemporaryFile", refuse)

    return refuse_writing


def test_what_is_in_a_read_only_folder_can_be_shown_tabulated_and_sampled(tmp_path, capsys, refuse_writing):
    place = f"results_dir={tmp_path / 'results'}"
    done = bench(capsys, *TEXT, place)
    (run,) = os.listdir(tmp_path / "results" / "runs")
    refuse_writing()
    again = bench(capsys, *TEXT, place)
    assert again.code == 0 and again.out.splitlines()[0] == done.out.splitlines()[0]
    table = bench(capsys, "leaderboard", place)
    assert table.code == 0 and table.out.startswith("charlm-v1(length=16): ")
    assert "the tables are shown, but not written: cannot write to" in table.err and "Read-only" in table.err
    text = bench(capsys, "sample", run, "--length", "3", place)
    assert (text.code, len(text.out)) == (0, 5)
    new = bench(capsys, *TEXT, "seed=1", place)
    assert new.code == 1 and "cannot write to" in new.err
