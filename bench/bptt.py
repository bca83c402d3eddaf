"""How far back the gradient goes: full BPTT, or truncated to windows of k steps.

Werbos, "Backpropagation through time", Proc. IEEE 78 (1990); Williams & Peng, Neural Computation 2 (1990).
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.api import Batch


def windows(batch: Batch, window: int | None) -> Iterator[Batch]:
    """The batch in consecutive windows of `window` time steps, the last one shorter where they do not divide.

    None is full BPTT: the whole batch. The trainer carries the state over a window's border and cuts its gradient.
    """
    steps = len(batch.inputs)
    if window is None or window >= steps:
        yield batch
        return
    for start in range(0, steps, window):
        yield batch.span(start, min(start + window, steps))
