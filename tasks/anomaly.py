"""Anomaly detection by forecast error: values that a model cannot forecast are suspect.

Data card. A model learns to forecast the next value of a normal series; the larger its squared error at a step, the
more suspect is the value. Series, by `source`:

- `generated`: that of Mackey & Glass (`common.tables.dynamics`, tau 17, a value every 6 time units) plus white noise
  with `noise` of the series' standard deviation. Train has no anomalies; valid and test have one about every `spacing`
  steps: a spike (one value is off by one standard deviation, in either direction), a stuck value (six values repeat
  the value before them), or a cut (six values come from another time of the series). All anomalous values are within
  or near the usual range; only their place is wrong.
- the path of a CSV file, read as in `tasks.forecast`, with labels in the column `label` (0 normal, 1 anomalous; null:
  the column that is named so), or with `windows`, a JSON file of first and last times as that of the Numenta Anomaly
  Benchmark (Lavin & Ahmad 2015), in which the file's name is looked up. Anomalous values of train are not learned from.
  A split without anomalies is refused. Fingerprint: SHA-256 of the files.

Normal values up to 20 steps after an anomaly are not scored, since their forecasts use anomalous inputs. Windows,
normalisation and `context` are those of `common.tables.windows`; train, valid and test (`splits`) are consecutive parts
of one series.

Metric: average precision, the area under the curve of precision over recall for all alarm thresholds. It is computed
from counts of normal and anomalous steps in 96 bins of the squared error, each a twelfth of a decade wide. `precision`,
`recall` and `f1` are for a fixed threshold: an error above `alarm` standard deviations of the noise; in a file, of the
errors of the linear forecast in train. Chance is the train mean as the forecast; it is above the share of anomalous
steps, since spikes may leave the range. Baselines: `naive`, the last value as the forecast, and `linear`, least squares
from a step and its context.

Audit (`bench check task=anomaly --audit`, a GRU of 32 units, 300 steps), average precision: with shuffled labels 0.23
(the best constant 0.2314); in order 0.806, from the end 0.2312, in random order 0.2305. Of 34 sequences of test none is
in train or near one of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from bench.api import Batch, DataError, Features, Metric, Split, Task, TaskSpec

from .common.fractions import check_fractions
from .common.tables.dialect import WrittenAs
from .common.tables.dynamics import mackey_glass
from .common.tables.labels import read_labelled
from .common.tables.scaling import constants, scaled
from .common.tables.series import Series
from .common.tables.windows import Windows, autoregression, fit_note, scored_steps

_SEED = 1_000_003
_LONG = 6  # steps that a stuck value or a cut lasts
_RECOVERY = 20  # steps after an anomaly that are not scored
_EDGES = torch.logspace(-6, 2, 97, dtype=torch.float64)[1:-1].float()  # of bins of the squared error


class Anomaly(Task):
    """The series `source`: generated, with an anomaly about every `spacing` steps in valid and test, or a CSV file.

    `steps`, `noise` and `spacing` are for the generated series; `columns` and the options after it for a file. `alarm`
    is the fixed threshold in standard deviations of the noise. Raises ValueError for options out of range, DataError
    for unusable data.
    """

    def __init__(
        self,
        source: str = "generated",
        steps: int = 4000,
        noise: float = 0.1,
        spacing: int = 50,
        alarm: float = 4.0,
        splits: Sequence[float] = (0.5, 0.25, 0.25),
        context: int = 20,
        length: int = 30,
        columns: Sequence[str] | None = None,
        predict: str | None = None,
        label: str | None = None,
        windows: str | None = None,
        date: str | None = None,
        separator: str | None = None,
        decimal: str | None = None,
        header: bool | None = None,
        checksum: str | None = None,
    ) -> None:
        for name, value, least in (("steps", steps, 1000), ("spacing", spacing, 40), ("context", context, 1)):
            if value < least:
                raise ValueError(f"task.{name}={value} must be at least {least}")
        if not (noise > 0 and alarm > 0):
            raise ValueError(f"task.noise={noise:g} and task.alarm={alarm:g} must be above 0")
        written = WrittenAs.of(separator, decimal, header)
        if source == "generated":
            series, label_N = _generated(steps, noise, spacing, splits)
        else:
            series, label_N = read_labelled(source, columns, predict, date, label, windows, checksum, written)
        ranges = scored_steps(len(label_N), splits, 1, context, length, series.origin)
        self._windows, kept = _windows(series, label_N, ranges, context, length)
        target = kept.index(series.place or 0)
        scored: Split = "test" if ranges["test"] else "valid"
        if source == "generated":
            self._threshold = (alarm * noise) ** 2
        else:
            self._threshold = alarm**2 * self._residual(target)
        at = slice(ranges[scored].start, ranges[scored].stop)
        y_N = self._windows.inputs[:, target].double().numpy()
        forecasts = {"naive": y_N[at, None], "linear": autoregression(self._windows, scored, target)[:, :1]}
        metric = Metric(
            name="average_precision",
            unit="share",
            direction="max",
            chance=self._score(np.zeros((len(ranges[scored]), 1)), scored),
            solved=1.0,
            baselines={name: self._score(forecast, scored) for name, forecast in forecasts.items()},
        )
        names = [series.names[place] for place in kept]
        notes = [*series.notes, *constants(series.names, kept), *fit_note(self._windows, names, target)]
        if count := int(label_N[: ranges["train"].stop].sum()):
            notes.append(f"rows of train that are anomalous, and not learned from: {count:,}")
        self._spec = TaskSpec(
            id="anomaly-v1",
            inputs=Features(len(kept)),
            outputs=1,
            reads="every_step",
            metric=metric,
            source=series.origin,
            licence=series.licence,
            fingerprint=series.fingerprint,
            notes=tuple(notes),
        )

    @property
    def spec(self) -> TaskSpec:
        return self._spec

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        """Targets `[T, B, 2]`: the next value, and 1 where it is anomalous."""
        return self._windows.batches(split, batch_size, generator)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Squared error of the forecast, `[T, B]`."""
        return (logits[..., 0] - batch.targets[..., 0]).square()

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Normal and anomalous steps, by bin of their error and those that raise the alarm; normal steps' errors."""
        error_N = self.loss(logits, batch).flatten()
        weight_N = batch.weight.flatten()
        anomalous_N = batch.targets[..., 1].flatten() * weight_N
        normal_N = weight_N - anomalous_N
        bin_N = torch.bucketize(error_N, _EDGES.to(error_N))
        alarm_N = error_N > self._threshold
        counts = {"squared_error": (error_N * normal_N).sum()}
        for name, which_N in (("normal", normal_N), ("anomalous", anomalous_N)):
            counts[f"{name}_alarms"] = (alarm_N * which_N).sum()
            histogram = which_N.new_zeros(len(_EDGES) + 1).index_add(0, bin_N, which_N)
            counts |= {f"{name}_{number:02}": count for number, count in enumerate(histogram)}
        return counts

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        numbers = range(len(_EDGES) + 1)
        normal, anomalous = ([totals[f"{name}_{n:02}"] for n in numbers] for name in ("normal", "anomalous"))
        caught, false = totals["anomalous_alarms"], totals["normal_alarms"]
        precision, recall = _share(caught, caught + false), _share(caught, sum(anomalous))
        return {
            "average_precision": average_precision(normal, anomalous),
            "precision": precision,
            "recall": recall,
            "f1": _share(2 * precision * recall, precision + recall),
            "mse": _share(totals["squared_error"], sum(normal)),
        }

    def _residual(self, target: int) -> float:
        """The mean squared error of the linear forecast over train's normal steps: what `alarm` is measured by."""
        steps = self._windows.steps["train"]
        at = slice(steps.start, steps.stop)
        error_N = autoregression(self._windows, "train", target)[:, 0] - self._windows.targets[at, 0].double().numpy()
        weight_N = self._windows.weight[at].double().numpy()
        return float((np.square(error_N) * weight_N).sum() / weight_N.sum())

    def _score(self, forecast_N1: np.ndarray, split: Split) -> float:
        """The metric of a forecast of a split's steps."""
        windows = self._windows
        at = slice(windows.steps[split].start, windows.steps[split].stop)
        batch = Batch(windows.inputs[at, None], windows.targets[at, None], windows.weight[at, None])
        tally = self.tally(torch.from_numpy(forecast_N1[:, None]).float(), batch)
        return self.scores({name: count.item() for name, count in tally.items()})["average_precision"]


