"""The origin of a run's code: package versions and the commit of the checkout."""

from __future__ import annotations

import platform
import subprocess
import time
from importlib import metadata

from bench import about
from bench.config.packages import third_party

_PACKAGES = ("torch", "numpy", "hydra-core", "datasets", "pandas")
_SECONDS = 3.0
"""All that git may take: a large checkout on a slow disk delays no run."""


def versions() -> dict[str, str]:
    """Versions of Python, this package, the libraries that results depend on, and installed plugin packages."""
    found = {"python": platform.python_version(), "bench": about.VERSION}
    found |= {name: installed for name in _PACKAGES if (installed := version(name))}
    return found | {package.name: package.version for package in third_party()}


def version(package: str) -> str | None:
    """The version of an installed package; None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git() -> dict[str, str | bool | None]:
    """The commit of the checkout with this package, and whether it has changes; None for what git does not say in a
    moment, and for both without a checkout."""
    until = time.monotonic() + _SECONDS
    if _git(until, "ls-files", "--error-unmatch", "__init__.py") is None:
        return {"commit": None, "dirty": None}
    commit, changes = _git(until, "rev-parse", "HEAD"), _git(until, "status", "--porcelain")
    return {"commit": commit, "dirty": None if changes is None else changes != ""}


def _git(until: float, *arguments: str) -> str | None:
    """What git prints; None where it fails, or has not ended at the time `until`."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=about.FOLDER,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=max(0.01, until - time.monotonic()),
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()
