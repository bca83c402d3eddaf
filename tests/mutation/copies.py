"""Copies of the checkout in which mutants are made, so that neither the checkout nor another trial sees them."""

from __future__ import annotations

import compileall
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from change import Change


def copy_checkout(root: Path, folder: Path) -> Path:
    """What git tracks or would track of the checkout, copied to `folder` and compiled."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (root / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target)
    compileall.compile_dir(folder / "bench", quiet=2)
    compileall.compile_dir(folder / "tasks", quiet=2)
    return folder


@contextmanager
def changed(root: Path, change: Change) -> Iterator[None]:
    """The copy at `root` with one file changed."""
    path = root / change.file
    source = path.read_text("utf-8")
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        compiled.unlink()  # it is told from a new one by size and second alone, which a mutant may share
    path.write_text(change.applied_to(source), "utf-8")
    try:
        yield
    finally:
        path.write_text(source, "utf-8")
