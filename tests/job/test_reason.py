"""Why a run failed is a line with a remedy, where bench knows one; memory that ran out is told on every device."""

import pytest
import torch
from cli_tools import COPY, bench, records

from bench.job.reason import is_out_of_memory, reason_of

SAID = {
    "CUDA": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has 79 GiB\nIf reserved"),
    "MPS": RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GiB). Tried to allocate 1.00 GiB on pool."),
    "CPU": RuntimeError(
        "[alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"
    ),
    "cuBLAS": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "cuDNN": RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "Python": MemoryError(),
}
"""What each allocator says."""


@pytest.mark.parametrize("error", SAID.values(), ids=SAID)
def test_memory_that_ran_out_has_its_remedies(error):
    said = reason_of(error)
    assert said.startswith("no room for ")
    assert all(option in said for option in ("batch_size", "accumulate", "bptt.checkpoint", "model.hidden"))
    assert "\n" not in said


def test_what_was_wanted_is_told_where_the_allocator_says_it():
    wanted = {name: reason_of(error).partition(":")[0] for name, error in SAID.items()}
    assert wanted["CUDA"] == "no room for 20.00 GiB more"
    assert wanted["CPU"] == "no room for 4 bytes more"
    assert wanted["cuDNN"] == "no room for more"


def test_torch_on_this_cpu_says_it_so():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**16)
    assert is_out_of_memory(caught.value)


def test_memory_that_ran_out_in_the_code_of_a_task_is_no_fault_of_its(capsys, monkeypatch, tmp_path):
    """A batch that is too large to be drawn, or to be looked at, says nothing against the task."""
    for number, place in enumerate(("bench.tasks.copy.Copy.lay_out", "bench.checks.quick_task.sequences")):
        monkeypatch.undo()
        monkeypatch.setattr(place, lambda *_, **__: torch.empty(10**16))
        said = bench(capsys, *COPY, "hardware.device=cpu", f"results_dir={tmp_path / str(number)}")
        (record,) = records(tmp_path / str(number))
        assert (said.code, record["status"]) == (1, "out of memory"), place
        assert record["reason"].startswith("no room for 40000000000000000 bytes more: lower batch_size")


def test_a_verb_that_runs_out_of_memory_ends_with_a_line(capsys, monkeypatch, tmp_path):
    """A run has a record for it; whatever else computes has this line alone."""
    monkeypatch.setattr("bench.measure.training.train", lambda *_, **__: torch.empty(10**16))
    said = bench(capsys, "speed", *COPY, "--figures=train", "measure.seconds=0.01", f"results_dir={tmp_path}")
    assert said.code == 1 and said.err.splitlines()[-1].startswith(
        "bench: task=copy cell=gru: train: no room for 40000000000000000 bytes more: "
    )
    assert "Traceback" not in said.err


@pytest.mark.parametrize("error", [RuntimeError("shapes do not fit"), ValueError("out of memory"), KeyError("x")])
def test_other_errors_say_what_they_said(error):
    assert not is_out_of_memory(error)
    assert reason_of(error).startswith(type(error).__name__)


def test_an_operation_without_a_deterministic_form_is_named():
    said = reason_of(RuntimeError("cumsum_cuda_kernel does not have a deterministic implementation, but you set ..."))
    assert said.startswith("hardware.deterministic=true: cumsum_cuda_kernel has no deterministic form on this device;")


def test_a_run_out_of_memory_leaves_its_record_and_a_line(capsys, monkeypatch, tmp_path):
    def runs_out(*_, **__):
        raise SAID["CUDA"]

    monkeypatch.setattr("bench.train.loop.backpropagate", runs_out)
    said = bench(capsys, *COPY, "hardware.device=cpu", f"results_dir={tmp_path}")
    (record,) = records(tmp_path)
    assert (said.code, record["status"]) == (1, "out of memory")
    assert record["reason"].startswith("no room for 20.00 GiB more: lower batch_size")
    assert f"bench: {record['id']} out of memory: {record['reason']} (see" in said.err.splitlines()[-1]
    assert "Traceback" not in said.err


def test_a_model_that_is_too_large_for_the_memory_is_such_a_run(capsys, tmp_path):
    said = bench(capsys, *COPY, "cell=lstm", "model.hidden=10000000", "hardware.device=cpu", f"results_dir={tmp_path}")
    assert (said.code, records(tmp_path)[0]["status"]) == (1, "out of memory")
