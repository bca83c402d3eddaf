"""`bench fetch` builds a task, so that its data is there, and says what it is; nothing else is trained or written."""

import logging

from cli_tools import bench, the_line


def test_it_says_what_the_task_is_and_how_large(capsys):
    said = bench(capsys, "fetch", "task=copy", "task.held_out=20")
    assert said.code == 0 and said.err == ""
    first, *lines, last = said.out.splitlines()
    assert first == "copy-v1" and last.startswith("ready after ")
    facts = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    assert facts["valid"] == facts["test"] == "20 sequences, 400 time steps, 100 scored"
    assert facts["train"].startswith("more than ") and facts["fingerprint"] == "none: generated"
    assert facts["source"].startswith("generated; ") and facts["inputs"] == "tokens, 10"
    assert "to beat      chance 0.125 (recall_accuracy, max)" in said.out


def test_what_is_prepared_meanwhile_is_said_where_it_lies(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine.py").write_text(PREPARING)
    for _ in range(2):  # made, then found
        said = bench(capsys, "fetch", "task=custom", f"task.target={tmp_path / 'mine.py'}:Mine", "+task.held_out=20")
        (prepared,) = (tmp_path / "cache").glob("mine-*.safetensors")
        assert said.code == 0 and f"  prepared data: {prepared}\n" in said.out
    log = logging.getLogger("bench")
    assert not any(type(handler) is logging.Handler for handler in log.handlers)


def test_an_experiment_brings_its_task(capsys, tmp_path):
    path = tmp_path / "yearly.csv"
    path.write_text("YEAR,SUNACTIVITY\n" + "".join(f"{year},{year * year % 97}\n" for year in range(1700, 2009)))
    refused = bench(capsys, "fetch", "+experiment=sunspots", f"task.source={path}")
    assert refused.code == 2 and "task.checksum says cdff8989" in refused.err, "these are not the sunspots"
    said = bench(capsys, "fetch", "+experiment=sunspots", f"task.source={path}", "task.checksum=null")
    assert (
        said.code == 0
        and said.out.startswith("forecast-v1\n")
        and "SUNACTIVITY of 309 rows" in " ".join(said.out.split())
    )


def test_without_a_task_and_with_help_it_explains_itself(capsys):
    for arguments in ((), ("--help",), ("task=copy", "-h")):
        said = bench(capsys, "fetch", *arguments)
        assert said.code == 0 and said.out.startswith("Usage: python -m bench fetch task=NAME")


def test_what_is_wrong_is_one_line(capsys):
    for arguments, says in (
        (["task=kopy"], "task=kopy: there is no such task"),
        (["cell=gru"], "cell=gru: bench fetch takes task=NAME"),
        (["taks=copy"], "did you mean task?"),
        (["task=music", "task.source=no.mat"], "task.source=no.mat: no such file"),
        (["task=custom"], "task.target is not set"),
        (["task=copy", "task.symbols=0"], "task.symbols=0"),
    ):
        said = bench(capsys, "fetch", *arguments)
        assert said.code == 2 and says in the_line(said) and said.out == ""


PREPARING = """
import torch

from bench.tasks.copy import Copy
from bench.tasks.common.files.prepared import prepared


class Mine(Copy):
    def __init__(self, held_out: int = 20) -> None:
        super().__init__(held_out=held_out)
        prepared("mine", {"version": 1}, lambda: {"numbers": torch.arange(3)})
"""
