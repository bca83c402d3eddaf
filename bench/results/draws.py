"""What chance decides in a run, by its sources, each with a seed that may be set apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bench.config.tree import Tree


class Draws(NamedTuple):
    """The seeds of a run's sources of chance; runs that have the same are repeats of one another.

    `seed` draws the weights and the dropout; `data` the order of the training data, what is drawn anew for each batch,
    and the offsets of windows: by default it is `seed`. `split` draws which sequences are held out; None for the
    task's own split.
    """

    seed: int
    data: int
    split: int | None = None

    def __str__(self) -> str:
        """As in `seed 3, data 7`: what follows from `seed` is left out."""
        data = "" if self.data == self.seed else f", data {self.data}"
        return f"seed {self.seed}{data}{'' if self.split is None else f', split {self.split}'}"

    @property
    def words(self) -> str:
        """The options that say so in a command."""
        data = "" if self.data == self.seed else f" seed.data={self.data}"
        return f"seed={self.seed}{data}{'' if self.split is None else f' seed.split={self.split}'}"


def draws(config: Mapping[str, Any]) -> Draws:
    """The draws of a run with these options, in a tree as a record has them; what is no seed counts as none."""
    seeds = config.get("seeds")
    given = [seeds.get(name) if isinstance(seeds, Mapping) else None for name in ("data", "split")]
    data, split = (value if type(value) is int else None for value in given)
    return settled(config["seed"], data, split)


def settled(seed: int, data: int | None, split: int | None) -> Draws:
    """The draws where None leaves a source to `seed`, or to the task."""
    return Draws(seed, seed if data is None else data, split)


def without_what_follows(options: Tree) -> Tree:
    """Options by dotted name without the seeds of sources that draw as they would without them."""
    apart = {"seeds.data": (None, options.get("seed")), "seeds.split": (None,)}
    return {name: value for name, value in options.items() if name not in apart or value not in apart[name]}
