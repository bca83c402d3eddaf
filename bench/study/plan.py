"""The plan of a sweep: which of its members are done, and what the others will take."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from statistics import median

from bench.config.options import Options
from bench.config.schema import Config
from bench.errors import BenchError
from bench.hardware.settings import torch_settings_kept
from bench.job.prepared import Prepared, prepare
from bench.job.probe import probe
from bench.job.reason import reason_of
from bench.results.draws import Draws, settled
from bench.results.labels import make_labels
from bench.results.record import Labels, Status
from bench.results.row import Row
from bench.results.store import FOUND, Store
from bench.tables.plans import Cost, Planned


def plan(members: Sequence[Options], told: Callable[[str], None] = lambda line: None) -> list[Planned]:
    """What a sweep over the members would do, without doing it, in their order.

    Each configuration is prepared as for a run, once for all its seeds: the data are read and the model is built. Where
    no run like it is done, a few steps are trained. `told` gets a line whenever that begins. Raises Busy while a run is
    under way in this process.
    """
    alike = defaultdict(list)
    texts = dict[tuple[int, ...], str]()
    for options in members:
        shared = _parts_but_for_the_seed(options)
        if shared not in texts:
            texts[shared] = _but_for_the_seed(options)
        alike[texts[shared]].append(options)
    known: dict[str, _Stored] = {}
    with torch_settings_kept():
        found = []
        for same in alike.values():
            place = same[0].config.results_dir
            stored = known.setdefault(place, _Stored(Store(Path(place)).rows()[0]))
            found.append(_planned(same, stored, told))
    return found


class _Stored:
    """The rows of a store, by identity and by their labels."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.of: dict[str, list[Row]] = defaultdict(list)
        self.like: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in rows:
            self.of[row.identity].append(row)
            if row.status == "done":
                self.like[row.task, row.cell, row.bptt, row.budget, row.hardware].append(row)

    def status(self, identity: str) -> Status | None:
        """The status of the attempt that counts; None where there is none."""
        attempts = sorted(self.of.get(identity, ()), key=lambda row: (row.status == "done", row.finished))
        return attempts[-1].status if attempts else None

    def cost(self, labels: Labels) -> tuple[Cost | None, int]:
        """The cost of the runs with these labels that are done, and their number."""
        rows = self.like.get(tuple(labels.values()), [])  # type: ignore[arg-type]
        seconds = [row.seconds for row in rows if row.seconds is not None]
        mib = [row.peak_mib for row in rows if row.peak_mib is not None]
        return (Cost(median(seconds), max(mib, default=None)), len(seconds)) if seconds else (None, 0)


def _planned(same: Sequence[Options], stored: _Stored, told: Callable[[str], None]) -> Planned:
    prepared = prepare(same[0])
    labels = make_labels(prepared.task_id, same[0], prepared.hardware, prepared.untrained)
    identities = prepared.identity.of_seeds(_draws(options.config) for options in same)
    rerun = same[0].config.rerun
    statuses = {seed: None if rerun == "all" else stored.status(identity) for seed, identity in identities.items()}
    if prepared.error is not None:
        return Planned(labels, statuses, _reason(prepared.error))
    found = Planned(labels, statuses, stays=FOUND[same[0].config.rerun])
    if not found.to_do:
        return found
    cost, like = stored.cost(labels)
    return replace(found, cost=cost or _probed(prepared, labels, told), like=like)


def _probed(prepared: Prepared, labels: Labels, told: Callable[[str], None]) -> Cost | None:
    told(f"a few steps of {labels['task']} {labels['cell']}, since no such run is done")
    try:
        return probe(prepared)
    except Exception as error:  # the run would end so, and its record say why
        told(f"  they failed: {_reason(error)}")
        return None


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, BenchError) else reason_of(error)


def _draws(config: Config) -> Draws:
    return settled(config.seed, config.seeds.data, config.seeds.split)


def _parts_but_for_the_seed(options: Options) -> tuple[int, ...]:
    """What is the same for members that were composed as one: the identities of all parts of their options."""
    parts = (getattr(options.config, field.name) for field in fields(options.config) if field.name != "seed")
    return (id(options.choices), *map(id, parts))


def _but_for_the_seed(options: Options) -> str:
    """A text that is the same for options that differ in the seed alone, or in that of the data; another split is
    other data to read."""
    alike = {**options.tree, "seed": None, "seeds": options.config.seeds.split}
    return json.dumps([alike, dict(options.choices)], sort_keys=True, default=str)
