"""Kernels are compiled once and found again; where they cannot be compiled or found, a run goes on and says why."""

import ctypes
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from kernel_tools import forget_compiler

from bench.cells.gru import GRU
from bench.kernels import compiler
from bench.kernels.compiler import NoCompiler, compiled
from bench.unroll.forms import choose

SOURCE = 'extern "C" int answer() { return 42; }\n'


@pytest.fixture(autouse=True)
def another_machine():
    """What is known of the compiler is forgotten before and after a test."""
    forget_compiler()
    yield
    forget_compiler()


@pytest.fixture
def no_compiling(monkeypatch):
    def refuse():
        monkeypatch.setattr(compiler, "_compile", lambda *_: pytest.fail("it is compiled again"))

    return refuse


def a_compiler(tmp_path, monkeypatch, *lines):
    """A compiler of the user's, in shell."""
    path = tmp_path / "cc"
    path.write_text("\n".join(["#!/bin/sh", 'case "$*" in *--version*) echo 1.0; exit 0;; esac', *lines]))
    path.chmod(0o755)
    monkeypatch.setenv("CXX", str(path))
    return path


def test_a_kernel_is_compiled_once(tmp_path, no_compiling):
    assert compiled(SOURCE, tmp_path / "kernels").answer() == 42
    assert sorted(path.suffix for path in (tmp_path / "kernels").iterdir()) == [".lock", ".sha256", ".so"]
    no_compiling()
    assert compiled(SOURCE, tmp_path / "kernels").answer() == 42


@pytest.mark.parametrize("harm", ["cut short", "altered", "hash lost"])
def test_a_file_that_is_not_whole_is_compiled_again(tmp_path, harm):
    compiled(SOURCE, tmp_path)
    library, stated = (next(tmp_path.glob(f"*{suffix}")) for suffix in (".so", ".sha256"))
    content = library.read_bytes()
    library.unlink()  # the process has it mapped
    library.write_bytes(content[: len(content) // 2] if harm == "cut short" else b"\0" + content[1:])
    if harm == "hash lost":
        stated.unlink()
    assert compiled(SOURCE, tmp_path).answer() == 42
    assert library.read_bytes() == content


def test_a_folder_that_cannot_be_used_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    assert compiled(SOURCE, tmp_path / "file" / "kernels").answer() == 42
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    assert compiled(SOURCE, tmp_path / "open").answer() == 42
    assert not list((tmp_path / "open").iterdir())  # code that others may replace is not run


def test_a_name_that_is_taken_is_done_without_and_leaves_no_drafts(tmp_path):
    compiled(SOURCE, tmp_path)
    (library,) = tmp_path.glob("*.so")
    library.unlink()
    (library / "inside").mkdir(parents=True)
    names = sorted(os.listdir(tmp_path))
    assert compiled(SOURCE, tmp_path).answer() == 42
    assert sorted(os.listdir(tmp_path)) == names


def loads_nothing_of(folders, monkeypatch):
    """The system loads no library from these folders, as from one that is mounted with noexec."""
    load = ctypes.CDLL

    def refuse(path):
        if any(Path(path).is_relative_to(folder) for folder in folders):
            raise OSError(f"{path}: failed to map segment from shared object")
        return load(path)

    monkeypatch.setattr(ctypes, "CDLL", refuse)


def test_a_temporary_folder_that_runs_nothing_is_done_without(tmp_path, monkeypatch):
    (temporary := tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    loads_nothing_of([temporary], monkeypatch)
    assert compiled(SOURCE, tmp_path / "kernels").answer() == 42
    loads_nothing_of([tmp_path / "kernels"], monkeypatch)
    with pytest.raises(NoCompiler, match=r"neither kept in .*kernels nor made in a temporary folder: .*failed to map"):
        compiled(SOURCE, tmp_path / "kernels")


def test_a_machine_without_a_temporary_folder_has_no_kernels(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(NoCompiler, match="nor made in a temporary folder: .*No such file"):
        compiled(SOURCE, tmp_path / "kernels")


def test_several_may_compile_at_once(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        assert {library.answer() for library in pool.map(lambda _: compiled(SOURCE, tmp_path), range(4))} == {42}
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".lock", ".sha256", ".so"]


def test_of_several_processes_one_compiles_and_the_others_wait_for_it(tmp_path, monkeypatch):
    compiles, times = compiler._compile, []

    def slowly(source, work):
        times.append(1)
        time.sleep(0.2)
        return compiles(source, work)

    monkeypatch.setattr(compiler, "_compile", slowly)
    with ThreadPoolExecutor(4) as pool:
        assert {library.answer() for library in pool.map(lambda _: compiled(SOURCE, tmp_path), range(4))} == {42}
    assert len(times) == 1


def test_one_that_hangs_while_it_compiles_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(compiler, "_LONGEST", 0.1)
    compiled(SOURCE, tmp_path)
    for path in tmp_path.glob("*.s*"):
        path.unlink()
    (lock,) = tmp_path.glob("*.lock")
    with FileLock(lock):
        assert compiled(SOURCE, tmp_path).answer() == 42


def test_without_a_compiler_a_run_goes_by_the_loop(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setitem(sys.modules, "ziglang", None)
    form = choose(GRU(2, 3), "kernels")
    assert form.name == "eager"
    assert form.refused == (
        "unroll=kernels takes the loop of steps: GRU has no kernels: there is no C++ compiler here: install one, or "
        "bench-sequences[kernels]"
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["echo 'kernel.cpp:1: error: no such luck' >&2", "exit 1"],
            "does not compile the kernel: kernel.cpp:1: error: no",
        ),
        (["exit 0"], "does not compile the kernel: it ends with 0, and says nothing"),
        (["kill -9 $$"], "does not compile the kernel: it ends with -9, and says nothing"),
        (["echo no such luck >&2", "echo nor this >&2", "exit 1"], "does not compile the kernel: no such luck"),
    ],
)
def test_a_compiler_that_fails_is_told_in_a_line(tmp_path, monkeypatch, lines, said):
    command = a_compiler(tmp_path, monkeypatch, *lines)
    form = choose(GRU(2, 3), "kernels")
    assert form.name == "eager"
    assert f"GRU has no kernels: {command} {said}" in form.refused
    assert "\n" not in form.refused


def test_a_variable_of_blanks_names_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", " ")
    assert compiled(SOURCE, tmp_path).answer() == 42


def test_a_compiler_that_does_not_run_is_told_in_a_line(tmp_path, monkeypatch):
    command = a_compiler(tmp_path, monkeypatch)
    command.write_bytes(b"\x7fELF")
    with pytest.raises(NoCompiler, match="does not run"):
        compiled(SOURCE, tmp_path)


def test_another_compiler_or_other_flags_make_another_kernel(tmp_path, monkeypatch):
    names = set()
    for flags in ("", " -DA", " -DB"):
        monkeypatch.setenv("CXX", f"c++{flags}")
        forget_compiler()
        compiled(SOURCE, tmp_path)
        names |= {path.name for path in tmp_path.glob("*.so")}
    assert len(names) == 3


def test_a_run_is_the_same_whether_its_kernel_was_there(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    torch.manual_seed(0)
    cell, x_TBF = GRU(2, 3), torch.randn(5, 2, 2)
    first, second = (choose(cell, "kernels").unroll(x_TBF, cell.initial_state(2, x_TBF))[0] for _ in range(2))
    assert torch.equal(first, second)
    assert os.listdir(tmp_path) == ["kernels"]
