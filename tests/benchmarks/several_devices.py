"""What adding up gradients over two processes costs: one flat buffer, as runs do it, beside DistributedDataParallel.

    PYTHONPATH=. torchrun --nproc-per-node=2 tests/benchmarks/several_devices.py

Training steps of a GRU on 16 lanes a process, all ways in turn: the medians of processor time and of time, in
milliseconds. `alone` adds up nothing; `run` is what a run does: the flat buffer, the sum of the loss, and the word on
stopping.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bench.hardware.ranks import ALONE, Ranks, joined

T, B, SYMBOLS = 64, 16, 10


class Model(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.embedding, self.gru = nn.Embedding(SYMBOLS, 64), nn.GRU(64, hidden)
        self.head = nn.Linear(hidden, SYMBOLS)

    def forward(self, x_TB: Tensor) -> Tensor:
        logits = self.head(self.gru(self.embedding(x_TB))[0])
        return F.cross_entropy(logits.flatten(0, 1), x_TB.flatten(), reduction="sum")


def step(model: nn.Module, divisor: float, ranks: Ranks = ALONE, words: bool = False) -> Callable[[], None]:
    """A training step; with `words`, everything that a step of a run says to the other ranks."""
    parameters, x_TB = [*model.parameters()], torch.randint(SYMBOLS, (T, B))
    adam = torch.optim.Adam(parameters, fused=True)

    def work() -> None:
        loss = model(x_TB)
        loss.backward(torch.tensor(1 / divisor))
        if words:
            ranks.sum(loss.item())
            ranks.any(False, False)
        ranks.add_gradients(parameters)
        adam.step()
        adam.zero_grad(set_to_none=True)

    return work


def main(rounds: int) -> None:
    """A line a width."""
    torch.set_num_threads(1)
    with joined() as ranks:
        for hidden in (32, 128):
            whole = float(T * B * ranks.count)
            ways = {
                "alone": step(Model(hidden), whole),
                "flat": step(Model(hidden), whole, ranks),
                "run": step(Model(hidden), whole, ranks, words=True),
                "ddp": step(DistributedDataParallel(Model(hidden)), whole / ranks.count),
            }
            took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
            for _ in range(rounds):
                for name, work in ways.items():
                    before = time.process_time(), time.perf_counter()
                    work()
                    took[name].append((time.process_time() - before[0], time.perf_counter() - before[1]))
            if ranks.is_first:
                medians = {
                    name: [1e3 * statistics.median(each) for each in zip(*took[name][3:], strict=True)] for name in ways
                }
                print(hidden, {name: f"{cpu:.2f} ({wall:.1f})" for name, (cpu, wall) in medians.items()}, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