def average_precision(normal: Sequence[float], anomalous: Sequence[float]) -> float:
    """The mean precision over anomalous steps, each at the threshold of its bin; bins from the least error up."""
    found = wrong = area = 0.0
    for misses, hits in zip(reversed(normal), reversed(anomalous), strict=True):
        found, wrong = found + hits, wrong + misses
        area += hits * _share(found, found + wrong)
    return _share(area, found)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _generated(steps: int, noise: float, spacing: int, splits: Sequence[float]) -> tuple[Series, np.ndarray]:
    """The disturbed series, with 0 and 1 the mean and deviation of the clean one in train, and its labels."""
    check_fractions(splits)
    first = int(steps * splits[0])
    generator = Generator().manual_seed(_SEED)
    clean_N = mackey_glass(steps, stride=6)
    known_N = clean_N[: first - 1]
    clean_N = (clean_N - known_N.mean()) / known_N.std()
    clean_N = clean_N + noise * torch.randn(steps, generator=generator, dtype=torch.float64).numpy()
    y_N, label_N = _disturbed(clean_N, first, spacing, generator)
    origin = "generated; Mackey & Glass 1977, with noise and anomalies"
    return Series(y_N[:, None], y_N, np.ones(steps, bool), origin, is_scaled=True), label_N


def _windows(
    series: Series, label_N: np.ndarray, steps: dict[Split, range], context: int, length: int
) -> tuple[Windows, list[int]]:
    """Windows of the next value and its label as targets `[N, 2]`; and the places of the inputs that are read."""
    inputs_NF, kept, known = series.inputs, list(range(series.inputs.shape[1])), steps["train"].stop
    if not series.is_scaled:
        inputs_NF, kept = scaled(inputs_NF, known, np.abs(inputs_NF[:known]).max(0))
    if series.place not in kept:
        raise DataError(f"{series.origin}: it is constant in train; there is nothing to learn")
    y_N = inputs_NF[:, kept.index(series.place)]
    weight_N = np.roll(_scored(label_N) & series.real, -1) & series.real
    weight_N[: steps["train"].stop] &= np.roll(label_N == 0, -1)[: steps["train"].stop]  # normal is what is learned
    for split, range_ in steps.items():
        count = int((np.roll(label_N, -1) * weight_N)[range_.start : range_.stop].sum())
        if range_ and split != "train" and not count:
            rows = np.flatnonzero(label_N) + 1
            where = f"they are rows {rows[0]:,} to {rows[-1]:,} of {len(label_N):,}" if len(rows) else "there are none"
            raise DataError(
                f"{series.origin}: no scored step of {split} is an anomaly ({where}); set task.splits so that valid "
                "and test have some"
            )
    windows = Windows(
        inputs=torch.from_numpy(np.ascontiguousarray(inputs_NF)).float(),
        targets=torch.from_numpy(np.stack([np.roll(y_N, -1), np.roll(label_N, -1)], axis=1)).float(),
        weight=torch.from_numpy(weight_N).float(),
        steps=steps,
        context=context,
        length=length,
    )
    return windows, kept


def _disturbed(y_N: np.ndarray, first: int, spacing: int, generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """The series with something wrong about every `spacing` steps from `first` on, and a label of 1 where it is."""
    disturbed_N, label_N = y_N.copy(), np.zeros(len(y_N))
    at = first + spacing // 2
    while at + _LONG < len(y_N):
        kind, sign, other, shift = (int(torch.randint(n, (), generator=generator)) for n in (3, 2, first, spacing // 2))
        end = at + (1 if kind == 0 else _LONG)
        if kind == 0:
            disturbed_N[at] += 2 * sign - 1
        elif kind == 1:
            disturbed_N[at:end] = disturbed_N[at - 1]
        else:
            other = min(other, first - _LONG)
            disturbed_N[at:end] = y_N[other : other + _LONG]
        label_N[at:end] = 1
        at = end + spacing // 2 + shift
    return disturbed_N, label_N


def _scored(label_N: np.ndarray) -> np.ndarray:
    """True but for normal values that follow an anomaly too closely."""
    padded = np.concatenate([np.zeros(_RECOVERY), label_N[:-1]])
    recent_N = np.lib.stride_tricks.sliding_window_view(padded, _RECOVERY).any(axis=1)
    return (label_N > 0) | ~recent_N
