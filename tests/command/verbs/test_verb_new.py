"""`bench new` writes a cell and a task that work as they are, and overwrites nothing."""

from __future__ import annotations

import importlib.util

import pytest
from cli_tools import TINY, bench

from bench.checks import assert_cell, assert_task
from bench.command.verbs.new import class_name, write


def load(path, name):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def test_the_new_cell_keeps_the_laws(tmp_path):
    module, test = write("cell", "my_cell", tmp_path)
    assert_cell(load(module, "MyCell"), laws=["causal", "gradcheck in float64", "fresh lanes reset"])
    compile(test.read_text(), str(test), "exec")


def test_the_new_task_keeps_the_laws(tmp_path):
    module, test = write("task", "majority", tmp_path)
    assert_task(load(module, "Majority"), laws=["splits are disjoint", "a constant predictor scores chance"])
    compile(test.read_text(), str(test), "exec")


def test_both_run_as_the_command_says(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind, name in (("cell", "mine"), ("task", "ours")):
        said = bench(capsys, "new", kind, name)
        assert said.code == 0 and said.out.startswith(f"wrote {name}.py and test_{name}.py")
    said = bench(capsys, *TINY, "task=custom", "task.target=ours.py:Ours", "cell=custom", "cell.target=mine.py:Mine")
    assert said.code == 0 and said.out.startswith("ours-v1  custom:Mine(model.hidden=8)")


@pytest.mark.parametrize("there", ["mine.py", "test_mine.py"])
def test_nothing_is_overwritten_and_nothing_half_written(tmp_path, capsys, monkeypatch, there):
    monkeypatch.chdir(tmp_path)
    (tmp_path / there).write_text("precious")
    said = bench(capsys, "new", "cell", "mine")
    assert said.code == 1 and f"{there} is there already" in said.err
    assert [path.name for path in tmp_path.iterdir()] == [there]


@pytest.mark.parametrize("name", ["My", "1st", "a-b", "class", ""])
def test_a_name_that_no_module_can_have_is_refused(tmp_path, capsys, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    said = bench(capsys, "new", "cell", name)
    assert said.code == 2 and "no name for a module" in said.err


@pytest.mark.parametrize(
    ("kind", "name"),
    [*((k, n) for k in ("cell", "task") for n in ("torch", "copy", "bench", "conftest")), ("task", "task")],
)
def test_a_name_that_would_hide_another_module_or_class_is_refused_with_one_that_would_not(
    tmp_path, capsys, monkeypatch, kind, name
):
    """`torch.py` beside a script of one's own is what `import torch` finds there."""
    monkeypatch.chdir(tmp_path)
    said = bench(capsys, "new", kind, name)
    assert said.code == 2 and f"choose another, as my_{name}" in said.err
    assert not [*tmp_path.iterdir()]
    write(kind, f"my_{name}", tmp_path)


def test_words_become_a_class_name():
    assert class_name("my_own_cell") == "MyOwnCell"
