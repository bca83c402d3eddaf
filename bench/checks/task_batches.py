"""Laws of a task's batches: the same for the same seed, fair splits, no network."""

from __future__ import annotations

import pickle
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Generator

from bench.api import Batch, Split, TaskSpec
from bench.checks.law import Broken, law
from bench.checks.task_probe import PIECE, SPLITS, TaskProbe, digests, digests_elsewhere, goes_on, pieces, sequences

_SEVERAL = -1


@law("draw random numbers only from the `generator` argument of batches(); sort sets and files before use")
def same_seed_same_batches(probe: TaskProbe) -> None:
    """The same generator state gives the same batches to the last bit: a second time, from a new object, and in another
    process. The global generators of torch, numpy and Python are not used.
    """
    with global_generators_kept() as drawn_from:
        first = digests(probe.task)
        if drawn_from():
            raise Broken("batches draws from a global generator")
    for where, again in (
        ("a second time", lambda: digests(probe.task)),
        ("of a new object", lambda: digests(probe.task_class(**probe.options))),
        ("in another process", lambda: digests_elsewhere([probe])[0]),
    ):
        found = again()
        for split in SPLITS:
            if found[split] != first[split]:
                raise Broken(f"the batches of {split} {where} differ for the same seed")


@law("seed valid and test by a constant in the task, and end them after the same sequences for every batch size")
def held_out_data_is_fixed(probe: TaskProbe) -> str:
    """Valid and test end, and hold the same sequences for every batch size and generator."""
    sizes = []
    for split in SPLITS[1:]:
        first, second = (_sorted_contents(probe, split, size, seed) for size, seed in ((32, 0), (7, 1)))
        if first != second:
            raise Broken(f"{split} has other sequences for another batch size and seed")
        sizes.append(f"{len(first)} in {split}")
    return ", ".join(sizes)


@law("decide each sequence's split by its content or its place in the source, once; drop duplicates before splitting")
def splits_are_disjoint(probe: TaskProbe) -> str | None:
    """No sequence of valid or test is in train. Data with repeated sequences may repeat them between splits, about as
    often as within train; the verdict then gives the count. Where lanes go on from batch to batch, stretches of 32
    steps are compared.
    """
    train = list(islice(probe.task.batches("train", 32, Generator().manual_seed(0)), 500))
    go_on = goes_on(train[:2])
    what = f"stretches of {PIECE} steps" if go_on else "sequences"

    def contents(batches: Iterator[Batch], stride: int = PIECE) -> list[int]:
        return [hash(content) for content in (pieces(batches, stride) if go_on else sequences(batches))]

    everything = contents(iter(train), stride=1)
    seen, notes, allowed = set(everything), [], _share_allowed(probe.task.spec, everything)
    for split in SPLITS[1:]:
        held_out = contents(islice(probe.task.batches(split, 32, Generator()), 500))
        shared = sum(content in seen for content in held_out)
        if shared > len(held_out) * allowed:
            raise Broken(f"{shared} of {len(held_out)} {what} in {split} are also in train")
        notes += [f"{shared} of {len(held_out)} {what} in {split} are also in train"] * bool(shared)
    return "; ".join(notes) or None


@law("read or download data in the constructor, or by `bench fetch`; batches() uses local data alone")
def no_network_in_batches(probe: TaskProbe) -> None:
    """Once a task is built, its batches need no network."""
    task = probe.task
    for split in SPLITS:
        with _no_network() as attempts:
            try:
                list(islice(task.batches(split, 8, Generator().manual_seed(0)), 3))
            except Exception:
                if not attempts:
                    raise
        if attempts:
            raise Broken(f"the batches of {split} connect to {attempts[0]}")


@contextmanager
def global_generators_kept() -> Iterator[Callable[[], bool]]:
    """Restore the global generators of torch, numpy and Python afterwards; the function says whether one was used."""
    of_torch, of_numpy, of_python = torch.random.get_rng_state(), np.random.get_state(), random.getstate()
    before = pickle.dumps(of_numpy)

    def drawn_from() -> bool:
        same = torch.equal(of_torch, torch.random.get_rng_state()) and of_python == random.getstate()
        return not same or before != pickle.dumps(np.random.get_state())

    try:
        yield drawn_from
    finally:
        torch.random.set_rng_state(of_torch)
        np.random.set_state(of_numpy)
        random.setstate(of_python)


def _sorted_contents(probe: TaskProbe, split: Split, batch_size: int, seed: int) -> list[int]:
    """Hashes of all sequences of a split."""
    batches = probe.task.batches(split, batch_size, Generator().manual_seed(seed))
    found = [hash(content) for content in sequences(islice(batches, probe.longest_split))]
    if next(batches, None) is not None:
        raise Broken(f"{split} does not end within {probe.longest_split:,} batches")
    return sorted(found)


def _share_allowed(spec: TaskSpec, train: list[int]) -> float:
    """The share of held-out sequences that may be in train: 0 for generated data. For other data, train is cut into
    tenths: the largest share of a tenth that is repeated in other tenths, plus 1%.
    """
    if spec.fingerprint is None:
        return 0.0
    tenths = [place * 10 // len(train) for place in range(len(train))]
    home: dict[int, int] = {}
    for content, tenth in zip(train, tenths, strict=True):
        if home.setdefault(content, tenth) != tenth:
            home[content] = _SEVERAL
    repeated = Counter(tenth for content, tenth in zip(train, tenths, strict=True) if home[content] == _SEVERAL)
    sizes = Counter(tenths)
    return 0.01 + max(repeated[tenth] / sizes[tenth] for tenth in sizes)


@contextmanager
def _no_network() -> Iterator[list[str]]:
    """Let every connection fail, and list the addresses of the attempts."""
    attempts: list[str] = []

    def refuse(*arguments: Any, **_: Any) -> None:
        attempts.append(str(next((a for a in arguments if not isinstance(a, socket.socket)), "an address")))
        raise OSError("a task's batches may not use the network")

    with (
        mock.patch.object(socket.socket, "connect", refuse),
        mock.patch.object(socket.socket, "connect_ex", refuse),
        mock.patch.object(socket, "getaddrinfo", refuse),
    ):
        yield attempts
