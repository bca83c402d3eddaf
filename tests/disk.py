"""What a machine that loses power would still have: each file and folder as it was when it was last synced."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

Content = bytes | list[str]


def content_of(path: Path) -> Content:
    """The bytes of a file, or the names of a folder's entries."""
    return sorted(os.listdir(path)) if path.is_dir() else path.read_bytes()


class Disk:
    """Listens to `os.fsync`, `os.replace` and `os.rename`, and keeps what was synced and each breach of the order.

    A file must be synced as it is before it is renamed, a folder with all that is in it. A file or folder is known by
    its number on the disk (its inode), which a rename leaves as it is.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, str]] = []
        """Every call in order: its name, and the name of the file or folder that was synced or that appeared."""
        self.breaches: list[str] = []
        self._synced: dict[int, Content] = {}
        patch.setattr(os, "fsync", self._syncing(os.fsync))
        for name in ("replace", "rename"):
            patch.setattr(os, name, self._renaming(name, getattr(os, name)))

    def has(self, path: Path) -> bool:
        """Whether a file was synced as it is now, or a folder with the entries that it has now."""
        return self._synced.get(path.stat().st_ino) == content_of(path)

    def finds(self, path: Path) -> bool:
        """Whether the folder of `path` was synced since `path` has its name."""
        return path.name in self._synced.get(path.parent.stat().st_ino, ())

    def _syncing(self, fsync: Callable[[int], None]) -> Callable[[int], None]:
        def recorded(handle: int) -> None:
            fsync(handle)
            path = Path(os.readlink(f"/proc/self/fd/{handle}"))
            if not path.exists():  # a file without a name: nobody will look for it
                return
            self.calls.append(("sync", path.name))
            self._synced[path.stat().st_ino] = content_of(path)

        return recorded

    def _renaming(self, name: str, rename: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
        def recorded(source: Path, target: Path) -> None:
            parts = [path for path in (Path(source), *Path(source).rglob("*")) if not self.has(path)]
            self.breaches += [f"{part.name} is not on the disk as {Path(target).name} appears" for part in parts]
            rename(source, target)
            self.calls.append((name, Path(target).name))

        return recorded
