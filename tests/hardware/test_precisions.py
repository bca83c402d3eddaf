"""A precision that a device lacks is refused in a line that names what it has."""

import pytest
import torch
from absent_devices import gpus, mac
from acting import values_of

from bench.config.schema import HardwareConfig
from bench.errors import ConfigError
from bench.hardware.machine import choose_machine
from bench.hardware.precisions import WEIGHTS, lack, precisions


def refused(device, precision):
    with pytest.raises(ConfigError, match=f"hardware.precision={precision}: ") as caught:
        choose_machine(HardwareConfig(device=device, precision=precision))
    return str(caught.value)


def test_tf32_is_for_nvidia_gpus(monkeypatch):
    assert refused("cpu", "tf32") == (
        "hardware.precision=tf32: TF32 is the arithmetic of NVIDIA GPUs, and the device is cpu; "
        "cpu has float32, bfloat16, float64"
    )
    mac(monkeypatch, (15, 0))
    assert "the device is mps; mps has float32, bfloat16" in refused("mps", "tf32")
    gpus(monkeypatch, "MI250X", hip="6.2")
    assert "the device is cuda; cuda has float32, bfloat16, float64" in refused("cuda", "tf32")


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_gpus_before_ampere_have_neither_tf32_nor_bfloat16(monkeypatch, precision):
    gpus(monkeypatch, "Tesla T4", capability=(7, 5))
    has = f"Tesla T4 has compute capability 7.5, and {precision} begins at 8.0; cuda has float32, float64"
    assert refused("cuda", precision).endswith(has)


def test_tf32_that_the_environment_forbids_is_refused_and_not_stated(monkeypatch):
    gpus(monkeypatch, "H100")
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    assert refused("cuda", "tf32").endswith(
        "NVIDIA_TF32_OVERRIDE=0 in the environment keeps NVIDIA's libraries from it: unset it; "
        "cuda has float32, bfloat16, float64"
    )


def test_newer_ones_have_all(monkeypatch):
    gpus(monkeypatch, "H100")
    assert precisions(torch.device("cuda")) == list(WEIGHTS)


def test_a_mac_has_no_float64_and_bfloat16_from_a_version_on(monkeypatch):
    mac(monkeypatch, (13, 6))
    assert refused("mps", "float64").endswith("MPS has no float64; mps has float32")
    assert refused("mps", "bfloat16").endswith("MPS has bfloat16 from macOS 14 on; mps has float32")
    mac(monkeypatch, (14, 0))
    assert lack(torch.device("mps"), "bfloat16") is None


def test_every_precision_of_the_options_has_a_dtype_of_weights():
    assert set(values_of("hardware.precision")) == set(WEIGHTS)
