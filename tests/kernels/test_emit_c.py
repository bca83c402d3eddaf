"""Every operation of a kernel as plain C, and numbers that C reads as they are."""

import ctypes
import math
import subprocess

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_operations_of_kernels import POSITIVE, WIDTH, a_step, by_torch
from tiny import seeded

from bench.kernels.compiler import NoCompiler, c_compiler
from bench.kernels.emit_c import StepInC, literal
from bench.kernels.forward import forward
from bench.kernels.operations import OPERATIONS

REAL = {torch.float32: "float", torch.float64: "double"}


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """By dtype, a compiled function of all operations, and the arrays that it takes."""
    try:
        command = c_compiler()
    except NoCompiler as error:
        pytest.skip(str(error))
    folder, steps = tmp_path_factory.mktemp("c"), {}
    for dtype, real in REAL.items():
        steps[dtype] = step = StepInC(forward(a_step([*OPERATIONS])), real)
        pointers = [f"  {real} *const {array.name} = arrays[{i}];" for i, array in enumerate(step.arrays)]
        body = [f"void {real}s({real} **arrays) {{", *pointers, *step.lines, "}\n"]
        (folder / f"{real}.c").write_text("#include <math.h>\n" + step.definitions + "\n".join(body))
    built, sources = folder / "all.so", [folder / f"{real}.c" for real in REAL.values()]
    strict = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
    subprocess.run([*command, *strict, "-O1", "-fPIC", "-shared", *sources, "-lm", "-o", built], check=True)
    library = ctypes.CDLL(str(built))
    return {dtype: (library[f"{real}s"], [*steps[dtype].arrays]) for dtype, real in REAL.items()}


def results(functions, a_N, b_N):
    """The result of each operation on two rows."""
    function, arrays = functions[a_N.dtype]
    at = {array.name: torch.empty(WIDTH, dtype=a_N.dtype) for array in arrays} | {"input0": a_N, "input1": b_N}
    function((ctypes.c_void_p * len(arrays))(*(at[array.name].data_ptr() for array in arrays)))
    return {name: at[f"next{i}"] for i, name in enumerate(OPERATIONS)}


@pytest.mark.parametrize("dtype", REAL, ids=str)
def test_operations_are_those_of_torch(functions, dtype):
    for size in (1e-6, 0.1, 3.0, 40.0):
        a, b = ((size * torch.randn(WIDTH, generator=seeded(i), dtype=torch.float64)).to(dtype) for i in range(2))
        b[:3] = a[:3]
        for positive in (False, True):
            given_a = a.abs() if positive else a
            for name, found in results(functions, given_a, b).items():
                if positive == (name in POSITIVE):
                    right = by_torch(name, given_a, b)
                    torch.testing.assert_close(found, right, rtol=2e-6 if dtype == torch.float32 else 1e-14, atol=0)


def test_numbers_at_the_ends_are_those_of_torch(functions):
    ends = [math.nan, math.inf, -math.inf, 0.0, 1e4, -1e4, 88.0, 89.5, -80.0, -200.0]
    a = torch.tensor(ends + [0.0] * (WIDTH - len(ends)))
    for name, found in results(functions, a, a.roll(3)).items():
        if name not in ("sin", "cos"):
            torch.testing.assert_close(found, by_torch(name, a, a.roll(3)), rtol=2e-5, atol=1e-37, equal_nan=True)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_literal_is_the_number_itself(value):
    for real, kind in (("float", np.float32), ("double", np.float64)):
        text = literal(value, real).strip("()").removesuffix("f" if real == "float" else "")
        found = float.fromhex(text) if "x" in text else float(text)
        assert found == kind(value) and math.copysign(1, found) == math.copysign(1, value)
