"""The table of all runs, kept beside them, and used again while the runs and the code that makes it are the same."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench import results, stats, tables
from bench.results.files import write_atomic
from bench.results.reading import read_regular

NAME = ".table.parquet"
_MOST_BYTES = 2**30
_KEY = b"bench"

Stamps = Mapping[str, Sequence[int]]
"""The size and the time of writing of files, by name."""


@dataclass(frozen=True)
class Kept:
    """A table, the lines of doubt about its rows, and the files that were written of it."""

    table: pd.DataFrame
    lines: Sequence[str]
    files: Stamps


def read(runs: Path, state: str) -> Kept | None:
    """The table that is kept in the folder `runs`; None where there is none, or it is of another `state` of the runs or
    of other code, or damaged."""
    if not (runs / NAME).is_file():
        return None
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # here: few folders need it

    try:
        file = io.BytesIO(read_regular(runs / NAME, _MOST_BYTES))
        found = pq.read_table(file, page_checksum_verification=True)
        about = json.loads((found.schema.metadata or {})[_KEY])
        if about["state"] != _sealed(state):
            return None
        return Kept(found.to_pandas(), about["lines"], about["files"])
    except (OSError, ValueError, KeyError, TypeError):  # pyarrow's errors are among them; it is made again
        return None


def write(runs: Path, state: str, kept: Kept) -> None:
    """Keep a table in the folder `runs`. It only saves time: where it cannot be written, nothing is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = pa.Table.from_pandas(kept.table, preserve_index=False)
    about: dict[str, Any] = {"state": _sealed(state), "lines": [*kept.lines], "files": dict(kept.files)}
    file = io.BytesIO()
    named = found.replace_schema_metadata({**(found.schema.metadata or {}), _KEY: json.dumps(about).encode()})
    pq.write_table(named, file, write_page_checksum=True)
    with suppress(OSError):
        write_atomic(runs / NAME, file.getvalue())


def stamps(paths: Iterable[Path]) -> dict[str, list[int]]:
    """The stamps of files; of those that are there."""
    found = {}
    for path in paths:
        with suppress(OSError):
            facts = path.stat()
            found[path.name] = [facts.st_size, facts.st_mtime_ns]
    return found


def _sealed(state: str) -> str:
    """The state of the runs with that of the code that makes a table of them."""
    return hashlib.sha256(f"{state} {_code()}".encode()).hexdigest()


@cache
def _code() -> str:
    found = hashlib.sha256(f"{pd.__version__} {np.__version__}".encode())
    for package in (results, stats, tables):
        for path in sorted(Path(package.__path__[0]).glob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()
