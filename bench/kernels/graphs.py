"""Loops over time that are captured as CUDA graphs, and then launched at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping

import torch
from torch import Tensor

__all__ = ["Graphs"]

log = logging.getLogger(__name__)

_MOST = 8  # captured loops of a recurrence; each holds its arrays
_MOST_SEEN = 256  # shapes that are remembered as seen once

Arrays = Mapping[str, Tensor]
Copied = Callable[[Arrays], list[Tensor]]


class Graphs:
    """Loops of a recurrence on a device, captured by what they are and by shape.

    A graph has the addresses that it was captured with. So it has arrays of its own: what a loop reads is copied there
    before, and what it makes is copied back after. Whatever a caller keeps is then never written over, however often
    and in whatever order loops run.

    A shape that comes for the first time is launched kernel by kernel, which is also what a capture has to have before
    it. So is every shape after the first few that came again, and everything where a capture failed, or where the
    caller is capturing a graph.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.captures = device, True
        self._seen: set[Hashable] = set()
        self._arrays: dict[Hashable, dict[str, Tensor]] = {}
        self._captured: dict[Hashable, torch.cuda.CUDAGraph] = {}
        self._last: torch.cuda.Stream | None = None

    def run(
        self, name: str, at: Arrays, shape: Hashable, read: Copied, made: Copied, launches: Callable[[Arrays], None]
    ) -> None:
        """Run the loop `name`: `launches` it on arrays by name, of which it has `read` some before and `made` some."""
        key = (name, shape)
        if torch.cuda.is_current_stream_capturing() or not self._has(key, shape, at, launches):
            launches(at)
            return
        stream = torch.cuda.current_stream(self.device)
        if self._last is not None and self._last != stream:
            stream.wait_stream(self._last)  # which may still be using the arrays
        self._last, arrays = stream, self._arrays[shape]
        torch._foreach_copy_(read(arrays), read(at))
        self._captured[key].replay()
        torch._foreach_copy_(made(at), made(arrays))

    def _has(self, key: Hashable, shape: Hashable, at: Arrays, launches: Callable[[Arrays], None]) -> bool:
        """Whether a loop is captured, by now."""
        if key in self._captured:
            return True
        if not self.captures or len(self._captured) >= _MOST:
            return False
        if key not in self._seen:
            if len(self._seen) < _MOST_SEEN:
                self._seen.add(key)
            return False
        try:
            arrays = self._arrays.setdefault(shape, {})
            arrays.update({name: torch.empty_like(tensor) for name, tensor in at.items() if name not in arrays})
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads may load batches
                launches(arrays)
        except RuntimeError as error:
            self.captures = False
            said = str(error).partition("\n")[0]
            log.warning("unroll=kernels launches each time step by itself: a CUDA graph of them fails (%s)", said)
            return False
        self._captured[key] = graph
        return True
