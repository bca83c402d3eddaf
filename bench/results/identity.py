"""When two runs are the same: a hash of all that decides the result, and a hash of the harness's code."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from bench import about
from bench.config.roles import decides
from bench.config.tree import Tree


def identity(tree: Tree, **facts: str | None) -> str:
    """A hash of all that decides a run's result: the decisive options (`bench.config.roles`) and `facts`."""
    decisive = {key: value for key, value in tree.items() if decides(key, value)}
    text = json.dumps([decisive, facts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def code_version(root: Path = about.FOLDER) -> str:
    """A hash of the harness's source files: runs of changed code are new runs."""
    digest = hashlib.sha256()
    folders = [root, root / "tasks" if (root / "tasks").is_dir() else root.parent / "tasks"]
    for path in sorted({p for folder in folders for p in folder.rglob("*.py")}):
        digest.update(path.relative_to(root.parent).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
