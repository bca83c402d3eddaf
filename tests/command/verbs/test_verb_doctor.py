"""`bench doctor` shows on one screen what this machine has and what a run sets, and changes nothing."""

import json
from pathlib import Path
from unittest.mock import Mock, patch

import pytest
import torch
from cli_tools import bench, the_line
from kernel_tools import forget_compiler
from simulated import NAME, simulated_gpu

from bench.command.verbs import doctor
from bench.hardware import machine
from bench.hardware.advice import Advice, advice
from bench.hardware.arithmetic import arithmetic, arithmetic_kept, set_arithmetic
from bench.hardware.precisions import precisions
from bench.hardware.processors import cpu_name

ADVICE = advice  # of which the other tests hear nothing
CPU = torch.device("cpu")
SCREEN = 24  # lines of a terminal


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """The timer is tested for a moment, and nothing is said of this machine."""
    monkeypatch.setattr(doctor, "_LOOK", 0.0)
    monkeypatch.setattr("bench.measure.aa._ROUNDS", 5)
    monkeypatch.setattr("bench.hardware.advice.advice", lambda *_: [])


def test_it_shows_the_cpu_with_all_that_it_computes_in(capsys):
    said = bench(capsys, "doctor")
    assert (said.code, said.err) == (0, "") and len(said.out.splitlines()) <= SCREEN
    assert f"cpu: {cpu_name()}" in said.out
    assert f"hardware.precision={'|'.join(precisions(CPU))}" in said.out
    assert f"torch {torch.__version__}" in said.out


def test_a_gpu_comes_first_and_has_a_precision_that_the_cpu_lacks(capsys):
    with simulated_gpu():
        said = bench(capsys, "doctor")
    assert said.code == 0 and len(said.out.splitlines()) <= SCREEN
    gpu, cpu = said.out.partition("devices")[2].split("cpu: ")
    assert f"cuda: {NAME} (capability 9.0" in gpu and "tf32" in gpu and "(hardware.device=auto)" in gpu
    assert "tf32" not in cpu.partition("threads")[0] and "device=auto" not in cpu


def test_where_a_gpu_is_the_compiler_of_its_kernels_is_told(capsys):
    with simulated_gpu(), patch("bench.kernels.nvrtc.version", lambda: "NVRTC 12.9"):
        assert "NVRTC 12.9, for unroll=kernels on a GPU" in bench(capsys, "doctor").out
    assert "NVRTC" not in bench(capsys, "doctor").out


def test_a_program_that_compiles_nothing_is_told(capsys, monkeypatch):
    monkeypatch.setenv("CXX", "false")
    forget_compiler()
    assert "false does not compile the kernel: it ends with 1" in " ".join(bench(capsys, "doctor").out.split())
    monkeypatch.delenv("CXX")
    forget_compiler()
    assert "for unroll=kernels" in bench(capsys, "doctor").out


def test_a_gpu_that_does_not_start_is_told_and_the_cpu_is_still_shown(capsys):
    broken = Mock(side_effect=RuntimeError("CUDA error: unknown\nand more"))
    with simulated_gpu(), patch.object(torch.cuda, "get_device_properties", broken):
        said = bench(capsys, "doctor")
    assert said.code == 0 and "cuda: CUDA error: unknown (hardware.device=auto)" in said.out and "cpu: " in said.out


def test_the_settings_are_those_of_a_run_and_torch_s_own_stay(capsys):
    with arithmetic_kept():
        set_arithmetic("tf32")
        before = arithmetic()
        assert "cuda.matmul.fp32_precision ieee" in bench(capsys, "doctor").out
        assert arithmetic() == before


def test_it_counts_the_runs_of_a_folder_and_makes_none(capsys, tmp_path: Path):
    for folder in ("one", "two", ".three.partial"):
        (tmp_path / "runs" / folder).mkdir(parents=True)
    for place, count in ((tmp_path, 2), (tmp_path / "none", 0)):
        said = bench(capsys, "doctor", f"results_dir={place}")
        assert f"{place} has {count} runs" in " ".join(said.out.split())
    assert not (tmp_path / "none").exists()


def test_a_results_folder_that_is_none_or_cannot_be_read_is_told_with_the_cause(capsys, tmp_path: Path):
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name, cause in {"file": "Not a directory", "circle": "Too many levels of symbolic links"}.items():
        said = bench(capsys, "doctor", f"results_dir={tmp_path / name}")
        assert said.code == 0
        assert f"{tmp_path / name} cannot be read: {cause}" in " ".join(said.out.split())


def test_a_variable_that_keeps_a_gpu_from_tf32_is_shown(capsys, monkeypatch):
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    assert "NVIDIA_TF32_OVERRIDE 0" in " ".join(bench(capsys, "doctor").out.split())


def test_a_package_that_is_not_there_is_said_with_its_remedy(capsys, monkeypatch):
    monkeypatch.setattr("bench.results.provenance.version", lambda _: None)
    assert "is not installed: pip install 'bench-sequences[slurm]'" in " ".join(bench(capsys, "doctor").out.split())


def test_with_threads_of_ones_own_it_says_what_is_against_as_many(capsys, monkeypatch):
    monkeypatch.setattr("bench.hardware.advice.advice", ADVICE)
    monkeypatch.setattr("bench.hardware.load.Gauge.own_cores", 2)
    seen = []
    choose = machine.choose_machine
    monkeypatch.setattr(machine, "choose_machine", lambda config: (seen.append(config.threads), choose(config))[1])
    said = bench(capsys, "doctor", "hardware.threads=3")
    assert said.code == 0 and "a run has 3 (hardware.threads)" in said.out
    assert "hardware.threads=3 on 2 processors: at most as many threads" in said.out
    assert 3 in seen  # the timer is tested on as many
    assert "on 2 processors" not in bench(capsys, "doctor").out


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("hardware.threads=0", "hardware.threads=0: input should be greater than or equal to 1"),
        (
            "hardware.thread=3",
            r"hardware.thread=3: bench doctor takes hardware.threads=N (did you mean hardware.threads?)",
        ),
        ("cell=gru", "cell=gru: bench doctor takes hardware.threads=N"),
    ],
)
def test_an_option_that_it_does_not_take_is_refused(capsys, word, said):
    told = bench(capsys, "doctor", word)
    assert told.code == 2 and said in the_line(told)


def test_another_word_is_refused(capsys):
    said = bench(capsys, "doctor", "cuda")
    assert said.code == 2 and "cuda" in the_line(said)


def test_it_tests_the_timer_and_says_what_makes_speeds_unreliable_with_the_remedy(capsys, monkeypatch):
    found = [Advice("it is hot", "cool it"), Advice("it is far", "come nearer")]
    monkeypatch.setattr("bench.hardware.advice.advice", lambda *_: found)
    lines = bench(capsys, "doctor").out.splitlines()
    assert any(line.startswith("timer       the same work measured twice: ratio ") for line in lines)
    assert lines[-2:] == ["unreliable  it is hot: cool it", "            it is far: come nearer"]
    said = bench(capsys, "doctor", "--json")
    tree = json.loads(said.out)
    assert said.code == 0 and tree["unreliable"] == [each._asdict() for each in found]
    assert tree["timer"]["low"] <= tree["timer"]["median"] <= tree["timer"]["high"]
    assert tree["devices"][-1].startswith("cpu: ") and "BLAS" in tree["libraries"][0] and tree["load"]["cores"] >= 1
