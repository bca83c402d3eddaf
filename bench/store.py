"""Where runs are kept: one folder a run, published by one rename and never edited, and an index to tabulate them by."""

from __future__ import annotations

import difflib
import errno
import hashlib
import itertools
import json
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from bench.errors import StoreError
from bench.record import FILE, Record, Row

CHECKPOINTS = "checkpoint-*.pt"
"""Files in the folder of a run that was cut off, from which it can go on."""

_INDEX = ".index.jsonl"
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


_OPEN: set[str] = set()
"""Folders of this process; any other that bears its id was left by a process of the same id, long ago."""


class RunFolder:
    """The folder of a run under way: hidden until `publish`, and removed where that does not come.

    Use it in a `with` statement; other processes may open a folder for the same run at the same time.
    """

    def __init__(self, runs: Path, base: str, left: Path | None = None) -> None:
        """A new folder, or the one that a killed process `left`, taken over by renaming it."""
        self._runs, self._base, self._published = runs, base, False
        self._folder = runs / f".{base}.{_here()}.{os.getpid()}.{secrets.token_hex(4)}.partial"
        _OPEN.add(self._folder.name)
        if left is None:
            self._folder.mkdir()
        else:
            os.rename(left, self._folder)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """What an error leaves unpublished stays where it has checkpoints: the next process goes on from it."""
        _OPEN.discard(self._folder.name)
        if kind is None or not any(self._folder.glob(CHECKPOINTS)):
            self.discard()

    def path(self, name: str) -> Path:
        """Where the run's file `name` lies now."""
        return self._folder / name

    def copy_checkpoints(self, source: Path) -> None:
        """Copy the checkpoints that lie in another run's folder, if any."""
        for checkpoint in source.glob(CHECKPOINTS):
            shutil.copyfile(checkpoint, self.path(checkpoint.name))

    def publish(self, record: Record) -> Path:
        """Write the record under the first free attempt's name and show the folder by that name: all of it, or nothing.

        StoreError where the disk does not take it; RuntimeError when called twice.
        """
        if self._published:
            raise RuntimeError(f"{self._folder} is published already")
        with writing(self._runs):
            free = (target for target in _attempts(self._runs, self._base) if not target.exists())
            self._folder = next(target for target in free if self._publish_as(target, record))
            self._published = True
            _sync(self._runs)
        return self._folder

    def _publish_as(self, target: Path, record: Record) -> bool:
        write_atomic(self.path(FILE), replace(record, id=target.name).to_json())
        for path in self._folder.iterdir():
            _sync(path)
        try:
            os.rename(self._folder, target)
        except OSError as error:
            if error.errno in _TAKEN:  # by another process, a moment ago
                return False
            raise
        return True

    def discard(self) -> None:
        """Remove the folder with all that is in it, unless it is published."""
        if not self._published:
            shutil.rmtree(self._folder, ignore_errors=True)


