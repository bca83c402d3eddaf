"""The plan of a sweep for a screen: a row for the runs that differ in the seed alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bench.results.draws import Draws
from bench.results.record import Labels, Status
from bench.tables.fitted import Field, lines
from bench.tables.formats import duration, four_digits

_Key = Literal["task", "cell", "bptt", "budget", "hardware"]
_KEYS: tuple[_Key, ...] = ("task", "cell", "bptt", "budget", "hardware")


class Cost(NamedTuple):
    """What a run takes: the `seconds` of all of it, and the `mib` of all tensors at the peak of a training step."""

    seconds: float
    mib: float | None


@dataclass(frozen=True)
class Planned:
    """Members of a sweep that differ in the seed alone, and what became of each before.

    `labels` are those of their rows in tables. `refused` is why none of them can run; `cost` is that of one run, after
    `like` runs of the same labels that are done, or after a probe where there are none. None where nothing is to do or
    nobody knows.
    """

    labels: Labels
    statuses: dict[Draws, Status | None]
    """By seed the status of the run that counts: `done`, or that of the latest attempt; None where there is none."""
    refused: str | None = None
    cost: Cost | None = None
    like: int = 0
    stays: tuple[Status, ...] = ("done",)
    """What the sweep leaves as it has ended."""

    @property
    def to_do(self) -> int:
        """How many runs the sweep would train."""
        return 0 if self.refused else sum(status not in self.stays for status in self.statuses.values())

    @property
    def seconds(self) -> float | None:
        """What the runs that are to do will take, one after the other; None where nobody knows."""
        return 0.0 if not self.to_do else None if self.cost is None else self.to_do * self.cost.seconds


def to_text(plans: Sequence[Planned], width: int | None = None) -> str:
    """A row for each, what all of them share above, and what all of them come to below."""
    if not plans:  # a sweep has fewer members than shards
        return _total(plans)
    shared = [key for key in _KEYS if len({plan.labels[key] for plan in plans}) == 1 and key != "cell"]
    keys = [Field(key, [plan.labels[key] for plan in plans], left=True) for key in _KEYS if key not in shared]
    fields = [
        *keys,
        Field("runs", [str(len(plan.statuses)) for plan in plans]),
        Field("done", [str(_count(plan)["done"]) for plan in plans]),
        Field("to do", [_to_do(plan) for plan in plans], left=True),
        Field("a run", [duration(plan.cost.seconds) if plan.cost else "-" for plan in plans]),
        Field("MiB", [four_digits(plan.cost.mib) if plan.cost else "-" for plan in plans]),
        Field("by", [_source(plan) for plan in plans], left=True),
        Field("all", [duration(plan.seconds) for plan in plans]),
    ]
    table, _ = lines(fields, width)
    head = "; ".join(f"{key} {plans[0].labels[key]}" for key in shared)
    refused = [
        f"cannot run: {plan.labels['task']} {plan.labels['cell']}: {plan.refused}" for plan in plans if plan.refused
    ]
    return "\n".join([*([head] if head else []), *table, *refused, _total(plans)])


def _count(plan: Planned) -> Counter[Status | None]:
    return Counter(plan.statuses.values())


def _to_do(plan: Planned) -> str:
    """How many are to do, and how those have ended that were tried before."""
    if plan.refused:
        return "none can run"
    before = [f"{count} {status}" for status, count in _count(plan).items() if status not in (None, "done")]
    return f"{plan.to_do} ({', '.join(before)} before)" if before else f"{plan.to_do}"


def _source(plan: Planned) -> str:
    """Where the cost is from."""
    if plan.cost is None:
        return "-"
    return f"{plan.like} like it" if plan.like else "a few steps"


def _total(plans: Sequence[Planned]) -> str:
    runs, to_do = sum(len(plan.statuses) for plan in plans), sum(plan.to_do for plan in plans)
    known = [plan.seconds for plan in plans if plan.seconds is not None]
    mib = [plan.cost.mib for plan in plans if plan.cost and plan.cost.mib is not None]
    parts = [f"{runs} run{'s' * (runs != 1)}: {sum(_count(plan)['done'] for plan in plans)} done, {to_do} to do"]
    if to_do and known:
        parts.append(f"{'' if len(known) == len(plans) else 'at least '}{duration(sum(known))} one after the other")
    if mib:
        parts.append(f"tensors of {four_digits(max(mib))} MiB at most")
    return ", ".join(parts)
