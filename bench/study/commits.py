"""Runs of a commit: its tree beside the checkout, in which the command is run, and which is removed afterwards."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import about
from bench.config.keywords import quoted
from bench.errors import ConfigError
from bench.results.files import make_folder, writing
from bench.study.fate import fates

Say = Callable[[str], object]


def commit_of(word: str) -> str | None:
    """The hash of the commit that `word` names in the checkout with this package; None where there is none."""
    if word.startswith("-"):
        return None
    return _git("rev-parse", "--verify", "--quiet", f"{word}^{{commit}}")


def run_at(commit: str, words: Sequence[str], results: Path, say: Say) -> set[str]:
    """Run the sweep of `words` with the code of `commit`, its records into `results`; the ids of its runs.

    The command runs in the root of the commit's tree, so that relative paths are those of the commit; runs that are
    done already are found. `say` gets a line for each run. Raises ConfigError, with the last line of what the command
    said, where it does not run.
    """
    results = results.absolute()
    sweep = results / "sweeps" / f"compare-{secrets.token_hex(4)}"
    with writing(results):
        make_folder(sweep)
    places = [f"results_dir={quoted(str(results))}", f"hydra.sweep.dir={quoted(str(sweep))}"]
    with _tree(commit) as tree:
        code, last = _ran(tree, [sys.executable, "-m", "bench", "-m", *words, *places], say)
    found = {fate["id"] for fate in fates(sweep, "")}
    if code == 130:
        raise KeyboardInterrupt
    if code > 1 or not found:
        raise ConfigError(f"commit {commit[:12]} does not run {' '.join(words)}: {last or f'exit code {code}'}")
    return found


def _ran(tree: Path, command: list[str], say: Say) -> tuple[int, str]:
    """The exit code of a command in a tree, and the last line that it said."""
    last = ""
    with subprocess.Popen(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                last = line.strip().removeprefix("bench: ") or last
                if line.startswith("["):  # of a member
                    say(line.rstrip())
        except BaseException:  # a request to stop may have come here alone, and the tree is about to go
            process.terminate()
            process.wait()
            raise
    return process.returncode, last


@contextmanager
def folder_of(word: str) -> Iterator[Path]:
    """The folder of that name, or the files of the commit that `word` names, with the package at its top."""
    folder, commit = Path(word), commit_of(word)
    if folder.is_dir() or commit is None:
        if not (folder / "bench" / "__init__.py").is_file():
            raise ConfigError(f"{word} has no folder bench at its top: it is no checkout of bench")
        yield folder
    else:
        with _tree(commit) as tree:
            yield tree


@contextmanager
def _tree(commit: str) -> Iterator[Path]:
    """The files of a commit in a folder of their own, with the package at its top."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{commit[:12]}-") as folder:
        tree = Path(folder) / "tree"
        try:
            if _git("worktree", "add", "--detach", "--quiet", str(tree), commit) is None:
                raise ConfigError(f"git cannot make a tree of commit {commit[:12]} in {folder}")
            if not (tree / "bench" / "__init__.py").is_file():  # else the bench that is installed would run for both
                raise ConfigError(f"commit {commit[:12]} has no folder bench at its top: it is not one of bench")
            yield tree
        finally:
            # forced twice: one that was stopped half-made is locked
            _git("worktree", "remove", "--force", "--force", str(tree))


def _git(*arguments: str) -> str | None:
    """What git prints in the checkout with this package; None where it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=about.FOLDER.parent, stdin=subprocess.DEVNULL, capture_output=True, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()
