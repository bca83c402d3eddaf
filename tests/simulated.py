"""A GPU that is simulated on the CPU: tensors that are on `cuda:0` by all that Python sees, and have real numbers.

As on a GPU, an op refuses tensors of both devices. Unlike FakeTensorMode, which has shapes alone, a simulated tensor
has a value: a run trains on it, chooses its best weights and ends with scores, which are those of the CPU.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch import __future__ as future
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

GPU = torch.device("cuda", 0)
NAME = "Simulated GPU"
_aten = torch.ops.aten
_ACROSS = {_aten.copy_.default, _aten._foreach_copy_.default}
"""Ops that move numbers from one device to another."""
_INDEXED = {_aten.index.Tensor, _aten.index_put.default, _aten.index_put_.default, _aten._index_put_impl_.default}
"""Ops of a tensor on a GPU whose indices may be on the CPU."""
_PRODUCTS = {
    torch.matmul, torch.mm, torch.bmm, torch.addmm, torch.baddbmm, torch.einsum, torch.conv1d, Tensor.matmul, Tensor.mm,
    Tensor.bmm, Tensor.addmm, Tensor.baddbmm, Tensor.__matmul__, Tensor.__rmatmul__, functional.linear,
}  # fmt: skip
"""Functions that compute in bfloat16 under autocast, which in C++ does not see that a tensor is on a GPU."""


_met: list[str] = []
"""What has been refused: code that catches the error and goes on another way hides it otherwise."""


class Simulated(Tensor):
    """A tensor on the simulated GPU: a shell without storage for torch, and `numbers` on the CPU."""

    numbers: Tensor
    device = property(lambda _: GPU)  # type: ignore[assignment]
    is_cuda = property(lambda _: True)  # type: ignore[assignment]
    is_meta = property(lambda _: False)  # type: ignore[assignment]
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, numbers: Tensor) -> Simulated:
        with torch._C._InferenceMode(False):  # a view of a tensor that is no inference tensor must be none
            shell = torch.empty_strided(numbers.shape, numbers.stride(), dtype=numbers.dtype, device="meta")
            self = Tensor._make_subclass(cls, shell, device_for_backend_keys=GPU)
        self.numbers = numbers
        return self

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})

    def __reduce_ex__(self, _: Any) -> tuple[Any, ...]:  # a file of it is read with map_location="cpu"
        return self.numbers.clone().__reduce_ex__(2)


def _computed(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `func` gives: on the GPU where an argument is there, or its `device` is.

    Within `vmap` the shells show as what they are for torch, on `meta`: that is the simulated GPU, too.
    """
    places: list[Any] = []
    _each(places.append, (args, *kwargs.values()), Tensor | torch.device)
    on_gpu = [each for each in places if isinstance(each, Simulated)]
    device = next((each for each in places if isinstance(each, torch.device)), None)
    if not on_gpu and device is None:
        return func(*args, **kwargs)
    if torch.is_inference_mode_enabled() and func._can_decompose():  # without autograd a compound op comes whole
        with _Ops():
            return func.decompose(*args, **kwargs)
    _refuse_both_devices(func, args, [each for each in places if isinstance(each, Tensor)])
    found = func(*_on_cpu(args), **{name: _on_cpu(each) for name, each in kwargs.items()})
    if device is not None and device.type == "cpu":
        return found
    given = {id(each.numbers): each for each in on_gpu}  # what an op in place returns is the tensor that it was given
    return _each(lambda each: given[id(each)] if id(each) in given else _moved(each), found)


def _each(change: Callable[[Any], Any], value: Any, kinds: Any = Tensor) -> Any:
    """The value with whatever in it is of these kinds changed, in tuples and lists, too."""
    if isinstance(value, kinds):
        return change(value)
    if isinstance(value, tuple | list):
        return type(value)([_each(change, each, kinds) for each in value])
    return value


def _on_cpu(value: Any) -> Any:
    return _each(_numbers, value, Tensor | torch.device)


def _numbers(value: Tensor | torch.device) -> Tensor | torch.device:
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return value.numbers if isinstance(value, Simulated) else value


def _moved(tensor: Tensor) -> Tensor:
    """The tensor on the GPU, with what torch puts off (conjugates, signs, tangents of zeros) done: a shell has none."""
    if tensor._is_zerotensor():
        tensor = torch.zeros(tensor.shape, dtype=tensor.dtype)
    return Simulated(tensor.resolve_conj().resolve_neg())


def _refuse_both_devices(func: Any, args: tuple[Any, ...], tensors: list[Tensor]) -> None:
    """Raise RuntimeError, as torch does, where one tensor is on the GPU and another on the CPU.

    An element-wise op takes a number on the CPU, a tensor without dimensions.
    """
    on_gpu = [isinstance(each, Simulated) for each in tensors]
    if all(on_gpu) or not any(on_gpu) or func in _ACROSS:
        return
    if func in _INDEXED and isinstance(args[0], Simulated):
        return
    is_pointwise = torch.Tag.pointwise in getattr(func, "tags", ()) or "_foreach" in str(func)
    if is_pointwise and all(here or each.dim() == 0 for here, each in zip(on_gpu, tensors, strict=True)):
        return
    _met.append(f"{func}: expected all tensors to be on the same device, but found cuda:0 and cpu")
    raise RuntimeError(_met[-1])


