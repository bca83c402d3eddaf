"""Kernels in CUDA C compute what the steps do: run on a CPU, thread by thread, on the tensors of a simulated GPU."""

import ast
import shutil
from pathlib import Path

import pytest
import torch
from emulated_cuda import Emulated, emulated_gpu, refuse_beyond_limits
from hypothesis import given
from hypothesis import strategies as st
from kernel_tools import WITHOUT, F, assert_close, everything, inputs_of, lived, on
from test_kernels_of_any_step import Drawn
from tiny import few
from traces import chosen

import bench.kernels
from bench.job.build import load_cell
from bench.kernels import cuda, nvrtc
from bench.kernels.compiler import NoCompiler
from bench.kernels.emit_cuda import Launch, by_lanes, by_steps, prelude
from bench.kernels.passes import passes
from bench.kernels.values import Cannot
from bench.unroll.eager import unroll_eager
from bench.unroll.generated import CannotGenerate, KernelUnroll, step_of

H = 9
STEPS, LANES = "by steps", "by lanes"
MOST = {STEPS: -1, LANES: 2**40}
"""Bytes of matrices up to which a kernel goes through all time steps by itself: never, or always."""
WITH = sorted(chosen("cell").keys() - WITHOUT.keys() - {"custom"})


def thorough_but(few, every):
    """Pairs of a case and a way: a few, and as thorough tests all others."""
    return few + [pytest.param(*pair, marks=pytest.mark.thorough) for pair in every if pair not in few]


# sums over units, and weights' gradients of each lane
CELLS = thorough_but(
    [("layernorm_lstm", STEPS), ("peephole_lstm", LANES)], [(name, way) for name in WITH for way in (STEPS, LANES)]
)
SEEDS = thorough_but([(1, STEPS)], [(seed, way) for seed in range(1, 9) for way in (STEPS, LANES)])

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="a C++ compiler runs the kernels"
)


def a_cell(name):
    torch.manual_seed(0)
    cls, options = load_cell(chosen("cell")[name])
    return cls(F, H - (name in ("slstm", "mamba")), **options).double()


@pytest.fixture
def gpu():
    with emulated_gpu() as device:
        yield device


@pytest.fixture
def way(request, monkeypatch):
    monkeypatch.setattr(cuda, "_SMALL", MOST[request.param])


def compared(cell, device, T=3, B=2):
    """What the loop gives on the CPU, and the kernels on the device in each order of their threads."""
    x_TBF, state = inputs_of(cell, T, B)
    right = everything(cell, lambda x, s: unroll_eager(cell, x, s), x_TBF, state)
    cell = cell.to(device)
    kernels, (x_TBF, state) = KernelUnroll(cell), on(device, x_TBF, state)
    for from_the_last in (False, True):
        Emulated.from_the_last = from_the_last
        yield [each.detach().cpu() for each in everything(cell, kernels, x_TBF, state)], right


@pytest.mark.parametrize(("name", "way"), CELLS, indirect=["way"])
def test_cuda_kernels_compute_what_the_steps_do(gpu, way, name):
    (found, right), (turned, _) = compared(a_cell(name), gpu)
    assert_close(found, right, 1e-10)
    assert all(map(torch.equal, found, turned)), "the order of threads decides the numbers"


@pytest.mark.parametrize(("seed", "way"), SEEDS, indirect=["way"])
def test_steps_drawn_at_random_are_right_on_cuda(gpu, way, seed):
    (found, right), (turned, _) = compared(Drawn(seed).double(), gpu)
    assert_close(found, right, 1e-10)
    assert all(map(torch.equal, found, turned))


@pytest.mark.parametrize("way", [STEPS, LANES], indirect=True)
def test_more_units_than_a_block_has_threads_are_all_computed(gpu, way):
    torch.manual_seed(0)
    cls, options = load_cell(chosen("cell")["indrnn"])
    ((found, right), _) = compared(cls(F, 530, **options).double(), gpu)
    assert_close(found, right, 1e-10)


@few
@given(st.integers(1, 10**6), st.integers(1, 2**30), st.booleans())
def test_a_launch_is_within_the_limits_of_every_gpu(width, B, meets):
    grid, block = Launch("forward_0", (), width, meets).shape(B)
    refuse_beyond_limits(grid, block)
    assert grid[0] * block[1] >= B
    if meets:
        assert grid == (B, 1) and block[1] == 1 and block[0] % 32 == 0  # a lane is a block, of whole warps


# The loop as a graph


@pytest.fixture
def gru(gpu, monkeypatch):
    """A GRU whose products are torch's, by its kernels and by its loop, on the GPU."""
    monkeypatch.setattr(cuda, "_SMALL", MOST[STEPS])
    cell = a_cell("gru").to(gpu)
    return cell, KernelUnroll(cell), lambda x, s: unroll_eager(cell, x, s)


