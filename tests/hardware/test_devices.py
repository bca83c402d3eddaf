"""The device of a run: which one is meant, that it starts, and that everything of the run is on it."""

import itertools
import weakref

import pytest
import torch
from absent_devices import gpus, mac

from bench.config.schema import HardwareConfig
from bench.errors import ConfigError
from bench.hardware.machine import Machine, choose_machine, devices, give_back_memory
from bench.hardware.settings import torch_settings_kept


def refused(device, **options):
    with pytest.raises(ConfigError) as caught:
        choose_machine(HardwareConfig(device=device, **options))
    return str(caught.value)


@pytest.mark.parametrize("device", ["cuda:2", "cuda:7", "cuda:01", "cpu:1", "mps", "cuda:-1"])
def test_an_index_that_is_not_there_is_refused_in_a_line_that_names_those_that_are(monkeypatch, device):
    gpus(monkeypatch, "H100", "T4")
    nearest = " (did you mean cuda:1?)" if device == "cuda:-1" else ""
    said = f"hardware.device={device} is not on this machine{nearest}; it has auto, cuda, cuda:1, cpu"
    assert refused(device) == said


@pytest.mark.parametrize(("wanted", "chosen"), [("auto", "cuda"), ("cuda:0", "cuda:0"), ("cpu:0", "cpu:0")])
def test_the_first_of_a_kind_is_meant_with_and_without_its_index(monkeypatch, wanted, chosen):
    gpus(monkeypatch, "H100", "T4")
    assert str(choose_machine(HardwareConfig(device=wanted)).device) == chosen


def test_the_second_gpu_is_the_current_one_in_the_run_and_no_longer_after_it(monkeypatch):
    """What names no GPU (a cell of one's own, a library) would be on the first one."""
    made_current = gpus(monkeypatch, "H100", "T4")
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: bool(made_current))
    with torch_settings_kept():
        machine = choose_machine(HardwareConfig(device="cuda:1"))
        assert made_current == [torch.device("cuda:1")]
        assert machine.name == "T4"
    assert made_current[-1] == 0


def test_the_generators_of_a_run_and_what_it_waits_for_are_those_of_its_gpu(monkeypatch):
    gpus(monkeypatch, "H100", "T4")
    asked = []
    for name in ("get_rng_state", "synchronize"):
        monkeypatch.setattr(torch.cuda, name, lambda device: asked.append(device) or torch.zeros(1))
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: asked.append(device))
    machine = choose_machine(HardwareConfig(device="cuda:1"))
    machine.synchronize()
    machine.set_random_state(machine.random_state())
    assert set(asked) == {torch.device("cuda:1")} and len(asked) >= 3


def test_a_gpu_that_does_not_start_is_refused_with_its_reason(monkeypatch):
    def fail(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 MiB")

    gpus(monkeypatch, "H100")
    monkeypatch.setattr(torch, "empty", fail)
    assert refused("cuda") == "hardware.device=cuda does not start: CUDA out of memory.; choose another of cuda, cpu"


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_process_forked_after_cuda_began_does_not_go_on_to_the_cpu_in_silence(monkeypatch, device):
    """There CUDA says that there is no GPU."""
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)
    assert f"hardware.device={device}: this process was forked" in refused(device)
    assert choose_machine(HardwareConfig(device="cpu")).device.type == "cpu"


def test_a_run_goes_on_on_another_kind_of_device_with_that_device_s_own_generator(monkeypatch):
    """A state of CUDA's generator has 16 bytes, one of MPS 44; a CPU has none."""
    set_to = {"cuda": [], "mps": []}
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: torch.zeros(16))
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: torch.zeros(44))
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: set_to["cuda"].append(state))
    monkeypatch.setattr(torch.mps, "set_rng_state", set_to["mps"].append)
    machines = {name: Machine(torch.device(name), "float32", 1) for name in ("cpu", "cuda", "mps")}
    states = {name: machine.random_state() for name, machine in machines.items()}
    for there, here in itertools.permutations(machines, 2):
        machines[here].set_random_state(states[there])
    assert set_to == {"cuda": [], "mps": []}
    machines["mps"].set_random_state(states["mps"])
    machines["cuda"].set_random_state(states["cuda"])
    assert [len(state) for state in set_to["cuda"] + set_to["mps"]] == [16, 44]


def test_memory_of_a_run_before_is_given_back_before_the_next_begins(monkeypatch):
    class Run:
        pass

    run = Run()
    run.itself, there = run, weakref.ref(run)
    at_return = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: at_return.append(there()))
    del run
    give_back_memory()
    assert at_return == [None]


def test_after_an_error_in_a_kernel_a_run_s_end_raises_no_second_one(monkeypatch):
    def fails():
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", fails)
    give_back_memory()


def test_a_mac_has_its_chip_s_name(monkeypatch):
    mac(monkeypatch, chip="Apple M2 Max")
    assert devices() == ["mps", "cpu"]
    assert choose_machine(HardwareConfig()).label == "Apple M2 Max, mps float32"
