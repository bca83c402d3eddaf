"""The record of a run, and its JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypedDict, get_type_hints

from bench.errors import StoreError
from bench.results.figures import Flops, Scores, Speed, ToTarget
from bench.results.fits import fits
from bench.results.names import RECORD
from bench.results.reading import cause, read_regular

SCHEMA: Final = 1

MOST_BYTES: Final = 64 * 2**20
"""The size of the largest `record.json` that is read; those of bench have some kilobytes."""

Status = Literal["done", "failed", "diverged", "interrupted", "timed out", "out of memory"]


class Labels(TypedDict):
    """The leaderboard row that a run belongs to.

    - `task`, `cell`, `bptt`, `budget`: a name, and in parentheses the options that the run changed.
    - `hardware`: the processor, the device, threads and precision.
    """

    task: str
    cell: str
    bptt: str
    budget: str
    hardware: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run in full, the content of `record.json`. Raises ValueError naming the first field of a wrong type.

    Whole numbers have at most 64 bits and others fit a double, so that tables can hold them.

    - `schema`: the version of the record's form.
    - `id`: the name of the run's folder.
    - `status`: how the run ended; `reason`: why, where it is not `done`.
    - `task`: its id, with a version; `cell`: the choice of the cell; `bptt`: the kind of BPTT.
    - `seed`: the one seed, from which those of weights, data, dropout and offsets follow.
    - `metric`: the task's metric with the run's scores in it; null where the run ended before it was known.
    - `params`: trainable parameters.
    - `speed`: as `bench.measure.speed` has it; null where it was not measured.
    - `seconds`: the whole run.
    - `finished`: the time in UTC, in ISO 8601.
    - `config`: all options, as they were composed.
    - `git`: the commit of the harness and whether it was `dirty`, with edits.
    - `machine`: the device, its processor and threads, the precision, the operating system; of several
      `devices`, how far their scores are those of one (`as_one_device`).
    - `labels`: the row of tables that the run belongs to.
    - `identity`: a hash of all that decides the result; see `bench.results.identity`.
    - `changed`: the options that differ from their groups' defaults, by dotted name.
    - `fingerprint`: a hash of the data; null where it is generated.
    - `unroll`: the cell's form over time that the run used, also where the option was `auto`.
    - `form_refused`: why `unroll=auto` did not take kernels (they would not pay, the cell has none, there is no
      compiler), or another fast form, from which the loop differs; or why `unroll=kernels` took the loop.
    - `versions`: of Python, packages and, where the cells ran by kernels, of the compiler (`c++`).
    - `notes`: how the task read its data, as its spec says it; null in older records.
    - `products`: the dtypes that products of matrices had in fact, in the model's form over time on the run's device.
    - `clipped`: the share of updates with a clipped gradient; missing in older records.
    - `hidden`: the hidden size that `match` chose; null where nothing was matched, and in older records, whose
      `config` has the chosen size.
    - `code`: a hash of the code of each plugin, by role; `sources`: the files and distributions behind it, with their
      SHA-256 or version; `harness`: a hash of the harness's own code. All are missing in older records.
    - `flops`: floating-point operations of the model; null in older records, in runs that did not end, and where the
      cell's code fails in a count.
    - `untrained`: the share of losses that are not trained on (`bptt.head=skip`); null in older records.
    - `experiment`: the name of the preset that the options came from, if any.
    - `resumed`: the run that the option `resume` named, by its `folder`, whether it had the `same_harness`, and
      its `device`, `precision` and `unroll`, where those were others; of a run that went on by itself, the
      `unroll` that it had before, where that was another.
    - `time`: the seconds of each part of the run (`bench.train.life`), which add up to `seconds`; `before` are those of
      processes from whose checkpoint it went on. Null in older records.
    - `work`: operations a second, shares of what the machine and the products alone can do, and energy, as
      `bench.measure.work` has them. Null in older records.
    - `to_target`: when valid first reached the metric's `target` (`bench.results.to_target`). Null in older records,
      and where the task has no target or nothing was validated.
    - `memory`: at least `peak_mib`; the others as `bench.measure.memory` has them, and `process_mib`, the most resident
      memory of the process in training and scoring, above what it had before the run.
    - `scores`: all of the task's scores by split, the metric among them.
    - `attempts`: how each attempt at the run ended that came before, since it was done last: as its record says, or
      `killed` and `lost` with its process. Null in the first attempt and in older records.
    - `files`: the SHA-256 of each other file of the run, by its name, checkpoints apart; null in older records.
    - `digest`: the SHA-256 of all the other fields as they were published (`bench.results.hashes`), but for `id`, which
      is the folder's; null in older records.
    """

    schema: Literal[1] = SCHEMA
    id: str
    status: Status
    reason: str | None
    task: str
    cell: str
    bptt: str
    seed: int
    metric: Scores | None
    scores: dict[str, dict[str, float | None]]
    params: int | None
    speed: Speed | None
    memory: dict[str, float | None] | None
    seconds: float | None
    finished: str
    config: dict[str, Any]
    versions: dict[str, Any]
    git: dict[str, Any]
    machine: dict[str, Any]
    changed: dict[str, Any]
    labels: Labels
    identity: str
    fingerprint: str | None
    unroll: str | None
    clipped: float | None = None
    hidden: int | None = None
    code: dict[str, str] | None = None
    sources: dict[str, dict[str, str]] | None = None
    harness: str | None = None
    experiment: str | None = None
    resumed: dict[str, Any] | None = None
    flops: Flops | None = None
    untrained: float | None = None
    form_refused: str | None = None
    products: list[str] | None = None
    notes: list[str] | None = None
    time: dict[str, float] | None = None
    work: dict[str, float | None] | None = None
    to_target: ToTarget | None = None
    files: dict[str, str] | None = None
    attempts: list[str] | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        for name, is_right in _checks().items():
            if not is_right(getattr(self, name)):
                raise ValueError(f"{name} is not as schema {SCHEMA} has it")
        datetime.fromisoformat(self.finished)

    @property
    def scored_split(self) -> Literal["valid", "test"] | None:
        """The split that `score` belongs to: test, or valid where the test split is empty; None without a metric."""
        if self.metric is None:
            return None
        return "valid" if self.metric["test"] is None else "test"

    @property
    def score(self) -> float | None:
        """The task's metric on `scored_split`; None where an end before the evaluation left it unknown."""
        split = self.scored_split
        return None if self.metric is None or split is None else self.metric[split]

    def to_json(self) -> str:
        """Strictly valid JSON, keys in the order of the fields, floats exact; NaN and infinities become null."""
        return json.dumps(finite(asdict(self)), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str | Path, **known: Any) -> Record:
        """The record in `text`, but for the fields `known`.

        Raises StoreError, naming `source`, where it is broken or of an unknown schema.
        """
        try:
            tree = _STRICT.decode(text)
            if not isinstance(tree, dict):
                raise ValueError("it is not a JSON object")
            if tree.get("schema") != SCHEMA:
                raise ValueError(f"its schema is {tree.get('schema')} and this version of bench reads {SCHEMA}")
            names = {field.name for field in fields(cls)}
            optional = {field.name for field in fields(cls) if field.default is None}
            if wrong := sorted(names ^ (tree.keys() | optional)):
                raise ValueError(f"{wrong[0]} is {'missing' if wrong[0] in names else 'no field of a record'}")
            return cls(**(tree | known))
        except ValueError as error:
            raise _unreadable(source, error) from None
        except RecursionError:
            raise _unreadable(source, "it is nested too deep") from None

    @classmethod
    def read(cls, folder: Path) -> Record:
        """The record in a run's folder, whose name is the id, whatever the file says: an id is never a path.

        Raises StoreError, naming the file, where it cannot be read.
        """
        path = folder / RECORD
        try:
            text = read_regular(path, MOST_BYTES).decode()
        except OSError as error:
            raise _unreadable(path, cause(error)) from None
        except UnicodeDecodeError as error:
            raise _unreadable(path, error) from None
        return cls.from_json(text, path, id=folder.name or folder.resolve().name)


def _unreadable(source: str | Path, why: object) -> StoreError:
    return StoreError(f"cannot read {source}: {why}; restore the file or remove its folder")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; Python's own parser would take the last of several values in silence."""
    tree = dict(pairs)
    if len(tree) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice} is there twice")
    return tree


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


@cache
def _checks() -> dict[str, Callable[[Any], bool]]:
    return {name: fits(hint) for name, hint in get_type_hints(Record).items()}


def finite(value: Any) -> Any:
    """The same lists and mappings, with None for each number that is none: JSON has no NaN and no infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
