"""Generated kernels on a GPU: what the loop computes, in graphs, on streams, in memory; and how fast they are."""

import time
from contextlib import nullcontext
from statistics import median

import pytest
import torch
from emulated_cuda import emulated_kernels
from kernel_tools import NEAR, WITHOUT, F, assert_close, everything, inputs_of, lived, on
from traces import chosen

from bench.api import leaves, map_state
from bench.config.schema import HardwareConfig
from bench.hardware.machine import choose_machine
from bench.hardware.precisions import WEIGHTS, lack
from bench.hardware.settings import torch_settings_kept
from bench.job.build import load_cell
from bench.kernels import cuda
from bench.model.noise import NoisyCell
from bench.unroll.eager import unroll_eager
from bench.unroll.forms import choose
from bench.unroll.generated import KernelUnroll

CELLS = sorted(chosen("cell").keys() - WITHOUT.keys() - {"custom"})
WAYS = {"products by torch": -1, "all in one kernel": 2**40}


@pytest.fixture(autouse=True)
def device(gpu):
    """The GPU on which kernels run: on a simulated one by their emulation."""
    with nullcontext() if gpu.real else emulated_kernels(), torch_settings_kept():
        choose_machine(HardwareConfig(gpu.device, precision="float32"))
        yield torch.device("cuda:0")


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    monkeypatch.setattr(cuda, "_SMALL", WAYS[request.param])


def a_cell(name, hidden=40, inputs=F):
    torch.manual_seed(0)
    cls, options = load_cell(chosen("cell")[name])
    return cls(inputs, hidden, **options).double()


def test_kernels_compute_what_the_loop_does_on_a_cpu(gpu, device, way):
    for name in gpu.some(CELLS):
        cell = a_cell(name, 40 if gpu.real else 8)
        given = inputs_of(cell, T=20 if gpu.real else 3)
        right = everything(cell, lambda x, s, cell=cell: unroll_eager(cell, x, s), *given)
        for dtype in (torch.float64, torch.float32):
            x_TBF, state = on(device, *map_state(lambda s, dtype=dtype: s.to(dtype), given))
            cell = a_cell(name, cell.hidden_size).to(device, dtype)
            kernels = KernelUnroll(cell)
            for _ in range(3):  # launched, captured, replayed
                found = everything(cell, kernels, x_TBF, state)
                assert_close([each.cpu().double() for each in found], right, 5 * NEAR[dtype])


def test_a_replayed_loop_writes_over_nothing_that_is_needed(device, way):
    cell = a_cell("gru", 8).to(device)
    assert_close(lived(cell, KernelUnroll(cell)), lived(cell, lambda x, s: unroll_eager(cell, x, s)), 1e-10)


@pytest.mark.parametrize("precision", WEIGHTS)
def test_a_run_takes_them_in_every_precision(gpu, device, precision):
    if why := lack(device, precision):
        pytest.skip(why)
    machine = choose_machine(HardwareConfig(gpu.device, precision=precision))
    for name in gpu.some(CELLS):
        cell = a_cell(name, 8).to(device, machine.dtype)
        assert choose(cell, "kernels", 40 if gpu.real else 5, precision).name == "kernels", name


def test_noise_is_what_the_loop_draws(gpu, device):
    cell = NoisyCell(a_cell("lstm", 8), 0.2, 0.2).to(device)
    x_TBF = torch.randn(5, 2, F, dtype=torch.float64).to(device)
    state = cell.initial_state(2, x_TBF)
    found = []
    for unroll in (KernelUnroll(cell), lambda x, s: unroll_eager(cell, x, s)):
        torch.manual_seed(3)
        y_TBH, last = unroll(x_TBF, state)
        found.append([y_TBH, *leaves(last)])
    assert_close(*found, 1e-10)


def test_streams_take_turns_and_memory_does_not_grow(gpu, device, monkeypatch):
    if not gpu.real:
        pytest.skip("a simulated GPU has one stream, and its memory is always empty")
    monkeypatch.setattr(cuda, "_SMALL", -1)
    cell = a_cell("lstm").to(device)
    kernels, (x_TBF, state) = KernelUnroll(cell), on(device, *inputs_of(a_cell("lstm")))
    right, memory = everything(cell, lambda x, s: unroll_eager(cell, x, s), x_TBF, state), []
    streams = [torch.cuda.current_stream(), torch.cuda.Stream(), torch.cuda.Stream()]
    for number in range(30):
        streams[number % 3].wait_stream(streams[0])
        with torch.cuda.stream(streams[number % 3]):
            found = everything(cell, kernels, x_TBF, state)
        torch.cuda.synchronize()
        assert_close(found, right, 1e-10)
        del found
        memory.append(torch.cuda.memory_allocated())
    assert len(set(memory[6:])) == 1, memory


SHAPES = [(128, 32, 64, 32), (128, 32, 64, 128), (512, 32, 64, 128), (128, 128, 128, 512), (128, 1, 64, 128)]
"""Time steps, lanes, inputs, units."""


def milliseconds(cell, unroll, shape, samples=7):
    """The median of a training step, which waits for the GPU."""
    T, B, inputs, _ = shape
    x_TBF = torch.randn(T, B, inputs, device="cuda")
    optimiser, taken = torch.optim.Adam(cell.parameters(), fused=True), []
    for _ in range(samples + 3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        unroll(x_TBF, cell.initial_state(B, x_TBF))[0].square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return 1e3 * median(taken[3:])


@pytest.mark.parametrize("name", ["vanilla", "gru", "lstm", "peephole_lstm", "layernorm_lstm"])
def test_the_table_of_times(gpu, device, name, monkeypatch):
    """Prints milliseconds of a training step by cuDNN, by both ways of kernels and by the loop; nothing is asserted."""
    if not gpu.real:
        pytest.skip("a simulated GPU has no speed")
    for shape in SHAPES:
        cell, times = a_cell(name, shape[3], shape[2]).float().to(device), {}
        for form in ("vendor", *WAYS, "eager"):
            if form == "vendor" and (not hasattr(cell, "vendor") or cell.vendor() is None):
                continue
            monkeypatch.setattr(cuda, "_SMALL", WAYS.get(form, -1))
            unroll = choose(cell, "kernels" if form in WAYS else form, steps=0).unroll
            times[form] = milliseconds(cell, unroll, shape)
        said = "   ".join(f"{form} {ms:.2f}" for form, ms in times.items())
        print(f"\n{name:16} {'T {} B {} F {} H {}'.format(*shape):28} ms: {said}")
