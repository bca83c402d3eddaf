"""Rows held to another target than their task's: when their curves reach it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bench.errors import StoreError
from bench.results.curve import read_curve
from bench.results.figures import ToTarget
from bench.results.names import CURVE
from bench.results.record import Record
from bench.results.row import Row
from bench.results.store import Store
from bench.results.to_target import flop_per_token, to_target

_UNKNOWN: Mapping[str, Any] = dict.fromkeys(("reached", "steps", "tokens", "seconds", "flops"))


def retargeted(rows: Iterable[Row], store: Store, target: float) -> Iterator[Row]:
    """The rows with this `target`, and what it took to reach it, by each run's curve; unknown where it has none."""
    for row in rows:
        moved = row._replace(target=target)
        found: Mapping[str, Any] = _reached(moved, store) or _UNKNOWN
        yield moved._replace(
            target_reached=found["reached"],
            target_steps=found["steps"],
            target_tokens=found["tokens"],
            target_seconds=found["seconds"],
            target_flops=found["flops"],
        )


def _reached(row: Row, store: Store) -> ToTarget | None:
    if row.scale is None or row.metric is None:
        return None
    folder = store.runs / row.id
    try:
        curve = read_curve(folder / CURVE)
    except StoreError:  # there is none, or it is damaged, as bench verify says
        return None
    record = Record.read(folder)
    points: list[Any] = curve.to_dict("records")
    return to_target(points, row.metric, row.scale, flop_per_token(record.flops, record.work))