class Store:
    """The runs under `results_dir`/runs. Attempts at a run are called `base`, `base-2`, `base-3` and so on."""

    def __init__(self, results_dir: str | Path) -> None:
        self.runs = Path(results_dir) / "runs"

    def check_writable(self) -> None:
        """Write and remove a file; StoreError says why that cannot be done."""
        probe = self.runs / f".probe.{secrets.token_hex(4)}"
        with writing(self.runs):
            self.runs.mkdir(parents=True, exist_ok=True)
            write_atomic(probe, " " * 4096)  # an empty file would fit on a full disk
            probe.unlink()

    def open(self, base: str, resume: bool = True) -> RunFolder:
        """A folder for an attempt at run `base`.

        With `resume` it is the last one with checkpoints that a killed process of this host left, or it holds copies of
        the checkpoints of the last attempt, where that was interrupted. What else killed processes left is removed.
        """
        with writing(self.runs):
            self.runs.mkdir(parents=True, exist_ok=True)
            left = sorted(self._left(base), key=_changed, reverse=True)
            going_on = [folder for folder in left if any(folder.glob(CHECKPOINTS))] if resume else []
            opened = next(filter(None, (self._take_over(base, folder) for folder in going_on)), None)
            for folder in left:
                _remove(folder)
            if opened is None:
                opened = RunFolder(self.runs, base)
                if resume and (attempts := self._attempts_at(base)):
                    opened.copy_checkpoints(attempts[-1])
            return opened

    def _take_over(self, base: str, folder: Path) -> RunFolder | None:
        try:
            return RunFolder(self.runs, base, folder)
        except FileNotFoundError:  # another process has taken it a moment ago
            return None

    def _left(self, base: str) -> Iterator[Path]:
        """The folders that killed processes of this host left of run `base`."""
        name = re.compile(rf"\.{re.escape(base)}\.{re.escape(_here())}\.(\d{{1,9}})\.\w+\.partial")
        for entry in os.listdir(self.runs):
            if (match := name.fullmatch(entry)) and entry not in _OPEN and not _alive(int(match[1])):
                yield self.runs / entry

    def _attempts_at(self, base: str) -> list[Path]:
        return list(itertools.takewhile(Path.exists, _attempts(self.runs, base)))

    def find(self, base: str) -> Record | None:
        """The latest attempt at run `base` that is done."""
        for folder in reversed(self._attempts_at(base)):
            with suppress(StoreError):
                record = Record.read(folder)
                if record.status == "done":
                    return record
        return None

    def resolve(self, text: str) -> Path:
        """The folder of the run that a user names by its id, by the beginning of its id or by its path.

        StoreError lists the nearest ids where there is none, or more than one.
        """
        for folder in (self.runs / text, Path(text)):
            if os.path.isfile(folder / FILE):
                return folder
        ids = self._ids()
        matches = [run for run in ids if run.startswith(text)]
        if len(matches) == 1:
            return self.runs / matches[0]
        if matches:
            more = f" and {len(matches) - 5} more" if len(matches) > 5 else ""
            raise StoreError(f"run {text} is ambiguous: {', '.join(matches[:5])}{more}")
        nearest = difflib.get_close_matches(text, ids, n=3, cutoff=0.3)
        hint = f"the nearest are {', '.join(nearest)}" if nearest else f"it has {len(ids)} others"
        raise StoreError(f"there is no run {text} in {self.runs}: {hint}")

    def rows(self) -> tuple[list[Row], list[str]]:
        """What tables need of every published run, by id, and one line for each record that cannot be read.

        Records are written once, so an index keeps their rows: only what is not in it, or was written at another time
        than it says, is read.
        """
        known = self._read_index()
        rows: dict[str, Row] = {}
        warnings = []
        for run in self._ids():
            try:
                written = self._written(run)
                row = known.get(run)
                if row is None or row.written != written:
                    row = Record.read(self.runs / run).row(written)._replace(id=run)
                rows[run] = row
            except StoreError as error:
                warnings.append(str(error))
        if rows != known:
            with suppress(OSError):  # the index saves time, nothing else
                body = "".join(json.dumps(row) + "\n" for row in rows.values())
                write_atomic(self.runs / _INDEX, _seal(body) + "\n" + body)
        return list(rows.values()), warnings

    def _ids(self) -> list[str]:
        try:
            with os.scandir(self.runs) as entries:
                return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"cannot read {self.runs}: {error.strerror}") from None

    def _written(self, run: str) -> int:
        try:
            return os.stat(os.path.join(self.runs, run, FILE)).st_mtime_ns
        except OSError as error:
            raise StoreError(f"cannot read {self.runs / run / FILE}: {error.strerror}; remove the folder") from None

    def _read_index(self) -> dict[str, Row]:
        try:
            seal, _, body = (self.runs / _INDEX).read_text("utf-8").partition("\n")
        except (OSError, UnicodeDecodeError):
            return {}
        if seal != _seal(body):
            return {}
        return {row.id: row for row in (Row(*json.loads(line)) for line in body.splitlines())}


def write_atomic(path: Path, text: str) -> None:
    """Write a file so that a reader or a crash finds the old one or the new one, never a part; OSError as it comes."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the system's refusal to write into a StoreError that names the folder, the cause and the remedy."""
    try:
        yield
    except OSError as error:
        cause = error.strerror or error
        raise StoreError(f"cannot write to {folder}: {cause}; choose another folder with results_dir=...") from error


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another process has taken it a moment ago
        return 0.0


def _remove(folder: Path) -> None:
    """Remove a folder, renamed first, so that no other process takes over a part of it."""
    doomed = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}.removed")
    with suppress(OSError):
        os.rename(folder, doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _attempts(runs: Path, base: str) -> Iterator[Path]:
    yield runs / base
    for number in itertools.count(2):
        yield runs / f"{base}-{number}"


def _seal(body: str) -> str:
    """What an index must begin with: other columns and damaged text both give another seal."""
    return hashlib.sha256(f"{Row._fields}\n{body}".encode()).hexdigest()


def _sync(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on the disk."""
    if os.name == "nt":  # which can do so for neither folders nor read-only handles
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _here() -> str:
    """This host and its process-id namespace: what a process id must be read together with."""
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        namespace = 0
    return f"{re.sub(r'[^A-Za-z0-9-]', '-', socket.gethostname())}-{namespace}"


def _alive(pid: int) -> bool:
    """Whether another process of this id runs."""
    if pid == os.getpid():
        return False
    if os.name == "nt":  # where os.kill would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        pass
    return True
