"""Stored runs of two sides, for tests of comparisons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from factories import a_record, a_score, publish

from bench.results.store import Store

ALIKE = (0.50, 0.61, 0.43, 0.58, 0.47, 0.55, 0.52, 0.49)
BETTER = tuple(score + 0.3 + place / 100 for place, score in enumerate(ALIKE))


def runs_of(results: Path, cell: str, scores: dict[int, float] | tuple[float, ...], **changes: Any) -> None:
    """Runs of a cell on the copy task, with a test score for each seed; `labels` in `changes` replace some."""
    by_seed = scores if isinstance(scores, dict) else dict(enumerate(scores))
    labels = {**a_record().labels, "cell": cell, **changes.pop("labels", {})}
    metric = changes.pop("metric", {})
    for seed, score in by_seed.items():
        base = f"{labels['task']}_{cell}_{labels['budget']}_{abs(hash(str(changes)))}_s{seed}".replace(" ", "-")
        found = {"metric": {**a_score(score), **metric}, "labels": labels, "seed": seed, **changes}
        publish(Store(results), base, **found)
