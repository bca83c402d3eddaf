"""The machine of a run: device, arithmetic, threads."""

from contextlib import nullcontext
from types import NoneType

import pytest
import torch

from bench.config.schema import HardwareConfig
from bench.errors import ConfigError
from bench.hardware import machine as machine_module
from bench.hardware.machine import Machine, choose_machine, cpu_name


@pytest.fixture
def only_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_is_the_cpu_where_there_is_nothing_else(only_cpu):
    assert choose_machine(HardwareConfig()).device == torch.device("cpu")


@pytest.mark.parametrize("device", ["cuda", "mps", "gpu", "cuda:x", "meta", ""])
def test_a_device_that_is_not_there_is_an_error_that_names_those_that_are(only_cpu, device):
    with pytest.raises(ConfigError, match=f"hardware.device={device} is not on this machine; it has auto, cpu"):
        choose_machine(HardwareConfig(device=device))


def test_threads_are_set(monkeypatch):
    threads = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    assert choose_machine(HardwareConfig(device="cpu", threads=3)).threads == 3
    assert threads == [3]


@pytest.mark.parametrize(
    ("precision", "weights", "product"),
    [
        ("float32", torch.float32, torch.float32),
        ("float64", torch.float64, torch.float64),
        ("bfloat16", torch.float32, torch.bfloat16),
        ("tf32", torch.float32, torch.float32),
    ],
)
def test_precision_decides_the_type_of_weights_and_of_products_also_where_a_user_has_autocast(
    precision, weights, product
):
    machine = Machine(torch.device("cpu"), precision, 1)
    matrix = torch.ones(2, 2, dtype=machine.dtype)
    for own in nullcontext(), torch.autocast("cpu", torch.float16):
        with own, machine.autocast():
            assert (machine.dtype, (matrix @ matrix).dtype) == (weights, product)


def test_the_label_tells_apart_what_must_not_be_ranked_together(monkeypatch):
    monkeypatch.setattr(machine_module, "cpu_name", lambda: "Processor X")
    cpu = torch.device("cpu")
    labels = [Machine(cpu, "float32", 1).label, Machine(cpu, "float32", 2).label, Machine(cpu, "bfloat16", 1).label]
    assert labels == [
        "Processor X, cpu 1 thread float32",
        "Processor X, cpu 2 threads float32",
        "Processor X, cpu 1 thread bfloat16",
    ]


def test_the_facts_of_a_record_are_plain_values():
    facts = Machine(torch.device("cpu"), "float32", 1).facts()
    assert {type(value) for value in (facts | facts["arithmetic"]).values()} <= {str, int, bool, dict, NoneType}
    assert facts["device"] == "cpu"
    assert cpu_name() == facts["name"] != ""
