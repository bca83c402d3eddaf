"""The tables of `bench tune`: scores before and after, what that cost, and what fewer trials would have found."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.results.row import Row
from bench.results.trial import Trial
from bench.stats.expected_best import expected_best
from bench.stats.scale import Scale
from bench.tables.fitted import Field, lines
from bench.tables.formats import four_digits, score_with_interval, three_digits, with_prefix
from bench.tables.tabulate import tabulate


@dataclass(frozen=True)
class Tuned:
    """A cell tuned on a task: its `trials`, the `best` of them on valid, and the runs at the end, of its `default`
    options and of the `tuned` ones, one a seed."""

    task: str
    cell: str
    metric: str
    scale: Scale
    budget: str
    trials: Sequence[Trial]
    best: Trial | None
    default: Sequence[Row]
    tuned: Sequence[Row]

    @property
    def is_done(self) -> bool:
        """Whether a trial has a score, and all runs at the end are done."""
        return self.best is not None and all(row.status == "done" for row in (*self.default, *self.tuned))


def best_of(trials: Sequence[Trial], scale: Scale) -> Trial | None:
    """The first of the trials with the best score; None where none has a score."""
    scored = [trial for trial in trials if trial.score is not None]
    sign = 1 if scale.direction == "max" else -1
    return max(scored, key=lambda trial: sign * trial.score, default=None)  # type: ignore[operator]


def to_frame(found: Sequence[Tuned]) -> pd.DataFrame:
    """A row a cell and task: `trials`, how many `failed` (have no score), the runs at the end and their `seconds` and
    `tokens` with those of the trials, the chosen `options`, and for `default` and `tuned` the score on test with its
    interval, the mean on valid and the rank."""
    rows = []
    for each in found:
        row = {"task": each.task, "cell": each.cell, "metric": each.metric, "budget": each.budget, **_cost(each)}
        row |= {"options": each.best.words if each.best else None, "best_valid": each.best.score if each.best else None}
        for name, runs in (("default", each.default), ("tuned", each.tuned)):
            row |= _scores(name, runs)
        rows.append(row)
    frame = pd.DataFrame(rows)
    for name in ("default", "tuned"):
        sign = [-1 if each.scale.direction == "max" else 1 for each in found]
        ranks = (frame[f"{name}_score"] * sign).groupby(frame["task"]).rank(method="min")
        frame[f"{name}_rank"] = ranks.astype("Int64")
    return frame


def _cost(each: Tuned) -> dict[str, Any]:
    """What the trials and the runs at the end took; of a run at the end no tokens are known but by its trials."""
    runs = [*each.default, *each.tuned]
    return {
        "trials": len(each.trials),
        "failed": sum(trial.score is None for trial in each.trials),
        "runs": len(each.trials) + len(runs),
        "trial_seconds": math.fsum(trial.seconds for trial in each.trials),
        "seconds": math.fsum([*(trial.seconds for trial in each.trials), *(run.seconds or 0.0 for run in runs)]),
        "trial_tokens": sum(trial.tokens for trial in each.trials),
    }


def _scores(name: str, runs: Sequence[Row]) -> dict[str, Any]:
    """The score of the runs of one lot of options, by column."""
    row = _rows(tabulate(runs))[0] if runs else {}
    figures = {"score": "score", "low": "ci_low", "high": "ci_high", "valid": "valid", "seeds": "seeds"}
    return {f"{name}_{column}": row.get(source, math.nan) for column, source in figures.items()}


def curves(found: Sequence[Tuned]) -> pd.DataFrame:
    """For each cell, task and number of `trials`: the best score on valid `so_far`, in the order of the trials, and the
    best `expected` of so many independent ones. A trial without a score counts as the worst of the task's."""
    rows = []
    for each in found:
        alike = [trial.score for other in found if other.task == each.task for trial in other.trials]
        known = [score for score in alike if score is not None]
        if not known:
            continue
        worst, best = (min, max) if each.scale.direction == "max" else (max, min)
        scores = [worst(known) if trial.score is None else trial.score for trial in each.trials]
        for count in range(1, len(scores) + 1):
            expected = expected_best(scores, count, each.scale.direction)
            place = {"task": each.task, "cell": each.cell, "trials": count}
            rows.append({**place, "so_far": best(scores[:count]), "expected": expected})
    return pd.DataFrame(rows, columns=["task", "cell", "trials", "so_far", "expected"])


def trials_of(found: Sequence[Tuned]) -> pd.DataFrame:
    """A row a trial: its values, a column each, its score on valid, its run and what that cost."""
    return pd.DataFrame(
        {"task": each.task, "cell": each.cell, "trial": number, **trial.values}
        | {key: value for key, value in trial._asdict().items() if key != "values"}
        for each in found
        for number, trial in enumerate(each.trials, 1)
    )


