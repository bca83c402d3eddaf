"""The learning curve of a run: a row at every validation."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Curve:
    """Rows of progress and scores; a task may have scores that not all rows have."""

    rows: list[dict[str, float]] = field(default_factory=list)

    def add(self, progress: dict[str, float], scores: dict[str, float]) -> None:
        """Append a row of progress and of scores on the validation split."""
        self.rows.append({**progress, **{f"valid_{name}": value for name, value in scores.items()}})

    def write(self, path: Path) -> None:
        """Write the rows as CSV; without rows, no file. OSError as it comes."""
        if self.rows:
            columns = dict.fromkeys(name for row in self.rows for name in row)
            with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
                writer = csv.DictWriter(file, fieldnames=list(columns))
                writer.writeheader()
                writer.writerows(self.rows)
