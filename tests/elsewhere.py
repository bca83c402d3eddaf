"""Leases and folders as processes on another machine, and dead ones on this one, have made them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bench.results.owner import Owner

HERE = Owner.this_process()
NOBODY = 999_999_999
ELSEWHERE = Owner("elsewhere", 4026531836, "another", 12, "othermac", 5)
DEAD = HERE._replace(pid=NOBODY)


def a_lease(runs: Path, base: str, owner: Owner, number: int = 1, nonce: str = "theirs") -> Path:
    """The lease of a process that does not hold its lock: one elsewhere, or one that has ended."""
    runs.mkdir(parents=True, exist_ok=True)
    path = runs / f".{base}.{number}.lease"
    tree = {"nonce": nonce, "owner": str(owner), "follows": None, "before": [], "displaced": []}
    path.write_bytes(json.dumps(tree).encode() + b"\n" + b"0" * 12)
    return path


def beat(path: Path) -> None:
    """Change a lease as its process does, now and then."""
    content = path.read_bytes()
    path.write_bytes(content[:-12] + b"%012d" % (int(content[-12:]) + 1))


def a_folder(runs: Path, base: str, owner: Owner, checkpoint: bytes | None = None) -> Path:
    """The hidden folder of a run by another process, with a checkpoint or without one."""
    folder = runs / f".{base}.{owner}.0123abcd.partial"
    folder.mkdir(parents=True)
    (folder / "run.log").write_text("a line\n")
    if checkpoint is not None:
        (folder / "checkpoint-3.pt").write_bytes(checkpoint)
    return folder


def killed_child() -> Owner:
    """A process of this machine that has just been killed."""
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    return HERE._replace(pid=child, started=None)
