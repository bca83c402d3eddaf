"""The table of a grid of speeds: a row a member, its figures beside those of a baseline."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench.config.tree import written
from bench.errors import ConfigError
from bench.results.speeds import THROUGHPUT, Measured, Speeds, named
from bench.stats.bootstrap import Ratio, ratio_interval
from bench.tables.doubts import legend, signs, united
from bench.tables.fitted import Field, lines
from bench.tables.formats import three_digits, with_prefix

_TITLES = {"step": "µs/step", "call": "µs/call", **{name: f"{name} tok/s" for name in THROUGHPUT}}


def baselines(
    members: Sequence[Mapping[str, Any]], words: str | None, among: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """By the options in which members differ, the baseline of each: the first one, or the one that has the options of
    `words` in the place of its own. Raises ConfigError where none of those it is `among` is that, and for no words.
    """
    if words is None:
        return [among[0]] * len(members)
    if not words.split():  # each would be its own
        raise ConfigError(f"--baseline=: say what the baseline has, as --baseline={named(among[0])!r}")
    asked = dict(word.partition("=")[::2] for word in words.split())
    found = []
    for member in members:
        wanted = _words(member) | asked
        same = [each for each in among if _words(each) == wanted]
        if not same:
            names = "; ".join(map(named, among))
            raise ConfigError(f"--baseline={words}: {named(member)} has no such partner; the members are {names}")
        found.append(same[0])
    return found


def _words(options: Mapping[str, Any]) -> dict[str, str]:
    return {key: written(value) for key, value in options.items()}


def to_frame(speeds: Speeds, baseline: str | None = None) -> pd.DataFrame:
    """A row a member: what varies, `hardware`, `form` over time, `params`, and of each figure F the median `F_us` in
    microseconds a token with its interval (`F_us_low`, `F_us_high`), `F_ratio` of that time to the baseline's with its
    interval, `F_limit_us` at the rate of the machine's large products, where that is known, and `F_marks`. Raises
    ConfigError for a baseline that is not there.
    """
    rows = []
    built = {named(member.varied): member for member in speeds.members}
    for member, base in zip(
        speeds.members, baselines([each.varied for each in speeds.members], baseline, speeds.varied), strict=True
    ):
        row = {"member": member.name, **member.varied}
        row |= {"hardware": member.hardware, "form": member.unroll, "params": member.params}
        for name in speeds.figures:
            row |= _figure(name, member, built.get(named(base)))
        rows.append(row)
    return pd.DataFrame(rows)


def _figure(name: str, member: Measured, base: Measured | None) -> dict[str, object]:
    found, theirs = member.figures.get(name), base.figures.get(name) if base else None
    if found is None:
        return {}
    cells = {f"{name}_us": found["median"], f"{name}_us_low": found["low"], f"{name}_us_high": found["high"]}
    ratio = ratio_of(found["samples"], theirs["samples"]) if theirs else Ratio(math.nan, math.nan, math.nan)
    cells |= {f"{name}_ratio": ratio.median, f"{name}_ratio_low": ratio.low, f"{name}_ratio_high": ratio.high}
    cells |= {f"{name}_limit_us": member.limits[name]} if name in member.limits else {}
    return cells | {f"{name}_marks": united([", ".join(found["marks"]) or None])}


def ratio_of(ours: list[float], theirs: list[float]) -> Ratio:
    """The ratio of times, pair by pair, as far as samples pair up."""
    pairs = min(len(ours), len(theirs))
    return ratio_interval(ours[:pairs], theirs[:pairs])


def to_text(speeds: Speeds, frame: pd.DataFrame, width: int | None = None) -> str:
    """The table for a screen of some `width`: throughput or latency, and the ratio of times to the baseline's."""
    hardware = frame["hardware"].unique()
    varied = dict.fromkeys(key for each in speeds.varied for key in each)
    fields = [Field(key, [written(m.varied.get(key, "-")) for m in speeds.members], left=True) for key in varied]
    if len(hardware) > 1:
        fields.append(Field("hardware", [*frame["hardware"]], left=True, spare=3))
    if frame["form"].notna().any():
        fields.append(Field("form", [*map(_or_dash, frame["form"])], left=True, spare=1, folds=False))
        fields.append(Field("params", [*map(with_prefix, frame["params"])], spare=2))
    shown = ""
    for name in speeds.figures:
        marks = [signs(mark) for mark in frame[f"{name}_marks"]]
        shown += "".join(marks)
        texts = [_speed(name, median) for median in frame[f"{name}_us"]]
        fields.append(Field(_TITLES.get(name, name), [text + sign for text, sign in zip(texts, marks, strict=True)]))
        if len(frame) > 1:
            columns = (f"{name}_ratio", f"{name}_ratio_low", f"{name}_ratio_high")
            fields.append(Field("time / base", [_ratio(*row) for row in zip(*map(frame.get, columns), strict=True)]))
    table, left_out = lines(fields, width)
    head = f"{hardware[0]}; " if len(hardware) == 1 and hardware[0] else ""
    head += f"{'processor' if speeds.clock == 'cpu' else 'wall'} time, medians"
    head += "; base: the time a token of the baseline, paired, with the 95% interval" if len(frame) > 1 else ""
    below = legend(shown) + (
        [f"a wider screen shows {', '.join(left_out)} too; the CSV file has all"] if left_out else []
    )
    return "\n".join([*_folded(head, width), *table, *_folded("; ".join(below), width)])


def _folded(text: str, width: int | None) -> list[str]:
    return textwrap.wrap(text, width) if width else [text] if text else []


def _speed(name: str, microseconds: float) -> str:
    if pd.isna(microseconds):
        return "-"
    return with_prefix(1e6 / microseconds) if name in THROUGHPUT else three_digits(microseconds)


def _ratio(median: float, low: float, high: float) -> str:
    return "-" if pd.isna(median) else str(Ratio(median, low, high))


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