def test_a_replayed_loop_writes_over_nothing_that_is_needed(gpu, gru):
    cell, kernels, loop = gru
    found = lived(cell, kernels)
    assert (
        len(kernels.fused[True].kernels.graphs._captured) == 5
    )  # both passes at either length, and the one without gradients
    assert_close(found, lived(cell, loop), 1e-10)


def ways_of(graphs):
    return len(graphs._captured), graphs.captures


def test_only_shapes_that_come_again_are_captured_and_not_more_than_a_few(gpu, gru):
    cell, kernels, _ = gru
    graphs = kernels.fused[True].kernels.graphs
    with torch.no_grad():
        for T in range(1, 13):
            kernels(torch.randn(T, 2, F, dtype=torch.float64).to(gpu), cell.initial_state(2, cell.weight_hh))
        assert ways_of(graphs) == (0, True)
        for T in range(1, 13):
            kernels(torch.randn(T, 2, F, dtype=torch.float64).to(gpu), cell.initial_state(2, cell.weight_hh))
    assert ways_of(graphs) == (8, True)


def test_where_a_capture_fails_the_loop_is_launched_and_a_line_says_so(gpu, gru, monkeypatch, caplog):
    cell, kernels, loop = gru
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: (_ for _ in ()).throw(RuntimeError("no graphs here\nat all")))
    x_TBF = torch.randn(4, 2, F, dtype=torch.float64).to(gpu).requires_grad_()
    state = cell.initial_state(2, x_TBF)
    for _ in range(3):
        assert_close([kernels(x_TBF, state)[0]], [loop(x_TBF, state)[0]], 1e-10)
    assert [record.getMessage() for record in caplog.records] == [
        "unroll=kernels launches each time step by itself: a CUDA graph of them fails (no graphs here)"
    ]


# Where there are none


def test_without_nvrtc_a_cell_goes_by_its_loop_and_a_line_says_what_is_missing(gpu, monkeypatch):
    monkeypatch.setattr(cuda, "binary", nvrtc.binary)
    monkeypatch.setattr(nvrtc, "_names", lambda: iter(["libno-such-thing.so"]))
    nvrtc._library.cache_clear()
    with pytest.raises(
        CannotGenerate, match="GRU has no kernels: NVRTC, which compiles kernels for a GPU, is not found"
    ):
        KernelUnroll(a_cell("gru").to(gpu))


@pytest.mark.parametrize(("changed", "line"), [("dtype", "not torch.bfloat16"), ("hip", "for AMD's GPUs")])
def test_what_cuda_is_not_printed_for_is_refused(monkeypatch, changed, line):
    if changed == "hip":
        monkeypatch.setattr(torch.version, "hip", "6.2")
    with pytest.raises(Cannot, match=line):
        cuda.refuse_unfit(torch.empty(1, dtype=torch.bfloat16 if changed == "dtype" else torch.float32))


def test_without_a_gpu_nothing_of_cuda_is_imported():
    """No other module imports one of CUDA's when it is imported itself."""
    names = {"cuda", "driver", "emit_cuda", "graphs", "nvrtc"}
    for path in Path(bench.kernels.__file__).parents[1].rglob("*.py"):
        nodes = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)]
        imported = {node.module for node in nodes} | {
            f"{node.module}.{each.name}" for node in nodes for each in node.names
        }
        is_cuda = path.parent.name == "kernels" and path.stem in names
        assert is_cuda or not imported & {f"bench.kernels.{name}" for name in names}, path


def library():
    try:
        return nvrtc.version()
    except NoCompiler:
        return None


@pytest.mark.parametrize("name", WITH)
def test_nvidia_s_compiler_takes_the_kernels(name):
    if library() is None:
        pytest.skip("there is no NVRTC here: pip install nvidia-cuda-nvrtc-cu12")
    programs = passes(step_of(a_cell(name), True)).programs
    loops = [by_steps(key, program) for key, program in programs.items()]
    loops += [by_lanes(key, program, key == "backward") for key, program in programs.items()]
    source = "\n".join(loop.text for loop in loops)
    for dtype, capability in ((torch.float32, (8, 0)), (torch.float64, (9, 0))):
        assert nvrtc.binary(f"{prelude(dtype)}\n{source}", capability).startswith(b"\x7fELF")


def test_an_error_of_nvidia_s_compiler_is_one_line():
    if library() is None:
        pytest.skip("there is no NVRTC here: pip install nvidia-cuda-nvrtc-cu12")
    with pytest.raises(NoCompiler, match=r"^NVRTC \d+\.\d+ does not compile the kernel: kernel.cu\(1\): error: .*$"):
        nvrtc.binary("no kernel", (9, 0))
