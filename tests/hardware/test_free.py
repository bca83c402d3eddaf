"""The memory that is free, as files of Linux tell it."""

from dataclasses import replace

import pytest
import torch

from bench.hardware.free import free_bytes
from bench.hardware.load import Gauge
from bench.hardware.machine import Machine

CPU = Machine(torch.device("cpu"), "float32", 1)


@pytest.fixture
def linux(tmp_path):
    """A machine with 8,000 kB available, whose process is in the group `jobs/one`."""
    files = {"proc/meminfo": "MemTotal: 9000 kB\nMemAvailable: 8000 kB\n", "proc/self/cgroup": "0::/jobs/one\n"}

    def linux(**more):
        for name, text in {**files, **more}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Gauge(tmp_path / "proc", tmp_path / "sys")

    return linux


GROUP = "sys/fs/cgroup/jobs/one/"


def test_it_is_what_the_kernel_calls_available(linux):
    assert free_bytes(CPU, linux()) == 8000 * 1024


def test_it_is_no_more_than_the_limit_of_the_container_leaves(linux):
    limits = {"memory.max": "1000000\n", "memory.current": "700000\n", "memory.stat": "anon 5\ninactive_file 50000\n"}
    assert free_bytes(CPU, linux(**{GROUP + name: text for name, text in limits.items()})) == 350_000
    limits["memory.current"] = "1100000\n"
    assert free_bytes(CPU, linux(**{GROUP + name: text for name, text in limits.items()})) == 0


def test_a_group_without_a_limit_leaves_all(linux):
    assert free_bytes(CPU, linux(**{f"{GROUP}memory.max": "max\n", f"{GROUP}memory.current": "5\n"})) == 8000 * 1024


def test_where_the_system_tells_nothing_it_is_not_known(tmp_path):
    assert free_bytes(CPU, Gauge(tmp_path, tmp_path)) is None
    assert free_bytes(replace(CPU, device=torch.device("mps"))) is None


def test_of_cuda_it_is_what_the_driver_has_and_what_the_allocator_keeps(monkeypatch):
    for name, value in {"mem_get_info": (1000, 9000), "memory_reserved": 300, "memory_allocated": 200}.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert free_bytes(replace(CPU, device=torch.device("cuda"))) == 1100
