"""GPUs and Macs that are not there, as far as choosing one asks torch about them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from bench.hardware import machine, processors

_CPU_NAME = processors.cpu_name.__wrapped__


def gpus(
    monkeypatch: pytest.MonkeyPatch, *names: str, capability: tuple[int, int] = (9, 0), hip: str | None = None
) -> list[object]:
    """NVIDIA GPUs of these names, `cuda:0` first; the list gets each one that is made the current device.

    No tensor can be made on them: to choose one, torch's `empty` makes none.
    """
    made_current: list[object] = []
    properties = SimpleNamespace(
        major=capability[0], minor=capability[1], total_memory=80 * 2**30, multi_processor_count=132, uuid="1a2b"
    )

    def name_of(device: torch.device) -> str:
        return names[device.index or 0]

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
    monkeypatch.setattr(torch.cuda, "get_device_name", name_of)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "set_device", made_current.append)
    monkeypatch.setattr(torch.version, "hip", hip)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    monkeypatch.setattr(processors, "_printed_by", lambda *_: "")
    return made_current


def mac(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int] = (15, 0), chip: str = "Apple M2") -> None:
    """A Mac with this version of its system."""
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda *needed: needed <= version)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    monkeypatch.setattr(processors.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(processors, "_printed_by", lambda *_: chip)
    monkeypatch.setattr(machine, "cpu_name", _CPU_NAME)
