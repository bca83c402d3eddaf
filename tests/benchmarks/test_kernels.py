"""Generated kernels against torch.nn's layers and the loop of steps: a training step, forward, backward and Adam.

    python -m pytest tests/benchmarks/test_kernels.py -s [-k lstm]

All forms of a cell take turns in one process of one thread, and are timed by the processor time they use; the figures
are milliseconds and the ratios of the medians. Outputs and gradients are compared before anything is timed. Takes some
ten minutes. `python tests/benchmarks/performance.py` makes docs/performance.md of it.
"""

import time
from statistics import median

import pytest
import torch
from kernel_tools import WITHOUT
from traces import chosen

from bench.job.build import load_cell
from bench.unroll.forms import choose, forms
from bench.unroll.generated import KernelUnroll, tensors_of

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
    """Milliseconds of a training step by form; `products` are the products of the kernels alone."""
    torch.set_num_threads(1)
    T, B, F, H = shape
    cls, options = load_cell(chosen("cell")[name])
    x_TBF = torch.randn(T, B, F)
    steps = {}
    for form in names:
        torch.manual_seed(0)
        cell = cls(F, H, **options)
        steps[form] = training_step(cell, form, x_TBF)
    if "kernels" in names:
        steps["products"] = products(KernelUnroll(cls(F, H, **options)), x_TBF)
    seconds = {form: [] for form in steps}
    for sample in range(MOST + 2):
        if sample > LEAST + 2 and sum(map(sum, seconds.values())) > SECONDS:
            break
        for form, step in steps.items():
            start = time.process_time()
            step()
            if sample > 1:
                seconds[form].append(time.process_time() - start)
    return {form: 1e3 * median(each) for form, each in seconds.items()}


def training_step(cell, form, x_TBF):
    """Forward, backward and Adam as one function."""
    way = choose(cell, form)  # compared with the loop here
    assert way.name == form, way.refused
    optimiser = torch.optim.Adam(cell.parameters(), fused=True)

    def step():
        y_TBH, _ = way.unroll(x_TBF, cell.initial_state(x_TBF.shape[1], like=x_TBF))
        y_TBH.square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def products(kernels, x_TBF):
    """BLAS's products of matrices in a training step as one function: those of x, and those of each time step."""
    step, (T, B, F) = kernels.fused[True].step, x_TBF.shape
    maps, _, matrices = step.hoisted(x_TBF, tensors_of(kernels.cell), lambda x, weight, bias: weight.detach())
    maps = [each for each in maps if each is not x_TBF and each.dim() == 2]
    matrices, x_SF = [each.detach() for each in matrices], x_TBF.view(T * B, F)
    of_maps = [(w.t(), torch.empty(T * B, len(w))) for w in maps]
    of_steps = [(w, torch.empty(T, B, w.shape[1]), torch.empty(T, B, len(w))) for w in matrices]

    def run():
        for factor_FN, out_SN in of_maps:
            torch.mm(x_SF, factor_FN, out=out_SN)
            torch.mm(out_SN.t(), x_SF)
        for w_NK, a_TBK, out_TBN in of_steps:
            for a_BK, out_BN in zip(a_TBK, out_TBN, strict=True):
                torch.mm(a_BK, w_NK.t(), out=out_BN)
            for a_BK, out_BN in zip(a_TBK, out_TBN, strict=True):
                torch.mm(out_BN, w_NK, out=a_BK)
            torch.mm(out_TBN.flatten(0, 1).t(), a_TBK.flatten(0, 1))

    return run


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
    ms = timed(name, shape, ["eager", *(["parallel"] if "parallel" in forms(cls(4, 8)) else []), "kernels"])
    told(name, shape, ms)
    assert ms["kernels"] < most * ms["eager"]
