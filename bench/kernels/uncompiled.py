"""Torch without its compiler, whose import takes as long as that of torch: eager code asks it only to be left out."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode

_NAME = "torch._dynamo"


class UncompiledMode(TorchDispatchMode):
    """A mode whose `__torch_dispatch__` is called as it is, not by way of the compiler."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:  # torch 2.13 asks it
        return False


@contextmanager
def uncompiled(cls: type[Optimizer]) -> Iterator[None]:
    """In the block an optimiser of torch's is made and called without an import of the compiler.

    Its methods ask the compiler to leave them out, which is needless in a process that has not imported it: a stand-in
    answers, and is gone after the block. A class of the user's own may well compile something.
    """
    if _NAME in sys.modules or not cls.__module__.startswith("torch.optim."):
        yield
        return
    stand_in = _StandIn(_NAME)
    sys.modules[_NAME] = torch._dynamo = stand_in
    try:
        yield
    finally:
        stand_in.leave()


class _StandIn(ModuleType):
    """What optimisers ask of the compiler; for whatever else it is asked, the compiler itself takes its place."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._left_out: list[Callable[..., Any]] = []

    def disable(self, function: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        """The function as it is: nothing compiles it."""
        self._left_out.append(function)
        return function

    def graph_break(self) -> None:
        """Nothing: there is no graph."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # as `inspect` asks all modules
            raise AttributeError(name)
        self.leave()
        return getattr(importlib.import_module(_NAME), name)

    def leave(self) -> None:
        """Be as if it had never been there."""
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME], torch._dynamo
        for function in self._left_out:
            vars(function).pop("__dynamo_disable", None)  # where torch keeps what `disable` gave
        self._left_out.clear()
