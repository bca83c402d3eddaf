"""What a GPU computes in is what the label says: the settings of torch, and the errors of products."""

import pytest
import torch
from tiny import seeded

from bench.config.schema import HardwareConfig
from bench.hardware.arithmetic import arithmetic
from bench.hardware.machine import choose_machine
from bench.hardware.precisions import WEIGHTS, lack
from bench.hardware.settings import torch_settings_kept

ERRORS = {"float64": (0, 1e-13), "float32": (1e-9, 3e-6), "tf32": (2e-5, 2e-3), "bfloat16": (5e-4, 2e-2)}
"""Between these the relative error of a product of matrices lies whose factors have so many bits."""


def error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return ((found.double() - wanted).norm() / wanted.norm()).item()


@pytest.fixture(params=WEIGHTS)
def machine(gpu, request):
    """The GPU as a run has it in each precision, with all settings of the run."""
    if why := lack(torch.device(gpu.device), request.param):
        pytest.skip(why)
    if request.param == "tf32" and not gpu.real:
        pytest.skip("a simulated GPU computes in float32")
    with torch_settings_kept():
        yield choose_machine(HardwareConfig(gpu.device, precision=request.param))


def test_the_settings_and_the_label_say_the_same(machine):
    tf32 = {value for key, value in arithmetic().items() if key.startswith("cu") and "fp32" in key} == {"tf32"}
    assert tf32 == (machine.precision == "tf32")
    assert machine.label.split()[-1] == machine.facts()["precision"] == machine.precision


def test_a_product_has_the_error_of_its_precision(machine):
    a, b = (torch.randn(512, 512, generator=seeded(seed), dtype=torch.float64) for seed in (0, 1))
    on_gpu = (each.to(machine.dtype).to(machine.device) for each in (a, b))
    rounded = [each.to(machine.dtype).double() for each in (a, b)]
    with machine.autocast():
        found = torch.matmul(*on_gpu).cpu()
    low, high = ERRORS[machine.precision]
    print(f"\n{machine.label}: a product's error is {error(found, rounded[0] @ rounded[1]):.1e}")
    assert low <= error(found, rounded[0] @ rounded[1]) <= high


@pytest.mark.parametrize("layer", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
def test_a_recurrent_layer_of_cudnn_has_the_error_of_its_precision(machine, layer):
    if machine.precision == "bfloat16":
        pytest.skip("torch casts cuDNN's layers itself under autocast; the forms' own test covers what a run does")
    torch.manual_seed(0)
    exact, x_TBF = layer(64, 64).double(), torch.randn(20, 8, 64, dtype=torch.float64)
    wanted = exact(x_TBF)[0].detach()
    found = exact.to(machine.dtype).to(machine.device)(x_TBF.to(machine.dtype).to(machine.device))[0].detach().cpu()
    print(f"\n{machine.label}: the error of {layer.__name__} is {error(found, wanted):.1e}")
    assert error(found, wanted) <= 10 * ERRORS[machine.precision][1]  # over 20 steps
