"""Forecasting: predict the next values of a time series from its values so far.

Data card. At each step the model reads the series' values and forecasts the next `horizon` values of its target, all at
once (the direct strategy: forecasts are not fed back). Series, by `source`:

- `mackey_glass`: the delay equation of Mackey & Glass 1977 with delay `tau`, integrated as in `common.tables.dynamics`
  and sampled every `stride` time units. tau = 17 and forecasts 6 time units ahead are the usual choice.
- `narma10`: the system of Atiya & Parlos 2000. The input is the noise that drives the system. The target is the
  system's response one step later, which the model never reads; `horizon` is 1.
- the path of a CSV file, a row for each time step. Separator, decimal sign and header are found out where the file
  leaves no choice, else refused and asked for (`separator`, `decimal`, `header`). A column of dates, found by its
  content or named by `date`, orders the rows, which are taken as equally spaced. The model reads `columns` (null: all
  except dates, texts, and counters such as row numbers and years) and forecasts `predict` (null: the first of
  `columns`, else the only column left). `spec.notes` say what is forecast from what, and what is doubtful in the file;
  `spec.source` gives the number of rows with a missing value. With `gaps=interpolate` missing values are filled in, and
  steps that read or forecast one are not scored. Examples are the yearly sunspots and the weekly CO2 of Mauna Loa in
  statsmodels (public domain).

With `difference`, for series with a trend, the model reads changes from step to step, and forecasts the changes from
now to each of the next steps. Inputs and targets are normalised by mean and standard deviation of train, so that scores
are the same in any unit; an input that is constant in train is left out.

Splits: contiguous in time, in the order train, valid, test, cut at the fractions `splits`; no value is forecast in two
splits. A window has `context` steps that are read but not scored, then `length` scored steps. In valid and test the
context may reach back into the split before, since the past is known at the time of a forecast. Windows begin at any
step in train; in valid and test each step is scored once. Fingerprint: SHA-256 of the file; none for generated series.

Metric: NRMSE, the root of the mean squared error over all forecast values of a split, divided by the standard deviation
of these values (around the mean in train of each of the `horizon` next values). `rmse` is in the data's unit, and
`rmse_last` is the error of the last of the `horizon` values. Chance is the train mean as the forecast, about 1.
Baselines, scored on test, or on valid without a test split: `naive`, the last value (no change); `seasonal_naive`, the
value one `period` before the forecast one (the change since then); `linear`, least squares from the inputs of a step
and its context, fitted to train; of many columns the target's own past first, and at most 1,000 numbers in all.

Audit (`bench check task=forecast --audit`, a GRU of 32 units, 300 steps), nrmse: with shuffled labels 0.9959 (the best
constant 1); in order 0.0756, from the end 1.003, in random order 0.9996. Of 15 sequences of test 0% are in train and
13.3% near one of it, as 52.1% of train are near others.

Audit (`bench check task=narma10 --audit`, a GRU of 32 units, 300 steps), nrmse: with shuffled labels 1.001 (the best
constant 1.003); in order 0.3899, from the end 0.8914, in random order 0.892. Of 30 sequences of test none is in train
or near one of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from bench.api import Batch, DataError, Features, Metric, SeriesTask, Split, TaskSpec

from .common.tables.dialect import WrittenAs
from .common.tables.scaling import constants, deviation, scaled
from .common.tables.series import GENERATED, Gaps, Series, generated, read_series
from .common.tables.windows import Windows, autoregression, fit_note, scored_steps


class Forecast(SeriesTask):
    """The next `horizon` values of `source`, from windows of `context + length` steps.

    `steps`, `tau` and `stride` are for generated series; `columns` and the options after it are for CSV files, with
    `checksum` the SHA-256 of the file. Raises ValueError for options out of range, DataError for unusable data.
    """

    picture = "line"

    def __init__(
        self,
        source: str = "mackey_glass",
        horizon: int = 1,
        context: int = 20,
        length: int = 30,
        splits: Sequence[float] = (0.7, 0.15, 0.15),
        period: int | None = None,
        difference: bool = False,
        steps: int = 3000,
        tau: float = 17.0,
        stride: int = 6,
        columns: Sequence[str] | None = None,
        predict: str | None = None,
        date: str | None = None,
        gaps: Gaps = "interpolate",
        separator: str | None = None,
        decimal: str | None = None,
        header: bool | None = None,
        checksum: str | None = None,
    ) -> None:
        for name, value, least in (("horizon", horizon, 1), ("context", context, 0), ("length", length, 1)):
            if value < least:
                raise ValueError(f"task.{name}={value} must be at least {least}")
        if period is not None and period < 1:
            raise ValueError(f"task.period={period} must be at least 1, or null")
        written = WrittenAs.of(separator, decimal, header)
        if source in GENERATED:
            series = generated(source, steps, tau, stride, horizon)
        else:
            series = read_series(source, columns, predict, date, gaps, checksum, written)
        ranges = scored_steps(len(series.target), splits, horizon, context, length, series.origin)
        train = ranges["train"]
        inputs_NF, targets_NC = _inputs(series, difference), _targets(series, horizon, difference)
        known_NC = targets_NC[train.start : train.stop]
        sizes_F = np.abs(series.inputs[: train.stop]).max(0)
        normal_NF, kept = scaled(inputs_NF, train.stop, sizes_F)
        self._scale = deviation(known_NC - known_NC.mean(0), np.abs(series.target[: train.stop]).max())
        if not self._scale or not {series.place} <= {*kept, None}:
            what = "its changes are" if difference else "it is"
            raise DataError(f"{series.origin}: {what} constant in train; there is nothing to forecast")
        self._known = float(known_NC[:, 0].mean())
        self._read: tuple[float, float] | None = None  # mean and deviation of the only input, where it is the target
        if kept == [series.place] and not difference:
            column = inputs_NF[: train.stop, kept[0]]
            self._read = float(column.mean()), deviation(column - column.mean(), sizes_F[kept[0]])
        self._windows = Windows(
            inputs=_tensor(normal_NF),
            targets=_tensor((targets_NC - known_NC.mean(0)) / self._scale),
            weight=_tensor(_weight(series.real, horizon)),
            steps=ranges,
            context=context,
            length=length,
        )
        scored: Split = "test" if ranges["test"] else "valid"
        notes = [*series.notes, *constants(series.names, kept)]
        for split in ranges:
            if ranges[split] and not self._weight(split).any():
                raise DataError(
                    f"{series.origin}: every step of {split} reads or foresees a missing value; fill them in"
                )
            wanted = self._windows.targets[ranges[split].start : ranges[split].stop][self._weight(split) > 0]
            if ranges[split] and not wanted.max() > wanted.min():
                notes.append(f"what is to be forecast in {split} is constant: nrmse is infinite there")
        target = None if series.place is None else kept.index(series.place)
        names = [series.names[place] for place in kept]
        forecasts = {"linear": autoregression(self._windows, scored, target)}
        if series.place is not None:
            for name, season in {"naive": None, **({"seasonal_naive": period} if period else {})}.items():
                ahead_NC = _repeated(series.target, ranges[scored], horizon, season, difference)
                forecasts[name] = (ahead_NC - known_NC.mean(0)) / self._scale
        self._spec = TaskSpec(
            id="narma10-v1" if source == "narma10" else "forecast-v1",
            inputs=Features(len(kept)),
            outputs=horizon,
            reads="every_step",
            metric=Metric(
                name="nrmse",
                unit="standard deviations",
                direction="min",
                chance=self._nrmse(np.zeros((1, horizon)), scored),
                baselines={name: self._nrmse(forecasts[name], scored) for name in sorted(forecasts)},
                lowest=0.0,
            ),
            source=series.origin,
            licence=series.licence,
            fingerprint=series.fingerprint,
            notes=(*notes, *fit_note(self._windows, names, target)),
        )

    @property
    def spec(self) -> TaskSpec:
        return self._spec

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        return self._windows.batches(split, batch_size, generator)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Squared error `[T, B]`, the mean over the foreseen values, in units of train's variance."""
        return (logits - batch.targets).square().mean(-1)

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Squared errors, of all foreseen values and of the last ones, and what their variance needs."""
        weight_TB1 = batch.weight[..., None]
        error_TBC = (logits - batch.targets).square() * weight_TB1
        return {
            "squared_error": error_TBC.sum(),
            "squared_error_last": error_TBC[..., -1].sum(),
            "sum": (batch.targets * weight_TB1).sum(),
            "square_sum": (batch.targets.square() * weight_TB1).sum(),
            "values": batch.weight.sum() * batch.targets.shape[-1],
            "steps": batch.weight.sum(),
        }

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        values = totals["values"]
        variance = totals["square_sum"] / values - (totals["sum"] / values) ** 2
        mse = totals["squared_error"] / values
        return {
            "nrmse": math.sqrt(mse / variance) if variance > 0 else math.inf,
            "rmse": self._scale * math.sqrt(mse),
            "rmse_last": self._scale * math.sqrt(totals["squared_error_last"] / totals["steps"]),
        }

    def opening(self) -> Tensor:
        """The context before the first scored step of test, else of valid. ValueError for what cannot be read again."""
        if self._read is None:
            raise ValueError("reads other columns than it forecasts, or changes; only one plain column goes on")
        steps = self._windows.steps["test"] or self._windows.steps["valid"]
        return self._windows.inputs[max(0, steps.start - max(1, self._windows.context)) : steps.start]

    def following(self, logits_C: Tensor, temperature: float, generator: Generator | None) -> Tensor:
        """The forecast of the next value, as an input. It is a number and no draw: the temperature changes nothing."""
        mean, spread = self._read or (0.0, 1.0)
        return (logits_C[:1] * self._scale + self._known - mean) / spread

    def shown(self, inputs_TF: Tensor) -> Tensor:
        mean, spread = self._read or (0.0, 1.0)
        return inputs_TF * spread + mean

    def lines(self, shown_TF: Tensor) -> Sequence[str]:
        return [f"{value:.6g}" for value in shown_TF[:, 0].tolist()]

    def _weight(self, split: Split) -> Tensor:
        return self._windows.weight[self._windows.steps[split].start : self._windows.steps[split].stop]

    def _nrmse(self, forecast_NC: np.ndarray, split: Split) -> float:
        """The metric of a forecast of normalised targets, at the steps of a split."""
        steps = self._windows.steps[split]
        scored_N = self._weight(split).numpy() > 0
        wanted_NC = self._windows.targets[steps.start : steps.stop].double().numpy()
        error_NC = (wanted_NC - forecast_NC)[scored_N]
        deviation = wanted_NC[scored_N].std()
        return float(math.sqrt(np.square(error_NC).mean()) / deviation) if deviation > 0 else math.inf


def _inputs(series: Series, difference: bool) -> np.ndarray:
    """What is read, `[N, F]`: values, or changes since the step before (0 at first)."""
    if difference:
        return np.diff(series.inputs, axis=0, prepend=series.inputs[:1])
    return series.inputs


def _targets(series: Series, horizon: int, difference: bool) -> np.ndarray:
    """What is foreseen at each step, `[N, horizon]`; beyond the end, where no step is scored, the last value again."""
    padded = np.concatenate([series.target, np.repeat(series.target[-1:], horizon)])
    ahead_NC = np.lib.stride_tricks.sliding_window_view(padded[1:], horizon)
    return ahead_NC - series.target[:, None] if difference else ahead_NC


def _weight(real: np.ndarray, horizon: int) -> np.ndarray:
    """1 where all that a step reads and foresees is real; a step before a gap's end would read what lies ahead."""
    padded = np.concatenate([real, np.zeros(horizon, bool)])
    return real & np.lib.stride_tricks.sliding_window_view(padded[1:], horizon).all(axis=1)


def _repeated(y_N: np.ndarray, steps: range, horizon: int, period: int | None, difference: bool) -> np.ndarray:
    """The forecasts `[steps, horizon]` that repeat the last value or, with a period, the last season."""
    at, forecasts = np.array(steps), []
    for ahead in range(1, horizon + 1):
        back = ahead if period is None else period * math.ceil(ahead / period)
        start = at if period is None else at - back  # from which the change is repeated
        if start.min() < 0:
            raise ValueError(f"task.period={period} reaches back beyond the beginning of the series; set it smaller")
        forecasts.append(y_N[at + ahead - back] - (y_N[start] if difference else 0))
    return np.stack(forecasts, axis=1)


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
