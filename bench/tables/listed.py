"""Runs in a list on a screen, a row each."""

from __future__ import annotations

import textwrap
from typing import Any

import pandas as pd

from bench.results.draws import settled
from bench.tables.fitted import Field, lines
from bench.tables.formats import one_decimal, score_alone
from bench.tables.shared import without_shared

_SHAREABLE = ("task", "cell", "bptt", "budget", "hardware", "metric")
_SPARE = {"finished": 1, "cell": 2, "valid": 3, "budget": 4, "bptt": 5, "seconds": 6, "hardware": 7}


def listed(runs: pd.DataFrame, width: int) -> str:
    """`runs`, a frame as `find_runs` has it, in lines of at most `width`; what all of them share is in the first."""
    if runs.empty:
        return "no run fits"
    texts = {
        "run": [*runs["id"]],
        **_seeds(runs),
        **{name: _labels(runs[name]) for name in ("cell", "bptt", "budget", "hardware")},
        "status": [*runs["status"]],
        "score": [_score(test, valid) for test, valid in zip(runs["test"], runs["valid"], strict=True)],
        "valid": _figures(runs["valid"], score_alone),
        "seconds": _figures(runs["seconds"], one_decimal),
        "finished": [_time(time) for time in runs["finished"]],
    }
    said = []
    for name in _SHAREABLE:
        values = {*runs[name].dropna()}
        if len(runs) > 1 and len(values) == 1 and name != "cell":
            said.append(f"{name} {values.pop()}")
            texts.pop(name, None)
        elif name in ("cell", "bptt"):
            texts[name], options = without_shared(texts[name])
            said += [f"every {name} with {', '.join(options)}"] if options else []
    left = ("run", "seeds", "cell", "bptt", "budget", "hardware", "status")
    fields = [Field(name, cells, name in left, _SPARE.get(name, 0), name != "run") for name, cells in texts.items()]
    table, left_out = lines(fields, width)
    head = textwrap.wrap("; ".join(said), width) if said else []
    more = f"a wider screen shows {', '.join(left_out)} too; --csv has all" if left_out else ""
    return "\n".join([*head, *table, *textwrap.wrap(more, width)])


def _seeds(runs: pd.DataFrame) -> dict[str, list[str]]:
    """The seeds of the runs, where some were set apart; else the names of the runs say them."""
    draws = [
        settled(seed, data, None if pd.isna(split) else split)
        for seed, data, split in zip(runs["seed"], runs["seed_data"], runs["seed_split"], strict=True)
    ]
    plain = all(drawn.data == drawn.seed and drawn.split is None for drawn in draws)
    return {} if plain else {"seeds": [*map(str, draws)]}


def _labels(column: pd.Series[Any]) -> list[str]:
    return [str(value) for value in column]


def _figures(column: pd.Series[Any], form: Any) -> list[str]:
    return ["-" if pd.isna(value) else form(value) for value in column]


def _score(test: Any, valid: Any) -> str:
    """The score on test; where the test split is empty, that on valid."""
    score = valid if pd.isna(test) else test
    return "-" if pd.isna(score) else score_alone(score)


def _time(time: Any) -> str:
    """When a run ended, to the minute, in the time of this place."""
    return "-" if pd.isna(time) else f"{time.to_pydatetime().astimezone():%Y-%m-%d %H:%M}"
