"""`bench diagnose`: what goes on in a stored run's model over time, in tables and plots beside the runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from torch import Generator

from bench.api import Batch, Task
from bench.config.schema import ClipConfig
from bench.diagnosis import clipping, gates, gradient_norms, jacobians, lyapunov, reach, steps_until
from bench.errors import ConfigError, DataError
from bench.job.reload import Reloaded, reload
from bench.model.sequence import SequenceModel
from bench.report.plots import PLOTS, draw
from bench.results.files import write_atomic, writing
from bench.results.names import CURVE
from bench.results.store import Store

Tables = dict[str, pd.DataFrame]


def diagnose(model: SequenceModel, task: Task, batch: Batch) -> Iterator[tuple[str, pd.DataFrame | ConfigError]]:
    """Yield each table of `bench.diagnosis` over a batch, by name, or why it cannot be made.

    `model` is changed to float64, in which a gradient that vanishes can be told from zero.
    """
    model.double()
    tables: dict[str, Callable[[], pd.DataFrame]] = {
        "gradient": lambda: gradient_norms(model, task, batch),
        "jacobian": lambda: jacobians(model, batch),
        "lyapunov": lambda: lyapunov(model, batch),
        "gates": lambda: gates(model, batch),
        "memory": lambda: reach(model, batch),
    }
    for name, table in tables.items():
        try:
            yield name, table()
        except ConfigError as error:
            yield name, error


def diagnose_run(run: str, results_dir: str, lanes: int = 8, untrained: bool = False) -> Iterator[str]:
    """Write `<table>.csv` and `<table>.png` of a run to `<results_dir>/diagnosis/<id>`; yield a line about each.

    The batch is the first of `lanes` sequences of the task's valid split. `untrained` looks at the weights that the run
    began from, and writes to `<id>-untrained`. A run's own folder is never changed. Raises StoreError, ConfigError and
    DataError as reading a run does.
    """
    if lanes < 1:
        raise ConfigError(f"--lanes={lanes}: must be 1 or more")
    stored = Store(results_dir).resolve(run)
    reloaded = reload(stored, trained=not untrained)
    folder = Path(results_dir) / "diagnosis" / (reloaded.record.id + "-untrained" * untrained)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, table in _tables(reloaded, stored, lanes, untrained):
        if isinstance(table, ConfigError):
            yield f"{name:9} left out: {table}"
        elif table.empty:
            yield f"{name:9} left out: {_NOTHING[name]}"
        else:
            with writing(folder):
                write_atomic(folder / f"{name}.csv", table.to_csv(index=False))
                draw(name, table, folder / f"{name}.png")
            yield f"{name:9} {SUMMARIES[name](table)}"
    yield f"wrote {folder}"


def _tables(
    reloaded: Reloaded, stored: Path, lanes: int, untrained: bool
) -> Iterator[tuple[str, pd.DataFrame | ConfigError]]:
    record, config, task, model = reloaded.record, reloaded.config, reloaded.task, reloaded.model
    if task.spec.reads == "sequence":
        raise ConfigError(f"{record.id} reads a whole sequence before it writes one; choose a run of another task")
    batch = next(task.batches("valid", lanes, Generator().manual_seed(0)), None)
    if batch is None:
        raise DataError(f"{task.spec.id} has an empty valid split")
    yield from diagnose(model, task, batch)
    if not untrained and (stored / CURVE).is_file():
        yield "clipping", _clipping(stored / CURVE, config.clip)


def _clipping(path: Path, clip: ClipConfig) -> pd.DataFrame | ConfigError:
    for name in ("value", "adaptive"):
        if getattr(clip, name, None) is not None:
            return ConfigError(f"the run clips by clip.{name}, after which its record does not say what is left")
    return clipping(pd.read_csv(path), clip.norm)


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


SUMMARIES: dict[str, Callable[[pd.DataFrame], str]] = {
    "gradient": _gradient,
    "jacobian": _jacobian,
    "lyapunov": _lyapunov,
    "gates": _gates,
    "memory": _memory,
    "clipping": _clipped,
}
_NOTHING = {"gradient": "no step of the batch lies before one that is scored", "gates": "the cell has no sigmoid"}
assert SUMMARIES.keys() == PLOTS.keys()
