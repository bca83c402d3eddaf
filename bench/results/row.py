"""The row of a run: the figures of its record that tables need."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from bench.printable import printable
from bench.results.draws import Draws, settled
from bench.results.fits import fits
from bench.results.record import Record, Status
from bench.stats.scale import Scale


class Row(NamedTuple):
    """The figures of a record that tables show, small enough to keep for 100,000 runs.

    A figure's annotation gives its place in the record, where that is not its own name. Figures that the record lacks
    are None, and so are those that are not finite. Texts are printable and in one line, so that no table, whatever its
    form, can be broken by one.
    """

    id: str
    task: Annotated[str, "labels.task"]
    cell: Annotated[str, "labels.cell"]
    bptt: Annotated[str, "labels.bptt"]
    budget: Annotated[str, "labels.budget"]
    hardware: Annotated[str, "labels.hardware"]
    chosen: Annotated[str | None, "config.chosen"]
    """How the options were chosen; None in older records."""
    seed: int
    seed_data: Annotated[int | None, "config.seeds.data"]
    """The seed of the data, where it was set apart; None in older records, too."""
    seed_split: Annotated[int | None, "config.seeds.split"]
    status: Status
    reason: str | None
    metric: Annotated[str | None, "metric.name"]
    unit: Annotated[str | None, "metric.unit"]
    direction: Annotated[Literal["max", "min"] | None, "metric.direction"]
    valid: Annotated[float | None, "metric.valid"]
    test: Annotated[float | None, "metric.test"]
    chance: Annotated[float | None, "metric.chance"]
    solved: Annotated[float | None, "metric.solved"]
    lowest: Annotated[float | None, "metric.lowest"]
    highest: Annotated[float | None, "metric.highest"]
    target: Annotated[float | None, "metric.target"]
    params: int | None
    train_tokens_per_s: Annotated[float | None, "speed.train_tokens_per_s.median"]
    infer_tokens_per_s: Annotated[float | None, "speed.infer_tokens_per_s.median"]
    step_us: Annotated[float | None, "speed.step_us.median"]
    step_p99_us: Annotated[float | None, "speed.step_us.p99"]
    real_time: Annotated[float | None, "speed.step_us.real_time"]
    prefill_tokens_per_s: Annotated[float | None, "speed.prefill_tokens_per_s.median"]
    train_marks: Annotated[str | None, "speed.train_tokens_per_s.marks"]
    infer_marks: Annotated[str | None, "speed.infer_tokens_per_s.marks"]
    step_marks: Annotated[str | None, "speed.step_us.marks"]
    prefill_marks: Annotated[str | None, "speed.prefill_tokens_per_s.marks"]
    peak_mib: Annotated[float | None, "memory.peak_mib"]
    evaluation_mib: Annotated[float | None, "memory.evaluation_mib"]
    process_mib: Annotated[float | None, "memory.process_mib"]
    train_flop_per_s: Annotated[float | None, "work.train_flop_per_s"]
    peak_flop_per_s: Annotated[float | None, "work.peak_flop_per_s"]
    peak_share: Annotated[float | None, "work.train_peak_share"]
    gemm_share: Annotated[float | None, "work.gemm_share"]
    joules_a_token: Annotated[float | None, "work.joules_a_token"]
    target_reached: Annotated[bool | None, "to_target.reached"]
    target_steps: Annotated[int | None, "to_target.steps"]
    target_tokens: Annotated[int | None, "to_target.tokens"]
    target_seconds: Annotated[float | None, "to_target.seconds"]
    target_flops: Annotated[float | None, "to_target.flops"]
    seconds: float | None
    finished: str
    identity: str
    fingerprint: str | None
    task_code: Annotated[str | None, "code.task"]
    cell_code: Annotated[str | None, "code.cell"]
    files_code: Annotated[str | None, "code.files"]
    optimizer_code: Annotated[str | None, "code.optimizer"]
    schedule_code: Annotated[str | None, "code.schedule"]
    harness: str | None
    """None in older records, which do not state the code of their plugins either."""
    written: int
    """The time at which the record's file was written, in nanoseconds; the only field that is not in the record."""

    @classmethod
    def of(cls, record: Record, written: int) -> Row:
        """The row of `record`, which was written at `written` (nanoseconds)."""
        found = {name: _carried(_at(record, place)) for name, place in PLACES.items()}
        found |= {name: None for name, is_right in _IN_OPTIONS.items() if not is_right(found[name])}
        return cls._make([*found.values(), written])

    @property
    def draws(self) -> Draws:
        """The seeds of all that chance decided in the run."""
        return settled(self.seed, self.seed_data, self.seed_split)

    @property
    def scale(self) -> Scale | None:
        """The scale of the run's metric; None where the run ended before it was known."""
        if self.direction is None:
            return None
        return Scale(**{each.name: getattr(self, each.name) for each in fields(Scale)})


def _place(name: str, hint: Any) -> str:
    return get_args(hint)[1] if get_origin(hint) is Annotated else name


_HINTS = {name: hint for name, hint in get_type_hints(Row, include_extras=True).items() if name != "written"}

PLACES: dict[str, str] = {name: _place(name, hint) for name, hint in _HINTS.items()}
"""The place of each figure in a record: a field, or a dotted path into the dictionary in that field."""

_IN_OPTIONS = {name: fits(get_type_hints(Row)[name]) for name, place in PLACES.items() if place.startswith("config.")}
"""What a record's options may hold; a record is not checked for it, and what does not fit is left out of a row."""


def _at(record: Record, place: str) -> Any:
    field, *keys = place.split(".")
    value = getattr(record, field)
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _carried(value: Any) -> Any:
    """A value of a record as tables can hold it."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):  # marks, by their names
        return printable(", ".join(value)) or None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
