"""What would make speeds measured on this machine unreliable, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.hardware.contention import of_others
from bench.hardware.load import Gauge, Load, found_in, text_of
from bench.stats.bootstrap import Ratio

_MOST_HALF = 0.02  # of the interval of a ratio that is 1
_CPUS = "devices/system/cpu"


class Advice(NamedTuple):
    """A finding and what to do about it."""

    finding: str
    remedy: str


def advice(gauge: Gauge, idle: Load, threads: int, same: Ratio, marks: dict[str, str]) -> Iterator[Advice]:
    """What was found: `idle` is the load while this process did nothing, `same` an A/A test with its `marks`."""
    busy = [*of_others(idle)]
    for finding in busy:
        yield Advice(finding, "end other work, or let runs wait for a quiet machine: measure.retry=60")
    if not busy and "contended" in marks:
        yield Advice(
            f"while the timer was tested: {marks['contended']}", "run `bench doctor` again, or measure.retry=60"
        )
    if "unsettled" in marks:
        yield Advice(marks["unsettled"], "let the machine cool down, or sample longer: measure.seconds=5")
    yield from against_threads(gauge, threads)
    if slow := governors(gauge.sys) - {"performance"}:
        yield Advice(
            f"the clock's governor is {', '.join(sorted(slow))}: it follows the load",
            "cpupower frequency-set --governor performance",
        )
    if on_battery(gauge.sys):
        yield Advice("the machine runs on its battery", "plug it in")
    if idle["others"] is None:
        yield Advice(
            "this system does not tell what other processes do: only this process's own processor time says",
            "look that nothing else runs",
        )
    half = (same.high - same.low) / 2
    if not same.low <= 1 <= same.high or half > _MOST_HALF:
        yield Advice(
            f"the same work, measured twice, differs by {same.median - 1:+.1%} ±{half:.1%}",
            "take more runs (seeds) than one, and compare within one run of `bench`",
        )


def against_threads(gauge: Gauge, threads: int) -> Iterator[Advice]:
    """What is found where there are more threads than processors that this process may use."""
    if (limit := container_limit(gauge)) is not None and limit < threads:
        yield Advice(
            f"the container may use {limit:g} processors, and hardware.threads={threads}",
            "fewer threads, or a higher limit",
        )
    if threads > gauge.own_cores:
        yield Advice(f"hardware.threads={threads} on {gauge.own_cores} processors", "at most as many threads")


def governors(sys: Path) -> set[str]:
    """How the processors' clocks are governed, where the system says it."""
    return {text_of(path).strip() for path in found_in(sys / _CPUS, "cpu[0-9]*/cpufreq/scaling_governor")} - {""}


def on_battery(sys: Path) -> bool:
    """Whether a battery is being used up."""
    return any(text_of(path).strip() == "Discharging" for path in found_in(sys / "class/power_supply", "BAT*/status"))


def container_limit(gauge: Gauge) -> float | None:
    """How many processors this process's group may use on average; None for no limit."""
    for folder in gauge.groups():
        quota, _, period = text_of(folder / "cpu.max").strip().partition(" ")
        quota = quota or text_of(folder / "cpu.cfs_quota_us").strip()
        period = period or text_of(folder / "cpu.cfs_period_us").strip()
        if quota.isdecimal() and period.isdecimal():
            return int(quota) / int(period)
    return None
