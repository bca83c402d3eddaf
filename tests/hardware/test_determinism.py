"""hardware.deterministic: the same bits every time, where torch can promise it, and nothing of it left afterwards."""

import os

import pytest
import torch
from absent_devices import gpus, mac

from bench.config.schema import HardwareConfig
from bench.errors import ConfigError
from bench.hardware import determinism as determinism_module
from bench.hardware.determinism import WORKSPACE, determinism, determinism_kept
from bench.hardware.machine import choose_machine
from bench.hardware.settings import torch_settings_kept


@pytest.fixture(autouse=True)
def _kept(monkeypatch):
    monkeypatch.delenv(WORKSPACE, raising=False)
    with determinism_kept():
        yield


def chosen(device="cpu", deterministic=True):
    return choose_machine(HardwareConfig(device=device, deterministic=deterministic))


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("deterministic", [False, True])
def test_a_run_sets_it_whatever_the_process_had_and_leaves_that_as_it_was(before, deterministic):
    cudnn = torch.backends.cudnn
    torch.set_deterministic_debug_mode(before)
    cudnn.deterministic, cudnn.benchmark = bool(before), True
    with torch_settings_kept():
        facts = chosen(deterministic=deterministic).facts()
        wanted = {"algorithms": deterministic, "cudnn": deterministic, "cudnn_benchmark": False}
        assert facts["determinism"] == wanted | {"cublas_workspace": None}
    assert torch.get_deterministic_debug_mode() == before
    assert (cudnn.deterministic, cudnn.benchmark) == (bool(before), True)


def test_an_operation_without_such_a_form_raises_instead_of_warning():
    torch.set_deterministic_debug_mode("warn")
    chosen()
    assert torch.get_deterministic_debug_mode() == determinism_module._ERROR


def test_cublas_has_its_variable_before_cuda_begins(monkeypatch):
    gpus(monkeypatch, "H100")
    at_begin = []
    monkeypatch.setattr(torch, "empty", lambda *_, **__: at_begin.append(os.environ.get(WORKSPACE)))
    assert chosen("cuda").label.endswith(", cuda float32 deterministic")
    assert at_begin == [":4096:8"]


@pytest.mark.parametrize("value", [":4096:8", ":16:8"])
def test_a_variable_that_serves_is_kept(monkeypatch, value):
    gpus(monkeypatch, "H100")
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setenv(WORKSPACE, value)
    chosen("cuda")
    assert determinism()["cublas_workspace"] == value


def test_a_process_in_which_cuda_began_without_it_is_refused(monkeypatch):
    gpus(monkeypatch, "H100")
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    with pytest.raises(ConfigError, match=f"CUDA has begun in this process without {WORKSPACE}=:4096:8"):
        chosen("cuda")
    chosen("cuda", deterministic=False)
    assert determinism()["cublas_workspace"] is None


def test_mps_does_not_promise_it(monkeypatch):
    mac(monkeypatch)
    with pytest.raises(ConfigError, match="hardware.deterministic=true: .* not on MPS; leave it out"):
        chosen("mps")


def test_the_label_of_a_run_without_it_is_as_before():
    assert chosen().label == f"{chosen(deterministic=False).label} deterministic"
