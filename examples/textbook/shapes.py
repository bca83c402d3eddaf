"""At which steps tasks read, and at which they are scored: python examples/textbook/shapes.py"""

from __future__ import annotations

from torch import Generator

from bench.api import Batch, Task
from bench.tasks.adding import Adding
from bench.tasks.charlm import CharLM
from bench.tasks.copy import Copy
from bench.tasks.hello import Hello
from bench.tasks.sentiment import Sentiment
from bench.tasks.translation import Translation

TASKS: list[Task] = [
    Hello(),
    CharLM(length=12),
    CharLM(length=12, scored="last"),
    Copy(symbols=3, delay=4, alphabet=32),
    Adding(length=8),
    Sentiment(reviews=200),
    Translation(largest=999),
]


def first_batch(task: Task) -> Batch:
    """Four sequences of train, always the same ones."""
    return next(task.batches("train", 4, Generator().manual_seed(0)))


def steps(task: Task, batch: Batch) -> tuple[str, str]:
    """The first lane's steps as two lines, x where it reads and y where it is scored."""
    scored = "".join("y" if weight else "." for weight in batch.weight[:, 0])
    if task.spec.reads == "sequence":
        read = "x" * len(batch.inputs)
        return read, "." * len(read) + scored.rstrip(".")
    length = len(batch.inputs) if batch.lengths is None else int(batch.lengths[0])
    return "x" * length, scored[:length]


def shape(read: str, scored: str) -> str:
    """What such a mapping is called."""
    if len(read) == 1 == len(scored):
        return "one to one"
    if "." not in scored:
        return "many to many, in step"
    if scored.count("y") == 1:
        return "many to one"
    return "many to many, " + ("one after the other" if len(scored) > len(read) else "delayed")


if __name__ == "__main__":
    for task in TASKS:
        batch = first_batch(task)
        read, scored = steps(task, batch)
        name = task.spec.id.rpartition("-v")[0]
        print(f"{name:12} inputs {list(batch.inputs.shape)!s:11}  {shape(read, scored)}")
        print(f"    reads   {read}\n    scored  {scored}")
