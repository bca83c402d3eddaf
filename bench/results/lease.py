"""The lease of a run: the process that does it, told by a file beside the run's hidden folder, so that no two do.

A lease is `.BASE.NUMBER.lease`, made by a link to a file that is whole and locked already: of two processes that make
one, one wins. It is taken over by making the next number, never by a change of what is there, so that again one wins.
The highest number holds. While its process lives, a counter in the file goes up. Who cannot know whether that process
lives, as on another machine, looks at the file until it has not changed for `SILENT` seconds of its own clock; two
clocks are never compared.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from bench.results.files import make_folder, writing
from bench.results.owner import Owner, State, lock
from bench.results.reads import not_of_the_run

BEAT = 10.0
"""Seconds between two changes of a lease."""
SILENT = 120.0
"""Seconds without a change after which the process on another machine counts as lost."""

_DIGITS = 12  # of the counter, at the end of the file
_NAME = r"\.{base}\.(\d+)\.lease"
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK)
_HELD: set[str] = set()
"""The nonces of the leases that this process holds: another with our process id is of an older process."""


class Holder(NamedTuple):
    """A lease as another process reads it.

    `before` says how each process ended that had the lease before and did not give it back; `displaced` are their
    owners. `follows` is the nonce of the lease that it was taken over from.
    """

    number: int
    nonce: str
    owner: Owner
    follows: str | None
    before: list[str]
    displaced: list[str]


def read(path: Path) -> Holder | None:
    """The lease in a file; None where it is gone, or not written whole yet."""
    try:
        head = path.read_bytes().split(b"\n", 1)[0]
        tree = json.loads(head)
        owner = Owner.parse(tree.pop("owner"))
        number = int(path.name.split(".")[-2])
        return None if owner is None else Holder(number, owner=owner, **tree)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def leases(runs: Path, base: str = "") -> dict[int, Path]:
    """The leases of run `base` by their numbers, in order; nothing where the folder is away."""
    name, found = re.compile(_NAME.format(base=re.escape(base))), {}
    with suppress(OSError):
        found = {int(match[1]): runs / each for each in os.listdir(runs) if (match := name.fullmatch(each))}
    return dict(sorted(found.items()))


def is_ours(holder: Holder | None) -> bool:
    """Whether this very process holds a lease."""
    return holder is not None and holder.nonce in _HELD


class Watch:
    """Looks at leases of other machines, and knows since when each has not changed, on the watcher's own clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[Path, tuple[bytes, float]] = {}

    def state(self, path: Path, owner: Owner | None) -> State:
        """What is known of the owner of a lease: `unknown` until it has been silent for long enough."""
        known: State = "unknown" if owner is None else owner.state(path)
        return known if known != "unknown" else "ended" if self.silent(path) >= SILENT else "unknown"

    def silent(self, path: Path) -> float:
        """The seconds for which the file is known not to have changed."""
        with suppress(OSError):
            now, content = self._clock(), path.read_bytes()
            if path not in self._seen or self._seen[path][0] != content:
                self._seen[path] = content, now
            return now - self._seen[path][1]
        return 0.0


class Lease:
    """A lease that this process holds, in a `with` statement; at its end it is given back.

    `on_loss` is called, in another thread, where another process took it over: that one had seen no sign of this one.
    """

    def __init__(self, runs: Path, base: str, holder: Holder, handles: tuple[int, int | None]) -> None:
        self._runs, self._base, self._handles = runs, base, handles
        self.holder = holder
        self.on_loss: Callable[[], object] = lambda: None
        self._is_lost, self._beats = False, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._runs / f".{self._base}.{self.holder.number}.lease"

    def __enter__(self) -> Lease:
        _HELD.add(self.holder.nonce)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        with suppress(OSError):
            self._give_back()
        _HELD.discard(self.holder.nonce)
        self.close()

    def close(self) -> None:
        """Close the file: it is locked no more."""
        _close(self._handles)

    def _give_back(self) -> None:
        """Remove the leases before it, and it last: until then it holds."""
        if self.lost:
            return
        for number, path in leases(self._runs, self._base).items():
            if number < self.holder.number:
                path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    @not_of_the_run()
    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            was_lost = self._is_lost
            with suppress(OSError):  # a disk that is full or away for a while: nobody can take anything over there
                self.beat()
            if self.lost and not was_lost:
                self.on_loss()

    def beat(self) -> None:
        """Change the file, for whoever watches it. May raise OSError."""
        self._beats += 1
        handle, _ = self._handles
        os.pwrite(handle, b"%0*d" % (_DIGITS, self._beats), os.fstat(handle).st_size - _DIGITS)
        os.fsync(handle)

    @property
    def lost(self) -> bool:
        """Whether another process took it over, as far as can be seen now; a folder that is away tells nothing."""
        after = read(self._runs / f".{self._base}.{self.holder.number + 1}.lease")
        here = read(self.path)
        taken = after is not None and after.follows == self.holder.nonce
        replaced = here is not None and here.nonce != self.holder.nonce
        cleared = here is None and self._runs.is_dir() and not self.path.exists() and not self._is_lost
        self._is_lost |= taken or replaced or cleared
        return self._is_lost


