"""The owner of a run's hidden folder and of its lease: a process, told from all others on this machine and elsewhere.

A lock on the folder or the lease ends with its process, however that ends, and is never another program's, as a process
id can be. Where there are no locks, as on some file systems, the id counts with the time at which its process began.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import socket
import uuid
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

try:
    import fcntl
except ImportError:  # Windows: no locks on folders, so process ids alone tell
    fcntl = None  # type: ignore[assignment]

PATTERN = r"([\w-]+)-(\d+)-(\w*)\.(\d{1,9})"
"""An owner's text as a regular expression with a group for each field."""

_FIRST_NAMESPACE = 4026531836
"""The namespace of process ids on every Linux machine outside of containers."""

State = Literal["alive", "ended", "unknown"]
"""What is known of a process; of one on another machine nothing is."""


class Owner(NamedTuple):
    """A process: its `host` with the namespace of process ids, the kernel's `boot`, and `pid`; further the `machine`, a
    hash that a clone with the same host name does not share, and when it `started`, in the kernel's ticks.

    What the system does not tell is empty, or None.
    """

    host: str
    namespace: int
    boot: str
    pid: int
    machine: str = ""
    started: int | None = None

    @classmethod
    def this_process(cls) -> Owner:
        """The process that asks."""
        try:
            namespace = os.stat("/proc/self/ns/pid").st_ino
            boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").replace("-", "")[:12]
        except OSError:
            namespace, boot = 0, ""
        host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())
        return cls(host, namespace, boot, os.getpid(), _machine(), started_at(os.getpid()))

    @classmethod
    def of(cls, host: str, namespace: str, boot: str, pid: str) -> Owner:
        """The owner with the fields that `PATTERN` found in a name. Names of older versions have no `machine`."""
        boot, _, more = boot.partition("_")
        machine, _, started = more.partition("_")
        return cls(host, int(namespace), boot, int(pid), machine, int(started) if started.isdecimal() else None)

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """The owner with this text; None where it is no owner's."""
        found = re.fullmatch(PATTERN, text)
        return cls.of(*found.groups()) if found else None

    def __str__(self) -> str:
        started = "" if self.started is None else self.started
        return f"{self.host}-{self.namespace}-{self.boot}_{self.machine}_{started}.{self.pid}"

    @property
    def said(self) -> str:
        """The owner for people."""
        return f"process {self.pid} on {self.host}"

    @property
    def is_here(self) -> bool:
        """Whether its process id is one of this machine, since its last start, and of this container."""
        here = Owner.this_process()
        return self.boot == here.boot and (self.host, self.namespace) == (here.host, here.namespace)

    @property
    def is_gone(self) -> bool:
        """Whether it is one of this machine and has ended, by its process id alone."""
        return self._was_before_a_restart() or (
            self.is_here and self.pid != os.getpid() and not is_alive(self.pid, self.started)
        )

    def _was_before_a_restart(self) -> bool:
        """Whether this machine has started again since. In containers of equal names nobody can tell."""
        here = Owner.this_process()
        same = (self.host, self.namespace, self.machine) == (here.host, _FIRST_NAMESPACE, here.machine)
        return same and self.machine != "" and here.namespace == _FIRST_NAMESPACE and "" != self.boot != here.boot != ""

    def has_ended(self, place: Path) -> bool:
        """Whether the owner of `place` has ended for certain."""
        return self.state(place) == "ended"

    def state(self, place: Path) -> State:
        """What is known of the owner of the folder or file `place`, which it has locked.

        Locks are those of one kernel, process ids those of one namespace on it. So a lock that is free is proof where
        the kernel is the same, in other containers too; an id that nobody has is proof on the same host.
        """
        if self._was_before_a_restart():
            return "ended"
        same_kernel, is_here = self.boot == Owner.this_process().boot != "", self.is_here
        if not (same_kernel or is_here):
            return "unknown"
        by_id: State = "alive" if is_alive(self.pid, self.started) else "ended"
        try:
            handle = lock(place)
        except FileNotFoundError:  # another process has taken it over
            return "unknown"
        except BlockingIOError:  # by the owner, or by children that outlive it
            return by_id if is_here else "alive"
        if handle is not None:
            os.close(handle)
            return "ended"
        return by_id if is_here else "unknown"


def lock(place: Path) -> int | None:
    """Lock a folder or file until the handle that is returned is closed, or this process and its children have ended.

    None where the system or the file system has no such locks. Raises BlockingIOError where the place is locked,
    FileNotFoundError where it is gone: also where another process, which had the lock, moved it away meanwhile.
    """
    if fcntl is None:
        return None
    handle = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise BlockingIOError(error.errno, "another process holds the lock", str(place)) from None
        return None
    if not _is_at(place, handle):
        os.close(handle)
        raise FileNotFoundError(errno.ENOENT, "it was moved while it was being locked", str(place))
    return handle


def _is_at(place: Path, handle: int) -> bool:
    """Whether what `handle` has open is still at its path."""
    try:
        return os.path.samestat(os.stat(place), os.fstat(handle))
    except FileNotFoundError:
        return False


def is_alive(pid: int, started: int | None = None) -> bool:
    """Whether another process of this id runs, the one that `started` then, where that is known.

    What this process holds itself is known to it. One that was killed and that nobody has waited for runs no more.
    """
    if pid == os.getpid():
        return False
    if os.name == "nt":  # on Windows os.kill would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process belongs to another user
        pass
    facts = _facts(pid)
    return not facts or (facts[0] not in ("Z", "X") and started in (None, int(facts[19])))


def started_at(pid: int) -> int | None:
    """When a process began, in ticks of the kernel since the machine's start; None where the system does not tell."""
    facts = _facts(pid)
    return int(facts[19]) if facts else None


def _facts(pid: int) -> list[str]:
    """What Linux tells of a process after its name, its state first; nothing elsewhere."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return []


@cache
def _machine() -> str:
    """A hash of the machine's id and of its network's address, which machines of one image do not share; empty where
    there is no id."""
    try:
        told = Path("/etc/machine-id").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return hashlib.sha256(f"{told} {uuid.getnode()}".encode()).hexdigest()[:8] if told else ""
