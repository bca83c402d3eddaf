"""Generated kernels against torch.nn's layers and the loop of steps: a training step, forward, backward and Adam.

    python -m pytest tests/benchmarks/test_kernels.py -s [-k lstm]

All forms of a cell take turns in one process of one thread, and are timed by the processor time they use; the figures
are milliseconds and the ratios of the medians. Outputs and gradients are compared before anything is timed. Takes some
ten minutes. docs/performance.md has a table of it.
"""

import time
from statistics import median

import pytest
import torch
from kernel_tools import WITHOUT
from traces import chosen

from bench.job.build import load_cell
from bench.unroll.forms import choose, forms

SHAPES = [
    (128, 32, 64, 128), (128, 32, 32, 32), (128, 16, 16, 16), (128, 1, 64, 128), (512, 32, 64, 128),
    (128, 32, 128, 512),
]  # fmt: skip
"""Time steps, lanes, inputs, units."""
NARROW, WIDE = SHAPES[1], SHAPES[0]
SECONDS, LEAST, MOST = 6.0, 5, 25  # of sampling all forms at one shape; samples of each
OF_TORCH = ["vanilla", "gru", "lstm"]
LOOPED = sorted(chosen("cell").keys() - WITHOUT.keys() - {"custom"})


def timed(name, shape, names):
    """Milliseconds of a training step by form."""
    torch.set_num_threads(1)
    T, B, F, H = shape
    cls, options = load_cell(chosen("cell")[name])
    cells = {}
    for form in names:
        torch.manual_seed(0)
        cells[form] = cls(F, H, **options)
    ways = {form: choose(cell, form) for form, cell in cells.items()}  # compared with the loop here
    assert [way.name for way in ways.values()] == names
    optimisers = {form: torch.optim.Adam(cell.parameters(), fused=True) for form, cell in cells.items()}
    x_TBF = torch.randn(T, B, F)
    seconds = {form: [] for form in names}
    for sample in range(MOST + 2):
        if sample > LEAST + 2 and sum(map(sum, seconds.values())) > SECONDS:
            break
        for form, way in ways.items():
            start = time.process_time()
            y_TBH, _ = way.unroll(x_TBF, cells[form].initial_state(B, like=x_TBF))
            y_TBH.square().mean().backward()
            optimisers[form].step()
            optimisers[form].zero_grad()
            if sample > 1:
                seconds[form].append(time.process_time() - start)
    return {form: 1e3 * median(each) for form, each in seconds.items()}


def told(name, shape, ms):
    ratios = [f"kernels / {form} {ms['kernels'] / ms[form]:.2f}" for form in ms if form != "kernels"]
    print(
        f"\n{name:16}",
        "T {} B {} F {} H {}".format(*shape),
        *(f"{f} {t:.2f} ms" for f, t in ms.items()),
        *ratios,
        sep="   ",
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", OF_TORCH)
def test_kernels_and_torch_s_layers(name, shape):
    ms = timed(name, shape, ["vendor", "eager", "kernels"])
    told(name, shape, ms)
    assert ms["kernels"] < ms["eager"]


TWO = [(name, shape, most) for name in LOOPED for shape, most in ((NARROW, 0.4), (WIDE, 0.75))]
TWO.remove(("mamba", WIDE, 0.75))  # its states of 128 times 16 numbers are broadcast in too many pieces


@pytest.mark.parametrize(("name", "shape", "most"), TWO, ids=str)
def test_kernels_and_the_loop(name, shape, most):
    cls, _ = load_cell(chosen("cell")[name])
    names = ["eager", *(["parallel"] if "parallel" in forms(cls(4, 8)) else []), "kernels"]
    ms = timed(name, shape, names)
    told(name, shape, ms)
    assert ms["kernels"] < most * ms["eager"]
