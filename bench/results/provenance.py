"""The origin of a run's code: package versions and the commit of the checkout."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path

from bench import about
from bench.config.packages import third_party

_PACKAGES = ("torch", "numpy", "hydra-core", "datasets", "pandas")


def versions() -> dict[str, str]:
    """Versions of Python, this package, the libraries that results depend on, and installed plugin packages."""
    found = {"python": platform.python_version(), "bench": about.VERSION}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found | {package.name: package.version for package in third_party()}


def git() -> dict[str, str | bool | None]:
    """The commit of the checkout with this package, and whether it has changes; None for both without a checkout."""
    folder = about.FOLDER
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return {"commit": None, "dirty": None}
    return {"commit": _git(folder, "rev-parse", "HEAD"), "dirty": bool(_git(folder, "status", "--porcelain"))}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
