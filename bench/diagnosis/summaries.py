"""A line about each table of `bench.diagnosis`, and the files of all tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd

from bench.diagnosis.reach import steps_until
from bench.diagnosis.tables import Table
from bench.errors import ConfigError, StoreError
from bench.report.plots import PLOTS, figure
from bench.report.style import save
from bench.results.files import write_atomic, writing


def write(tables: Iterable[Table], folder: Path) -> Iterator[str]:
    """Write each table as `<name>.csv` and its plot as `<name>.png`; yield a line about each, and one of the folder.

    Raises StoreError where the folder cannot be written, but where it cannot be made only after all lines.
    """
    unmade = None
    try:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
    except StoreError as error:
        unmade = error
    for name, table in tables:
        if isinstance(table, ConfigError):
            yield f"{name:9} left out: {table}"
        elif table.empty:
            yield f"{name:9} left out: {_NOTHING[name]}"
        else:
            if unmade is None:
                _write_one(name, table, folder)
            yield f"{name:9} {SUMMARIES[name](table)}"
    if unmade is not None:
        raise unmade
    yield f"wrote {folder}"


def _write_one(name: str, table: pd.DataFrame, folder: Path) -> None:
    with writing(folder):
        write_atomic(folder / f"{name}.csv", table.to_csv(index=False))
        save(figure(name, table), folder / f"{name}.png")


def _gradient(table: pd.DataFrame) -> str:
    top = table[table["layer"] == table["layer"].max()]
    first, last = top.iloc[0], top.iloc[-1]
    return f"of the last layer's state: {first.norm:.2g} one step back, {last.norm:.2g} {int(last.lag)} steps back"


def _jacobian(table: pd.DataFrame) -> str:
    return f"spectral radius {table['radius'].mean():.3g} and norm {table['norm'].mean():.3g} on average"


def _lyapunov(table: pd.DataFrame) -> str:
    mean = table["exponent"].mean()
    trend = "dies out" if mean < 0 else "grows"
    return f"largest exponent {mean:.3g}: a small disturbance {trend}, by a factor of {math.exp(mean):.3g} a step"


def _gates(table: pd.DataFrame) -> str:
    each = table.groupby(["layer", "gate"])["share"]
    return f"{each.first().mean():.1%} of all gates' values are below 0.1, {each.last().mean():.1%} above 0.9"


def _memory(table: pd.DataFrame) -> str:
    if not table["share"].notna().any():
        return "the last output depends on no input"
    found = []
    for share in (0.5, 0.01):
        steps, longest = steps_until(table, share), int(table["lag"].max())
        where = f"from {steps:g} back on" if math.isfinite(steps) else f"nowhere up to {longest} back"
        found.append(f"below {share:.0%} {where}")
    return f"steps at which an input's influence is {', '.join(found)}"


def _clipped(table: pd.DataFrame) -> str:
    share = (table["after"] < table["before"]).mean()
    return f"gradient norm {table['before'].median():.3g} (median); {share:.0%} of the curve's rows were clipped"


def _sentences(table: pd.DataFrame) -> str:
    size = sum(name.startswith("v") for name in table.columns)
    _, one, other = max(zip(table["cosine"], table["sentence"], table["nearest"], strict=True))
    return f"{len(table)} vectors of {size} numbers; nearest: {one!r} and {other!r}"


SUMMARIES: dict[str, Callable[[pd.DataFrame], str]] = {
    "gradient": _gradient,
    "jacobian": _jacobian,
    "lyapunov": _lyapunov,
    "gates": _gates,
    "memory": _memory,
    "clipping": _clipped,
    "sentences": _sentences,
}
_NOTHING = {
    "gradient": "no step of the batch lies before one that is scored",
    "gates": "the cell has no sigmoid",
    "clipping": "the run ended before its first validation",
}
assert SUMMARIES.keys() == PLOTS.keys()
