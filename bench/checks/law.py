"""Laws as objects, and their verdicts on a cell or task (the subject)."""

from __future__ import annotations

import inspect
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import torch

from bench import about
from bench.errors import ConfigError, did_you_mean

Subject = TypeVar("Subject")
Outcome = Literal["passed", "failed", "expected failure", "unexpectedly passed"]

_HARNESS = [about.FOLDER / package for package in ("api", "checks", "kernels", "unroll")]
_NOT_THE_AUTHORS = tuple(map(str, (Path(torch.__file__).parent, *_HARNESS)))


class Broken(Exception):
    """A law is broken; `str(broken)` gives the place and the finding in one line."""


@dataclass(frozen=True)
class Law(Generic[Subject]):
    """A named law. `check` returns where the law holds, with a note on the cases covered or None. Otherwise it raises
    Broken, or lets an error of the subject through. `remedy` tells the subject's author how to repair it.
    """

    name: str
    statement: str
    remedy: str
    check: Callable[[Subject], str | None]


def law(remedy: str) -> Callable[[Callable[[Subject], str | None]], Law[Subject]]:
    """Make a function a Law: the law's name is the function's with spaces, its statement the docstring."""

    def decorate(check: Callable[[Subject], str | None]) -> Law[Subject]:
        return Law(check.__name__.replace("_", " "), inspect.getdoc(check) or "", remedy, check)

    return decorate


@dataclass(frozen=True)
class Verdict:
    """The outcome of one law. `message` is one line: the covered cases of a passed law, else place and remedy."""

    law: str
    outcome: Outcome
    message: str = ""

    @property
    def ok(self) -> bool:
        """True where the law passed, or failed as expected."""
        return self.outcome in ("passed", "expected failure")

    def __str__(self) -> str:
        return f"{self.outcome}: {self.law}{': ' * bool(self.message)}{self.message}"


def judge(
    laws: Iterable[Law[Subject]],
    subject: Subject,
    expected_failures: Mapping[str, str],
    names: Iterable[str] | None = None,
) -> list[Verdict]:
    """A verdict for each law, or for those of `names`; a failing law does not stop the others.

    `expected_failures` maps the laws that `subject` breaks for a good reason to the reasons. Raises ConfigError for an
    unknown law.
    """
    by_name = {law.name: law for law in laws}
    chosen = list(by_name if names is None else names)
    for name in (*expected_failures, *chosen):
        if name not in by_name:
            known = f"{did_you_mean(name, by_name)}; the laws are {', '.join(by_name)}"
            raise ConfigError(f"there is no law `{name}`{known}")
    return [_verdict(by_name[name], subject, expected_failures.get(name)) for name in chosen]


def _verdict(law: Law[Subject], subject: Subject, reason: str | None) -> Verdict:
    """The verdict of one law on one subject. Torch's generator is seeded for each law and restored after it."""
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            torch.manual_seed(0)
            note = law.check(subject)
    except Exception as error:
        found = str(error) if isinstance(error, Broken) else describe(error)
        if reason is not None:
            return Verdict(law.name, "expected failure", f"{reason} ({found})")
        return Verdict(law.name, "failed", f"{found}; {law.remedy}")
    if reason is not None:
        return Verdict(law.name, "unexpectedly passed", f"remove it from expected_failures (its reason: {reason})")
    return Verdict(law.name, "passed", note or "")


def refusal(what: str, law: Law[Any], error: Exception, verb: str) -> ConfigError:
    """The line in which a quick check refuses `what`, such as `cell Mine`: law, place, remedy, and how to check all."""
    found = str(error) if isinstance(error, Broken) else describe(error)
    return ConfigError(
        f"{what} breaks the law `{law.name}`: {found}; {law.remedy} (python -m bench check {verb}=... checks all laws)"
    )


def describe(error: Exception) -> str:
    """An exception in one line, with the place in the plugin's code: `ValueError at mine.py:12 in step: ...`."""
    line = next((line for line in str(error).splitlines() if line.strip()), "no message")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(_NOT_THE_AUTHORS)]
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return f"{type(error).__name__}{place}: {textwrap.shorten(line, 160, placeholder=' ...')}"
