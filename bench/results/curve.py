"""The learning curve of a run: a row at every validation."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import StoreError
from bench.results.reading import cause, read_regular

if TYPE_CHECKING:
    import pandas as pd

_MOST_BYTES = 2**28


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


def read_curve(path: Path) -> pd.DataFrame:
    """The curve in the file at `path`, numbers in all columns. Raises StoreError, naming it, where it is damaged."""
    import io

    import pandas as pd

    try:
        curve = pd.read_csv(io.BytesIO(read_regular(path, _MOST_BYTES)))
        for column in ("step", "grad_norm"):
            curve[column]
        return curve.astype("float64").astype(curve.dtypes[curve.dtypes == "int64"])
    except OSError as error:
        why = cause(error)
    except KeyError as error:
        why = f"it has no column {error}"
    except ValueError as error:  # of pandas' parser, of decoding, of a text where a number should be
        why = str(error).splitlines()[0]
    raise StoreError(f"{path} is damaged ({why}); restore it, or run again with rerun=all")