def to_text(found: Sequence[Tuned], independent: bool, width: int | None = None) -> str:
    """The tables for a screen of some `width`, a block a task. `independent`: no trial was drawn by earlier ones, so
    that what fewer would have found can be told."""
    blocks = []
    for task in dict.fromkeys(each.task for each in found):
        part = [each for each in found if each.task == task]
        parts = [_scores_text(part, width), _cost_text(part, width), _curve_text(part, independent, width)]
        blocks.append("\n\n".join("\n".join(lines) for lines in parts if lines))
    return "\n\n".join(blocks)


def _scores_text(part: Sequence[Tuned], width: int | None) -> list[str]:
    frame, first = to_frame(part), part[0]
    better = "higher" if first.scale.direction == "max" else "lower"
    seeds = ", ".join(str(row.seed) for row in first.default)
    fields = [Field("cell", [*frame["cell"]], left=True)]
    for name in ("default", "tuned"):
        scores = zip(*(frame[f"{name}_{end}"] for end in ("score", "low", "high")), strict=True)
        texts = ["-" if math.isnan(score) else score_with_interval(score, low, high) for score, low, high in scores]
        fields += [Field(name, texts, left=True), Field("rank", [*map(_count, frame[f"{name}_rank"])])]
    fields.append(Field("options", ["-" if each.best is None else each.best.words for each in part], left=True))
    chosen = f"{len(first.trials)} trials each, chosen on valid; test over the seeds {seeds}"
    head = [f"{first.task}: {first.metric}, {better} is better", f"budget {first.budget}; {chosen}"]
    remarks = [
        _ranks(frame),
        *(line for each, row in zip(part, _rows(frame), strict=True) for line in _doubts(each, row)),
    ]
    return [*_folded(head, width), *lines(fields, width)[0], *_folded(remarks, width)]


def _ranks(frame: pd.DataFrame) -> str:
    """The ranks that tuning changed."""
    pairs = [(row["cell"], row["default_rank"], row["tuned_rank"]) for row in _rows(frame)]
    changed = [f"{cell} {before} to {now}" for cell, before, now in pairs if not pd.isna(now) and before != now]
    return f"ranks that changed: {', '.join(changed) or 'none'}"


def _doubts(each: Tuned, row: Mapping[str, Any]) -> Iterator[str]:
    """A line where the default is better, and one where trials have no score."""
    if each.scale.better(row["default_valid"], row["tuned_valid"]):
        yield f"{each.cell}: the default is better on valid, {four_digits(row['default_valid'])}; more trials may tell"
    if failed := [trial for trial in each.trials if trial.score is None]:
        those = f"{len(failed)} of its trials have no score" if each.best else "no trial has a score, so none is chosen"
        yield f"{each.cell}: {those}; the first: {failed[0].status}, {failed[0].reason}"


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dict("records")  # type: ignore[return-value]


def _cost_text(part: Sequence[Tuned], width: int | None) -> list[str]:
    frame = to_frame(part)
    total = frame[["runs", "seconds", "trial_tokens"]].sum()
    fields = [
        Field("cell", [*frame["cell"], "all"], left=True),
        Field("trials", [*map(str, frame["trials"]), str(frame["trials"].sum())]),
        Field("without a score", [*map(str, frame["failed"]), str(frame["failed"].sum())]),
        Field("runs", [*map(str, frame["runs"]), str(int(total["runs"]))]),
        Field("seconds", [*map(three_digits, frame["seconds"]), three_digits(total["seconds"])]),
        Field("tokens of trials", [*map(with_prefix, frame["trial_tokens"]), with_prefix(total["trial_tokens"])]),
    ]
    return ["cost, with the runs at the end", *lines(fields, width)[0]]


def _curve_text(part: Sequence[Tuned], independent: bool, width: int | None) -> list[str]:
    """The best score on valid by the number of trials, at powers of two and at all."""
    frame = curves(part)
    if frame.empty:
        return []
    column = "expected" if independent else "so_far"
    table = frame.pivot(index="cell", columns="trials", values=column).reindex([*frame["cell"].unique()])
    counts = [int(count) for count in table.columns]
    shown = [count for count in counts if count & (count - 1) == 0 or count == counts[-1]]
    fields = [Field("trials", [*table.index], left=True)]
    fields += [Field(str(count), [*map(four_digits, table[count])]) for count in shown]
    expected = "best on valid that so many trials find, in expectation"
    head = (
        expected if independent else "best on valid so far, in the order of the trials, each drawn by those before it"
    )
    return [*_folded([head], width), *lines(fields, width)[0]]


def _count(value: Any) -> str:
    return "-" if pd.isna(value) else str(value)


def _folded(texts: Sequence[str], width: int | None) -> list[str]:
    return [line for text in texts for line in (textwrap.wrap(text, width) if width else [text])]
