"""The store of runs: a folder for each, published by one rename and never edited, and an index of their rows."""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import StoreError
from bench.printable import printable
from bench.results.files import make_folder, sync, write_atomic, writing
from bench.results.folder import RunFolder, attempts, base_of, left_by_killed, remove, remove_doomed, remove_left
from bench.results.lease import clear
from bench.results.names import CHECKPOINTS, DRAFTS, RECORD
from bench.results.reading import read_regular
from bench.results.record import Record, Status
from bench.results.row import PLACES, Row

_INDEX = ".index.jsonl"
_ASKED = ".asked"
_FORM = 2  # of its lines: the folder's name and the row's figures, to be raised where a figure's text changes
_MOST_BYTES = 2**30
CUT_OFF: tuple[Status, ...] = ("interrupted", "timed out")
"""How an attempt ends that goes on with the same command."""


FOUND: dict[str, tuple[Status, ...]] = {
    "failed": ("done",),
    "all": (),
    "none": ("done", "failed", "diverged", "out of memory"),
}
"""How attempts have ended that are found and not repeated, by the option `rerun`."""


class Store:
    """The runs under `results_dir`/runs. Attempts at a run are called `base`, `base-2`, `base-3` and so on."""

    def __init__(self, results_dir: str | Path) -> None:
        self.runs = Path(results_dir) / "runs"

    def check_writable(self) -> None:
        """Write a file without a name, which no crash can leave. Raises StoreError with the cause where that fails."""
        with writing(self.runs):
            make_folder(self.runs)
            with tempfile.TemporaryFile(dir=self.runs) as probe:
                probe.write(b" " * 4096)  # an empty file would fit on a full disk
                probe.flush()
                os.fsync(probe.fileno())

    def open(self, base: str, identity: str, resume: bool = True, ended: Collection[str] = ()) -> RunFolder:
        """A folder for an attempt at run `base` with this `identity`.

        With `resume` the attempt can go on from checkpoints. If killed processes left folders with checkpoints, the
        latest of them is taken over. If not, the new folder gets copies of the last attempt's checkpoints, which an
        interrupted attempt keeps. All other folders of killed processes are removed. Killed are those that this process
        can tell, and the owners that have `ended`.

        Raises StoreError where the store cannot be written.
        """
        with writing(self.runs):
            make_folder(self.runs)
            remove_doomed(self.runs, base)
            left = sorted(left_by_killed(self.runs, base, ended), key=_changed, reverse=True)
            going_on = [folder for folder in left if any(folder.glob(CHECKPOINTS))] if resume else []
            opened = next(filter(None, (self._take_over(base, folder) for folder in going_on)), None)
            for folder in left:
                with suppress(OSError):  # it is another's by now
                    remove_left(folder, base)
            if opened is None:
                opened = RunFolder(self.runs, base)
                earlier = [*self.attempts(base, identity)][-1:]
                opened.after_cut_off = bool(left) or any(record.status in CUT_OFF for record in earlier)
                for record in earlier if resume else []:
                    opened.copy_checkpoints(self.runs / record.id)
            return opened

    def _take_over(self, base: str, folder: Path) -> RunFolder | None:
        try:
            return RunFolder(self.runs, base, folder)
        except FileNotFoundError:  # another process was faster
            return None

    def find(self, base: str, identity: str) -> Record | None:
        """The record of the finished (`done`) attempt at run `base` that ended last; None without one.

        The name has only the beginning of the identity, so attempts with another identity are of another run.
        """
        done = [record for record in self.attempts(base, identity) if record.status == "done"]
        return max(reversed(done), key=lambda record: record.finished, default=None)

    def attempts(self, base: str, identity: str) -> Iterator[Record]:
        """The records of all attempts at run `base` with this `identity`, in the order of their numbers."""
        found: dict[int, Path] = {}
        with suppress(OSError):  # where there is no store, or none that can be listed, there is no run
            found = attempts(self.runs, base)
        for folder in found.values():
            with suppress(StoreError):
                record = Record.read(folder)
                if record.identity == identity:
                    yield record

    def tidy(self, base: str, identity: str) -> None:
        """Remove what going on needs from all attempts at a run, one of which is done, and the lease of a process that
        was killed as it had published it: nobody goes on any more.

        They are removed after the run is published, so that no crash can come between; if one comes after it, the next
        process that finds the run done removes them.
        """
        with suppress(OSError):
            clear(self.runs, base)
        for record in self.attempts(base, identity):
            with suppress(OSError):  # it costs room on the disk, and nothing else
                if remove(self.runs / record.id, CHECKPOINTS, DRAFTS):
                    sync(self.runs / record.id)

    def ask(self, run: str) -> None:
        """Note that a command has just asked for a run that was done already, which `resolve` then takes for the
        latest: commands that follow each other mean the same run whenever they are repeated."""
        with suppress(OSError):  # a store that cannot be written is read all the same
            write_atomic(self.runs / _ASKED, f"{datetime.now(UTC).isoformat(timespec='microseconds')} {run}")

    def _asked(self) -> dict[str, str]:
        """The run that was asked for last, with the time; nothing where none was.

        The time is as a record would state it, but finer: it is later than any end in the same second.
        """
        try:
            time, _, run = read_regular(self.runs / _ASKED, _MOST_BYTES).decode().partition(" ")
        except (OSError, ValueError):
            return {}
        return {run: time}

    def resolve(self, text: str, say: Callable[[str], object] | None = None) -> Path:
        """The folder of the run with the id `text`, with this path, or the latest of those whose ids begin so: the one
        that ended last, or that a command has found done since.

        `say` is called with a line where there are several; by default the logger `bench` warns. Raises StoreError,
        listing the nearest ids, where there is no such run.
        """
        found = self.named(text)
        if len(found) == 1:
            return found[0]
        names = {folder.name for folder in found}
        ended = {row.id: row.finished for row in self.rows()[0] if row.id in names} | self._asked()
        latest = max(found, key=lambda folder: (ended.get(folder.name, ""), len(folder.name), folder.name))
        (say or logging.getLogger("bench").warning)(f"{text}: the latest of {len(found)} runs is {latest.name}")
        return latest

    def named(self, text: str) -> list[Path]:
        """The folders of the run with the id `text`, with this path, or else of all whose ids begin so.

        Raises StoreError, listing the nearest ids, where there is none.
        """
        for folder in (self.runs / text, Path(text)) if text else ():
            if os.path.isfile(folder / RECORD):
                return [folder]
        ids = self.names()
        if matches := [self.runs / run for run in ids if text and run.startswith(text)]:
            return matches
        nearest = difflib.get_close_matches(text, ids, n=3, cutoff=0.3)
        hint = (
            f"the nearest are {', '.join(nearest)}"
            if nearest
            else f"it has {len(ids)} other run{'s' * (len(ids) != 1)}"
        )
        raise StoreError(f"there is no run {text} in {self.runs}: {hint}")

    def remove(self, run: str) -> None:
        """Remove a run for good: its folder disappears whole or not at all.

        Raises StoreError where that fails, or another process is at work in the folder.
        """
        folder = self.runs / run
        try:
            if folder.is_symlink():
                folder.unlink()
            else:
                remove_left(folder, base_of(run))
        except BlockingIOError:
            raise StoreError(f"{run} is in use: the process that made it has not ended; remove it later") from None
        except OSError as error:
            raise StoreError(f"cannot remove {folder}: {error.strerror}") from None
        sync(self.runs)

    def rows(self) -> tuple[list[Row], list[str]]:
        """The rows of all published runs, sorted by id, and a line for each record that cannot be read.

        A row's id is the name of the run's folder as it can be printed. An index keeps the rows, since records never
        change. A record is read only where the index lacks it or gives another time of writing. Raises StoreError where
        the folder cannot be listed.
        """
        known = self._read_index()
        rows: dict[str, Row] = {}
        warnings = []
        for run in self.names():
            try:
                written = self._written(run)
                row = known.get(run)
                if row is None or row.written != written:
                    row = Row.of(Record.read(self.runs / run), written)._replace(id=printable(run))
                rows[run] = row
            except StoreError as error:
                warnings.append(str(error))
        if rows != known:
            with suppress(OSError):  # the index only saves time: tables work without it
                body = "".join(json.dumps([run, row]) + "\n" for run, row in rows.items())
                write_atomic(self.runs / _INDEX, _seal(body) + "\n" + body)
        return list(rows.values()), warnings

    def state(self) -> str | None:
        """A hash of which runs there are and when their records were written; None where a record is missing. Raises
        StoreError where the folder cannot be listed."""
        runs, folder = self.names(), str(self.runs)
        try:
            times = [os.stat(f"{folder}/{run}/{RECORD}").st_mtime_ns for run in runs]
            return hashlib.sha256(json.dumps([runs, times]).encode()).hexdigest()
        except OSError:
            return None

    def names(self) -> list[str]:
        """The names of the published runs' folders, sorted. Raises StoreError where they cannot be listed."""
        try:
            with os.scandir(self.runs) as entries:
                return sorted([entry.name for entry in entries if entry.name[0] != "." and _is_folder(entry)])
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"cannot read {self.runs}: {error.strerror}") from None

    def _written(self, run: str) -> int:
        try:
            return os.stat(os.path.join(self.runs, run, RECORD)).st_mtime_ns
        except OSError as error:
            raise StoreError(f"cannot read {self.runs / run / RECORD}: {error.strerror}; remove the folder") from None

    def _read_index(self) -> dict[str, Row]:
        try:
            seal, _, body = read_regular(self.runs / _INDEX, _MOST_BYTES).decode().partition("\n")
            if seal != _seal(body):
                return {}
            lines = json.loads(f"[{body.rstrip().replace(chr(10), ',')}]")  # all at once, which is faster
            return {run: Row._make(figures) for run, figures in lines}
        except (OSError, ValueError, TypeError, RecursionError):  # it only saves time, and is made again
            return {}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another process has taken the folder over
        return 0.0


def _seal(body: str) -> str:
    """The first line of an index: a hash of the body, of the rows' figures and of the form of a line, so that a damaged
    index and one of another version of bench are not read."""
    return hashlib.sha256(f"{_FORM} {PLACES}\n{body}".encode()).hexdigest()
