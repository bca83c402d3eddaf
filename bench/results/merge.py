"""Joining results folders: the runs of another folder copied into this one, each run once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from bench.errors import StoreError
from bench.results.files import make_folder, writing
from bench.results.folder import RunFolder, base_of
from bench.results.names import RECORD
from bench.results.record import Record
from bench.results.store import Store

Fate = Literal["copied", "there", "equal", "differs", "unreadable"]


class Merged(NamedTuple):
    """What became of a run: `copied`; `there` already, from an earlier merge; done here too, with `equal` scores, and
    left out; or done here with scores from which its own `differs`, and copied beside it; or `unreadable`.
    """

    fate: Fate
    run: str
    """Its name in the folder that it comes from."""
    about: str = ""
    """The name of the run here that it is, is equal to, or differs from, or why it cannot be read."""


def merge(source: Path, into: Path) -> Iterator[Merged]:
    """Copy the runs under `source` into the results folder `into`, and tell what becomes of each.

    A run is copied whole, with checkpoints that it could go on from, and appears at once, under the next free number of
    its name. Raises StoreError where `source` is no results folder or is `into`, and where `into` cannot be written.
    """
    if not (source / "runs").is_dir():
        raise StoreError(f"{source} is no results folder: it has no folder runs")
    if source.resolve() == into.resolve():
        raise StoreError(f"{source} is the folder that it would be merged into")
    theirs, ours = Store(source), Store(into)
    with writing(ours.runs):
        make_folder(ours.runs)
    for name in theirs.names():
        try:
            record = Record.read(theirs.runs / name)
        except StoreError as error:
            yield Merged("unreadable", name, str(error))
            continue
        yield _merged(record, theirs.runs / name, ours)


def _merged(record: Record, folder: Path, ours: Store) -> Merged:
    base = base_of(folder.name)
    known = [*ours.attempts(base, record.identity)]
    if same := next((each for each in known if _is_same(each, record)), None):
        return Merged("there", folder.name, same.id)
    done = [each for each in known if each.status == "done"] if record.status == "done" else []
    if equal := next((each for each in done if each.scores == record.scores), None):
        return Merged("equal", folder.name, equal.id)
    with RunFolder(ours.runs, base) as new, writing(ours.runs):
        for path in folder.iterdir():
            if path.name != RECORD and path.is_file() and not path.is_symlink():
                shutil.copy2(path, new.path(path.name))
        new.publish(record, copied=True)
    return Merged("differs", folder.name, done[0].id) if done else Merged("copied", folder.name)


def _is_same(a: Record, b: Record) -> bool:
    """Whether two records are of one attempt, whose name may be another here."""
    return (a.status, a.finished, a.seconds, a.scores) == (b.status, b.finished, b.seconds, b.scores)
