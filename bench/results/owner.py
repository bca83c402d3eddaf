"""The owner of a run's hidden folder: the process that runs it, told by a lock on the folder and by the folder's name.

A lock ends with its process, however that ends, and is never another program's, as a process id can be.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from pathlib import Path
from typing import NamedTuple

try:
    import fcntl
except ImportError:  # Windows: no locks on folders, so process ids alone tell
    fcntl = None  # type: ignore[assignment]

PATTERN = r"([\w-]+)-(\d+)-(\w*)\.(\d{1,9})"
"""An owner's text as a regular expression with a group for each field."""


class Owner(NamedTuple):
    """A process: `host` with its namespace of process ids, the kernel's `boot` (empty if unknown), and `pid`."""

    host: str
    namespace: int
    boot: str
    pid: int

    @classmethod
    def this_process(cls) -> Owner:
        """The process that asks."""
        try:
            namespace = os.stat("/proc/self/ns/pid").st_ino
            boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").replace("-", "")[:12]
        except OSError:
            namespace, boot = 0, ""
        return cls(re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()), namespace, boot, os.getpid())

    @classmethod
    def of(cls, host: str, namespace: str, boot: str, pid: str) -> Owner:
        """The owner with the fields that `PATTERN` found in a name."""
        return cls(host, int(namespace), boot, int(pid))

    def __str__(self) -> str:
        return f"{self.host}-{self.namespace}-{self.boot}.{self.pid}"

    def has_ended(self, folder: Path) -> bool:
        """Whether the owner of `folder` has ended for certain. Of a process on another machine nobody here can tell.

        Locks are those of one kernel, process ids those of one namespace on it. So a lock that is free is proof where
        the kernel is the same, in other containers too; an id that nobody has is proof on the same host.
        """
        here = Owner.this_process()
        same_kernel = self.boot == here.boot != ""
        same_host = (self.host, self.namespace) == (here.host, here.namespace)
        if not (same_kernel or same_host):
            return False
        try:
            handle = lock(folder)
        except FileNotFoundError:  # another process has taken the folder over
            return False
        except BlockingIOError:  # by the owner, or by children that outlive it
            return same_host and not is_alive(self.pid)
        if handle is not None:
            os.close(handle)
            return True
        return same_host and (not is_alive(self.pid) or not same_kernel)


def lock(folder: Path) -> int | None:
    """Lock a folder until the handle that is returned is closed, or this process and its children have ended.

    None where the system or the file system has no locks on folders. Raises BlockingIOError where the folder is locked,
    FileNotFoundError where it is gone: also where another process, which had the lock, moved it away meanwhile.
    """
    if fcntl is None:
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise BlockingIOError(error.errno, "another process holds the lock", str(folder)) from None
        return None
    if not _is_at(folder, handle):
        os.close(handle)
        raise FileNotFoundError(errno.ENOENT, "it was moved while it was being locked", str(folder))
    return handle


def _is_at(folder: Path, handle: int) -> bool:
    """Whether the folder that `handle` has open is still at its path."""
    try:
        return os.path.samestat(os.stat(folder), os.fstat(handle))
    except FileNotFoundError:
        return False


def is_alive(pid: int) -> bool:
    """Whether another process of this id runs. The folders that this process has open are known to it."""
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
    return True