class _Ops(TorchDispatchMode):
    """Makes tensors on the GPU where an op is asked for them by `device`."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:  # torch would send each op through its compiler to leave it out there
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class _Functions(TorchFunctionMode):
    """What torch decides in C++ by the kind of a tensor's device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = tuple(map(_with_index, args)), {key: _with_index(each) for key, each in (kwargs or {}).items()}
        if func is Tensor.tolist and isinstance(args[0], Simulated):
            return args[0].numbers.tolist()
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == GPU:
            return func(*args, **{**kwargs, "device": "cpu"}).to(GPU)
        if func in _PRODUCTS and torch.is_autocast_enabled("cuda"):
            args, kwargs = _each(_lowered, args), {name: _each(_lowered, each) for name, each in kwargs.items()}
        return func(*args, **kwargs)


class _Event:
    """An event of a stream, which is always empty: the time at which it was recorded."""

    def __init__(self, enable_timing: bool = False) -> None:
        self._at = 0.0

    def record(self) -> None:
        self._at = time.perf_counter()

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, end: _Event) -> float:
        return 1e3 * (end._at - self._at)


_attention = functional.scaled_dot_product_attention


def _attention_on_cpu(*args: Any, **kwargs: Any) -> Tensor:
    """Attention, which chooses a kernel by the device in C++, where there is none for this one."""
    tensors: list[Tensor] = []
    _each(tensors.append, (args, *kwargs.values()))
    if not any(isinstance(each, Simulated) for each in tensors):
        return _attention(*args, **kwargs)
    _refuse_both_devices(_attention, args, tensors)
    args, kwargs = _each(_at_hand, args), {name: _each(_at_hand, each) for name, each in kwargs.items()}
    return _attention(*args, **kwargs).to(GPU)


def _at_hand(tensor: Tensor) -> Tensor:
    return (_lowered(tensor) if torch.is_autocast_enabled("cuda") else tensor).cpu()


def _lowered(tensor: Tensor) -> Tensor:
    return tensor.to(torch.bfloat16) if tensor.dtype is torch.float32 else tensor


def _with_index(value: Any) -> Any:
    return GPU if isinstance(value, str | torch.device) and str(value) == "cuda" else value


_apply = nn.Module._apply


def _swapped(module: nn.Module, change: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """The module with its parameters changed: one that moves becomes another class of tensor, and stays the object that
    a layer of a vendor has weak references to.
    """
    before = future.get_swap_module_params_on_conversion()
    future.set_swap_module_params_on_conversion(True)
    try:
        with patch("weakref.getweakrefs", lambda _: []):
            return _apply(module, change, recurse)
    finally:
        future.set_swap_module_params_on_conversion(before)


@contextmanager
def simulated_gpu() -> Iterator[torch.device]:
    """In the block torch finds one GPU, and computes what is on it on the CPU; yields its device.

    Numbers on it are drawn from the CPU's generator. Its memory is always empty. Raises RuntimeError at the block's end
    where an op in it met tensors of both devices, even if the error was caught.
    """
    _met.clear()
    about = SimpleNamespace(name=NAME, total_memory=2**34, major=9, minor=0, multi_processor_count=1)
    silent = (
        "_lazy_init", "synchronize", "manual_seed", "manual_seed_all", "set_device", "empty_cache",
        "reset_peak_memory_stats", "set_rng_state", "set_rng_state_all",
    )  # fmt: skip
    nothing = {name: lambda *_, **__: None for name in silent}  # one each: torch's compiler keeps functions apart
    found = {
        "is_available": lambda: True,
        "is_initialized": lambda: False,  # a GPU's own settings come before its first use
        "is_bf16_supported": lambda *_, **__: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_device_name": lambda *_: NAME,
        "get_device_capability": lambda *_: (9, 0),
        "get_device_properties": lambda *_: about,
        "get_rng_state": lambda *_: torch.get_rng_state(),
        "get_rng_state_all": lambda: [],
        "memory_allocated": lambda *_: 0,
        "max_memory_allocated": lambda *_: 0,
        "mem_get_info": lambda *_: (2**40, 2**40),
        "memory_reserved": lambda *_: 0,
        "Event": _Event,
    }
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ))
        stack.enter_context(patch.multiple(torch.cuda, **nothing, **found))
        stack.enter_context(patch.object(Tensor, "pin_memory", lambda self, *_: self))
        stack.enter_context(patch.object(torch.backends.cudnn, "is_acceptable", lambda _: False))
        stack.enter_context(patch.object(nn.Module, "_apply", _swapped))
        stack.enter_context(patch.object(functional, "scaled_dot_product_attention", _attention_on_cpu))
        stack.enter_context(_Functions())
        stack.enter_context(_Ops())
        yield GPU
    if _met:
        raise RuntimeError(_met[0])
