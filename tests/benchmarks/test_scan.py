"""A linear cell's parallel form against its step loop, forward and backward, over the length of the sequence.

    python -m pytest tests/benchmarks/test_scan.py -s [-k mingru]

Both forms take turns in one process of one thread, and are timed by the processor time they use, so that what else the
machine does meanwhile weighs little; the figure is the ratio of the medians, above 1 where the parallel form is faster.
It is to be at least 1 from 256 steps on. Outputs and gradients are compared before anything is timed. Takes a quarter
of an hour and some GiB of memory: the loop's graph at 8,192 steps. Where a step's state alone fills a cache (S6 with 32
lanes has 65,536 numbers), both forms wait for memory, and the ratio is about 1.
"""

import time
from functools import partial
from statistics import median

import pytest
import torch

from bench.cells.deltanet import GatedDeltaNet
from bench.cells.linear_attention import LinearAttention
from bench.cells.lru import LRU
from bench.cells.mamba import S6
from bench.cells.mingru import MinGRU
from bench.cells.minlstm import MinLSTM
from bench.cells.mlstm import MLSTM
from bench.cells.qrnn import QRNN
from bench.cells.rglru import RGLRU
from bench.cells.s4d import S4D
from bench.cells.sru import SRU
from bench.unroll.eager import unroll_eager

H = 128
LENGTHS = (128, 256, 512, 1024, 2048, 4096, 8192)
MUST_PAY = 256  # steps from which the parallel form may not be slower
TOLERANCE = 1e-3  # of the largest entry: float32 rounding over T steps stays below, an error in a formula does not
SECONDS, LEAST, MOST = 2.0, 3, 15  # of sampling both forms at one length; pairs of samples
WIDE = 2  # lanes where channels have many states or heads a matrix, so that a step's state is as large as others'
CELLS = {MinGRU: 32, MinLSTM: 32, SRU: 32, QRNN: 32, RGLRU: 32, LRU: 32, S6: WIDE, S4D: WIDE, LinearAttention: WIDE,
         GatedDeltaNet: WIDE, MLSTM: WIDE}  # fmt: skip


def step(unroll, cell, x_TBF):
    """Outputs and all gradients, and the processor time that they took."""
    start = time.process_time()
    y_TBH, _ = unroll(x_TBF, cell.initial_state(x_TBF.shape[1], like=x_TBF))
    gradients = torch.autograd.grad(y_TBH.square().mean(), [x_TBF, *cell.parameters()])
    return [y_TBH.detach(), *gradients], time.process_time() - start


def check(found, wanted):
    error = max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(found, wanted, strict=True))
    assert error <= TOLERANCE, f"outputs or gradients differ by {error:.2g}: nothing to time"


@pytest.mark.parametrize(("cls", "lanes"), CELLS.items(), ids=lambda value: getattr(value, "__name__", None))
def test_the_parallel_form_is_no_slower_than_the_loop(cls, lanes):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    cell = cls(H, H)
    forms = {"parallel": cell.unroll, "loop": partial(unroll_eager, cell)}
    ratios = {}
    for T in LENGTHS:
        x_TBF = torch.randn(T, lanes, H).requires_grad_()
        check(*(step(form, cell, x_TBF)[0] for form in forms.values()))
        seconds = {name: [] for name in forms}
        for pair in range(MOST):
            if pair >= LEAST and sum(map(sum, seconds.values())) > SECONDS:
                break
            for name, form in forms.items():
                seconds[name].append(step(form, cell, x_TBF)[1])
        ratios[T] = median(seconds["loop"]) / median(seconds["parallel"])
    print(f"\n{cls.__name__:16}B {lanes:2}", *(f"T {T}: {ratio:.2f}" for T, ratio in ratios.items()), sep="   ")
    assert min(ratio for T, ratio in ratios.items() if T >= MUST_PAY) >= 1
