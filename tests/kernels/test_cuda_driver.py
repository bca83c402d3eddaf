"""Launches reach NVIDIA's driver as they are meant: against a library in C with the driver's functions."""

import ctypes
import shutil
import subprocess
from contextlib import nullcontext
from unittest.mock import patch

import pytest
import torch
from simulated import simulated_gpu

from bench.kernels import driver
from bench.kernels.driver import Arguments, Module

DRIVER = r"""
#include <string.h>
typedef void* Handle;
static Handle context = (Handle)0x123456789abc, current;
long long seen[16];
double first;
int cuCtxGetCurrent(Handle* out) { *out = context; return 0; }
int cuCtxSetCurrent(Handle given) { current = given; return 0; }
int cuModuleLoadData(Handle* out, const void* image) { *out = (Handle)0x7000000000; return strcmp(image, "code"); }
int cuModuleGetFunction(Handle* out, Handle module, const char* name) {
  *out = (Handle)0x5000000000;
  return module == (Handle)0x7000000000 && !strcmp(name, "forward_0") ? 0 : 500;
}
int cuGetErrorString(int status, const char** out) { *out = status == 500 ? "named symbol not found" : 0; return 0; }
int cuLaunchKernel(Handle function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, Handle stream, void** arguments, void** extra) {
  if (function != (Handle)0x5000000000 || current != context || extra) return 1;
  long long **numbers = (long long**)arguments;
  long long now[] = {gx, gy, gz, bx, by, bz, shared, (long long)stream, *numbers[0], *numbers[1]};
  memcpy(seen, now, sizeof now);
  first = **(double**)arguments[2];
  return 0;
}
"""


@pytest.fixture
def library(tmp_path):
    if not (compiler := shutil.which("cc") or shutil.which("gcc")):
        pytest.skip("there is no C compiler")
    (tmp_path / "driver.c").write_text(DRIVER)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", tmp_path / "driver.so", tmp_path / "driver.c"], check=True)
    found = ctypes.CDLL(str(tmp_path / "driver.so"))
    at_hand = {"device": lambda _: nullcontext()}
    with patch.object(driver, "_driver", lambda: found), patch.multiple(torch.cuda, **at_hand), simulated_gpu():
        yield found


def test_a_launch_has_its_sizes_stream_numbers_and_addresses(library):
    module = Module(b"code", torch.device("cuda:0"))
    t, array = ctypes.c_longlong(2**40), torch.tensor([2.5], dtype=torch.float64, device="cpu")
    arguments = Arguments([ctypes.c_longlong(7), t], [array])
    stream = 0x7F0012345678
    module.launch("forward_0", (2**31 - 1, 65535), (256, 4), arguments, stream)
    seen = (ctypes.c_longlong * 16).in_dll(library, "seen")[:10]
    assert seen == [2**31 - 1, 65535, 1, 256, 4, 1, 0, stream, 7, 2**40]
    assert ctypes.c_double.in_dll(library, "first").value == 2.5
    t.value = 3  # the next launch has the number as it is then
    module.launch("forward_0", (1, 1), (32, 1), arguments, 0)
    assert (ctypes.c_longlong * 16).in_dll(library, "seen")[9] == 3


def test_what_the_driver_refuses_is_said(library):
    with pytest.raises(RuntimeError, match="the GPU's driver fails: error"):
        Module(b"no code", torch.device("cuda:0"))
    module = Module(b"code", torch.device("cuda:0"))
    with pytest.raises(RuntimeError, match="the GPU's driver fails: named symbol not found"):
        module.launch("backward_0", (1, 1), (32, 1), Arguments([], []), 0)
