"""Anomaly detection by forecast error: values that a model cannot forecast are suspect.

Data card. A model learns to forecast the next value of a normal series; the larger its squared error at a step, the
more suspect is the value. The series is that of Mackey & Glass (`tasks.common.dynamics`, tau 17, a value every 6 time
units) plus white noise with `noise` of the series' standard deviation. The first half is train, without anomalies; a
quarter each is valid and test. These have an anomaly about every `spacing` steps, and labels at all its steps:

- spike: one value is off by one standard deviation, in either direction;
- stuck: six values repeat the value before them;
- cut: six values come from another time of the series.

All anomalous values are within or near the usual range; only their place is wrong. Normal values up to 20 steps after
an anomaly are not scored, since their forecasts use anomalous inputs. Windows, normalisation and `context` are those of
`tasks.common.windows`. Generated, no licence needed; train, valid and test are consecutive parts of one series.

Metric: average precision, the area under the curve of precision over recall for all alarm thresholds. It is computed
from counts of normal and anomalous steps in 96 bins of the squared error, each a twelfth of a decade wide. `precision`,
`recall` and `f1` are for a fixed threshold: an error above `alarm` standard deviations of the noise. Chance is the
train mean as the forecast; it is above the share of anomalous steps, since spikes may leave the range. Baselines:
`naive`, the last value as the forecast, and `linear`, least squares from a step and its context.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from bench.api import Batch, Features, Metric, Split, Task, TaskSpec

from .common.dynamics import mackey_glass
from .common.windows import Windows, autoregression, scored_steps

_SEED = 1_000_003
_SPLITS = (0.5, 0.25, 0.25)
_LONG = 6  # steps that a stuck value or a cut lasts
_RECOVERY = 20  # steps after an anomaly that are not scored
_EDGES = torch.logspace(-6, 2, 97, dtype=torch.float64)[1:-1].float()  # of bins of the squared error


class Anomaly(Task):
    """`steps` values with `noise`, and in valid and test an anomaly about every `spacing` steps.

    `alarm` is the fixed threshold in standard deviations of the noise. Raises ValueError for options out of range.
    """

    def __init__(
        self,
        steps: int = 4000,
        noise: float = 0.1,
        spacing: int = 50,
        alarm: float = 4.0,
        context: int = 20,
        length: int = 30,
    ) -> None:
        for name, value, least in (("steps", steps, 1000), ("spacing", spacing, 40), ("context", context, 1)):
            if value < least:
                raise ValueError(f"task.{name}={value} must be at least {least}")
        if not (noise > 0 and alarm > 0):
            raise ValueError(f"task.noise={noise:g} and task.alarm={alarm:g} must be above 0")
        ranges = scored_steps(steps, _SPLITS, 1, context, length, "the series")
        generator = Generator().manual_seed(_SEED)
        clean_N = mackey_glass(steps, stride=6)
        clean_N = (clean_N - clean_N[: ranges["train"].stop].mean()) / clean_N[: ranges["train"].stop].std()
        clean_N = clean_N + noise * torch.randn(steps, generator=generator, dtype=torch.float64).numpy()
        y_N, label_N = _disturbed(clean_N, int(steps * _SPLITS[0]), spacing, generator)
        self._threshold = (alarm * noise) ** 2
        self._windows = Windows(
            inputs=torch.from_numpy(y_N[:, None]).float(),
            targets=torch.from_numpy(np.stack([np.roll(y_N, -1), np.roll(label_N, -1)], axis=1)).float(),
            weight=torch.from_numpy(np.roll(_scored(label_N), -1)).float(),
            steps=ranges,
            context=context,
            length=length,
        )
        test = slice(ranges["test"].start, ranges["test"].stop)
        forecasts = {"naive": y_N[test, None], "linear": autoregression(self._windows, "test")[:, :1]}
        metric = Metric(
            name="average_precision",
            unit="share",
            direction="max",
            chance=self._score(np.zeros((len(ranges["test"]), 1))),
            solved=1.0,
            baselines={name: self._score(forecast) for name, forecast in forecasts.items()},
        )
        origin = "generated; Mackey & Glass 1977, with noise and anomalies"
        self._spec = TaskSpec("anomaly-v1", Features(1), 1, "every_step", metric, origin, "none needed")

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

    def _score(self, forecast_N1: np.ndarray) -> float:
        """The metric of a forecast of test's steps."""
        windows = self._windows
        at = slice(windows.steps["test"].start, windows.steps["test"].stop)
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