def acquire(runs: Path, base: str, watch: Watch) -> Lease | Holder | None:
    """The lease of run `base` for this process; or the holder, which is not known to have ended; None where a lease
    cannot be read yet. Raises StoreError where it cannot be written."""
    with writing(runs):
        make_folder(runs)
        while True:
            there = leases(runs, base)
            if not there:
                lease = _made(runs, base, _holder(1))
                if lease is not None and not _withdrawn(lease, [*leases(runs, base)] == [1]):
                    return lease
                continue
            number, path = next(reversed(there.items()))
            holder = read(path)
            if is_ours(holder) or watch.state(path, holder and holder.owner) != "ended":
                if holder is None and not path.exists():  # it was given back meanwhile
                    continue
                return holder
            lease = _made(runs, base, _after(number, holder))
            if lease is not None and not _withdrawn(lease, read(path) == holder):
                return lease


def clear(runs: Path, base: str) -> None:
    """Remove the leases of a run that is done, where the last process that had one has ended: it was killed after
    it had published the run. May raise OSError."""
    *_, last = leases(runs, base).values() or (None,)
    if last is not None and (holder := read(last)) is not None and not is_ours(holder) and holder.owner.has_ended(last):
        for path in leases(runs, base).values():
            path.unlink(missing_ok=True)


def _holder(number: int) -> Holder:
    return Holder(number, secrets.token_hex(8), Owner.this_process(), None, [], [])


def _after(number: int, ended: Holder | None) -> Holder:
    """The holder of a lease that takes over one whose process has ended; where that was never whole, nothing is known
    of it."""
    if ended is None:
        return _holder(number + 1)
    how = "killed" if ended.owner.boot == Owner.this_process().boot else "lost"
    before = [*ended.before, f"{how}: {ended.owner.said}"]
    displaced = [*ended.displaced, str(ended.owner)]
    return _holder(number + 1)._replace(follows=ended.nonce, before=before, displaced=displaced)


def _withdrawn(lease: Lease, stands: bool) -> bool:
    """Take a lease back, unless it stands: what it was made after was given back and is another's meanwhile."""
    if not stands:
        lease.path.unlink(missing_ok=True)
        lease.close()
    return not stands


def _made(runs: Path, base: str, holder: Holder) -> Lease | None:
    """The lease, made; None where another process was faster. It appears whole and locked where the file system has
    links, and else empty at first."""
    tree = {**holder._asdict(), "owner": str(holder.owner)}
    del tree["number"]
    content = json.dumps(tree).encode() + b"\n" + b"0" * _DIGITS
    path = runs / f".{base}.{holder.number}.lease"
    draft = runs / f".{base}.{secrets.token_hex(4)}.lease.tmp"
    handles = _written(draft, content)
    try:
        if _linked(draft, path):
            return Lease(runs, base, holder, handles)
    except OSError as error:
        _close(handles)
        if error.errno not in _NO_LINKS:
            raise
        with suppress(FileExistsError):
            return Lease(runs, base, holder, _written(path, content))
        return None
    finally:
        draft.unlink(missing_ok=True)
    _close(handles)
    return None


def _written(path: Path, content: bytes) -> tuple[int, int | None]:
    """A new file with this content: a handle to write with, and one that holds its lock."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        held = None
        with suppress(BlockingIOError):  # somebody looks at it: it is told by its process id
            held = lock(path)
        os.write(handle, content)
        os.fsync(handle)
    except BaseException:
        os.close(handle)
        path.unlink(missing_ok=True)
        raise
    return handle, held


def _linked(draft: Path, path: Path) -> bool:
    """Whether `path` is now a link to the draft. Over a network the answer may be lost and the call repeated: then the
    link is there, and counts."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return os.stat(draft).st_nlink > 1
    return True


def _close(handles: tuple[int, int | None]) -> None:
    for handle in handles:
        if handle is not None:
            os.close(handle)
