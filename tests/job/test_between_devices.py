"""A run of a GPU, brought to a machine without one: its weights are loaded and write, and its training goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from cli_tools import bench, records
from simulated import simulated_gpu

from bench.job import execute as runner
from bench.job.reload import reload

RUN = (
    "task=hello", "cell=lstm", "unroll=eager", "model.hidden=8", "model.dropout=0.1", "ema=0.9", "budget.steps=4",
    "evaluations=1", "checkpoint.steps=2", "hardware.deterministic=true",
)  # fmt: skip


@pytest.fixture
def on_a_gpu(capsys, monkeypatch, tmp_path: Path) -> Path:
    """The folder of a run on a GPU, which Ctrl-C ended after its last step."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with simulated_gpu(), monkeypatch.context() as patched:
        patched.setattr(runner, "evaluate", interrupt)
        assert bench(capsys, *RUN, "hardware.precision=tf32", f"results_dir={tmp_path}").code == 130
    (folder,) = (tmp_path / "runs").glob("[!.]*")
    return folder


def test_a_run_of_a_gpu_goes_on_on_a_cpu_and_says_so(capsys, on_a_gpu: Path, tmp_path: Path) -> None:
    again = (*RUN, "budget.steps=6", "measure.seconds=0.01", f"results_dir={tmp_path / 'more'}", f"resume={on_a_gpu}")
    said = bench(capsys, *again)
    assert said.code == 0
    assert "that run had device cuda Simulated GPU and has cpu here, precision tf32 and has float32 here" in said.err
    assert "going on from the checkpoint after step 4" in said.err
    (record,) = records(tmp_path / "more")
    assert record["resumed"].items() >= {"device": "cuda Simulated GPU", "precision": "tf32"}.items()
    assert record["labels"]["hardware"].endswith(", cpu 1 thread float32 deterministic")


def test_its_weights_are_those_of_the_gpu_on_a_cpu_and_write(capsys, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runner, "measure_speed", lambda *_: None)
    with simulated_gpu():
        assert bench(capsys, *RUN, f"results_dir={tmp_path}").code == 0
    (folder,) = (tmp_path / "runs").glob("[!.]*")
    loaded = reload(folder)
    assert {parameter.device for parameter in loaded.model.parameters()} == {torch.device("cpu")}
    assert bench(capsys, "sample", str(folder), "--prompt", "hel").code == 0
    assert not torch.are_deterministic_algorithms_enabled()
