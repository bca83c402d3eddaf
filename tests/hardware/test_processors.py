"""A figure has the names of the processors that it depends on, and the state of the GPU that it was measured on."""

import json

import pytest
import torch
from absent_devices import gpus, mac

from bench.config.schema import HardwareConfig
from bench.hardware import machine as machine_module
from bench.hardware import processors
from bench.hardware.machine import choose_machine
from bench.hardware.processors import cpu_name, gpu_facts

OF_A_GPU = {"cuda", "cudnn", "driver", "capability", "mig", "power_limit_w", "clock_mhz"}
CUDA = torch.device("cuda:0")


def test_beside_a_gpu_the_label_names_the_host_that_starts_its_operations(monkeypatch):
    gpus(monkeypatch, "NVIDIA H100")
    monkeypatch.setattr(machine_module, "cpu_name", lambda: "EPYC 9554")
    machine = choose_machine(HardwareConfig(device="cuda"))
    assert machine.label == "NVIDIA H100 with EPYC 9554, cuda float32"
    assert (machine.facts()["name"], machine.facts()["host"]) == ("NVIDIA H100", "EPYC 9554")


def test_a_run_knows_its_kind_of_gpu_and_of_cpus_only_that_it_is_one(monkeypatch):
    """So another GPU finds no run done already; and the index, by which equal ones are told apart, is not in it."""
    gpus(monkeypatch, "H100", "T4", "T4")
    kinds = [choose_machine(HardwareConfig(device=device)).kind for device in ("cuda", "cuda:1", "cuda:2", "cpu")]
    assert kinds == ["cuda H100", "cuda T4", "cuda T4", "cpu"]
    mac(monkeypatch, chip="Apple M2")
    assert choose_machine(HardwareConfig(device="mps")).kind == "mps Apple M2"


def test_a_record_on_a_cpu_has_nothing_for_what_only_a_gpu_has():
    facts = gpu_facts(torch.device("cpu"))
    assert facts.keys() >= OF_A_GPU
    assert set(facts.values()) == {None}


def test_a_record_on_a_gpu_has_what_torch_and_the_driver_say(monkeypatch):
    gpus(monkeypatch, "H100")
    said = []
    answer = "580.65.06, Disabled, 700.00, 1980, 1980, 2619"
    monkeypatch.setattr(processors, "_printed_by", lambda *command: said.append(command) or answer)
    facts = gpu_facts(CUDA)
    assert "--id=GPU-1a2b" in said[0], "by its own name: an index would count GPUs that are hidden from this process"
    assert (facts["capability"], facts["memory_mib"], facts["driver"]) == ("9.0", 80 * 1024, "580.65.06")
    assert (facts["power_limit_w"], facts["clock_mhz"], facts["mig"]) == (700.0, 1980.0, "Disabled")
    json.dumps(facts)


@pytest.mark.parametrize(("gpus_there", "driver"), [(1, "580.65.06"), (2, None)])
def test_a_part_of_a_gpu_has_the_facts_of_the_only_one_that_it_can_be_of(monkeypatch, gpus_there, driver):
    gpus(monkeypatch, "NVIDIA H100 80GB HBM3 MIG 1g.10gb")
    answers = "\n".join(["580.65.06, Enabled, 700.00, 1980, 1980, 2619"] * gpus_there)
    monkeypatch.setattr(processors, "_printed_by", lambda *command: "" if "--id" in command[-1] else answers)
    assert gpu_facts(CUDA)["driver"] == driver


def test_what_the_driver_does_not_say_is_null(monkeypatch):
    gpus(monkeypatch, "T4")
    for answer in ("", "No devices were found", "470.1, [N/A], [Not Supported], 585, 1590, 5000"):
        monkeypatch.setattr(processors, "_printed_by", lambda *_, answer=answer: answer)
        assert gpu_facts(CUDA)["mig"] is None
        assert gpu_facts(CUDA)["power_limit_w"] is None


def test_a_command_that_is_not_there_says_nothing():
    assert processors._printed_by("no-such-command-of-any-machine") == ""


def test_a_linux_cpu_has_the_name_of_its_system():
    assert cpu_name() != ""
