"""Energy by the processor's own counter: of all packages, over its turns, and none where it may not be read."""

import sys
from types import SimpleNamespace

import pytest
import torch
from tiny import CPU64

from bench.hardware import energy
from bench.hardware.energy import energy_counter
from bench.hardware.machine import Machine

RANGE = 1_000_000


def zone(folder, name, microjoules):
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "energy_uj").write_text(f"{microjoules}\n")
    (folder / name / "max_energy_range_uj").write_text(f"{RANGE}\n")


@pytest.fixture
def powercap(monkeypatch, tmp_path):
    monkeypatch.setattr(energy, "_RAPL", tmp_path)
    return tmp_path


def test_packages_are_added_up_and_their_parts_are_not_counted_again(powercap):
    for name, used in {"intel-rapl:0": 300_000, "intel-rapl:1": 500_000, "intel-rapl:0:0": 200_000}.items():
        zone(powercap, name, used)
    counter = energy_counter(CPU64)
    assert counter() == pytest.approx(0.8)
    zone(powercap, "intel-rapl:0", 400_000)
    assert counter() == pytest.approx(0.9)


def test_a_counter_that_began_anew_goes_on(powercap):
    zone(powercap, "intel-rapl:0", 900_000)
    counter = energy_counter(CPU64)
    before = counter()
    zone(powercap, "intel-rapl:0", 100_000)
    assert counter() - before == pytest.approx(0.2)


def test_where_nothing_counts_or_may_be_read_there_is_no_counter(powercap):
    assert energy_counter(CPU64) is None
    (powercap / "intel-rapl:0" / "energy_uj").mkdir(parents=True)
    assert energy_counter(CPU64) is None
    assert energy_counter(Machine(torch.device("mps"), "float32", 1)) is None


def test_a_gpu_is_found_by_its_name_and_counts_in_millijoules(monkeypatch):
    joules = iter([1.0, 3.0, 5.5])
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: {"GPU-abc": next(joules) * 1e3}[handle],
    )
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="abc"))
    gpu = Machine(torch.device("cuda"), "float32", 1)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    counter = energy_counter(gpu)
    assert (counter(), counter()) == (3.0, 5.5)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert energy_counter(gpu) is None
