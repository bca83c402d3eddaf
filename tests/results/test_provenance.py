"""A record says which code made it: the commit of the checkout it ran from, and whether that was changed."""

import os
import platform
import shutil
import subprocess
import time

import pytest

from bench.results import provenance


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository of its own that holds the package, with one commit."""
    package = tmp_path / "bench"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr("bench.about.FOLDER", package)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a name")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@name")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def git(folder, *arguments):
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_a_clean_checkout_is_its_commit(checkout):
    assert provenance.git() == {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False}


@pytest.mark.parametrize("name", ["bench/__init__.py", "new.py"])
def test_a_changed_or_a_new_file_makes_it_dirty(checkout, name):
    (checkout / name).write_text("1")
    assert provenance.git()["dirty"] is True


def test_a_package_that_is_installed_into_somebody_elses_repository_has_no_commit(checkout, monkeypatch):
    installed = checkout / "venv" / "bench"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    monkeypatch.setattr("bench.about.FOLDER", installed)
    assert provenance.git() == {"commit": None, "dirty": None}


def test_a_machine_without_git_has_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.git() == {"commit": None, "dirty": None}


@pytest.mark.parametrize("does", ["exit 1", "sleep 60"])
def test_a_state_that_git_cannot_tell_in_a_moment_is_unknown_and_not_clean(checkout, tmp_path, monkeypatch, does):
    real = shutil.which("git")
    (tmp_path / "git").write_text(f'#!/bin/sh\ncase "$*" in *status*) {does};; esac\nexec {real} "$@"\n')
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(provenance, "_SECONDS", 0.5)
    started = time.monotonic()
    assert provenance.git() == {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": None}
    assert time.monotonic() - started < 5


def test_versions_are_those_of_what_results_depend_on():
    found = provenance.versions()
    assert found["python"] == platform.python_version()
    assert {"bench", "torch", "numpy", "hydra-core"} <= found.keys()


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(provenance, "_PACKAGES", ("torch", "no-such-package-here"))
    assert "no-such-package-here" not in provenance.versions()
