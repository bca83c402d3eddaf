"""What all tests share: several processes for the whole suite, one torch thread, as runs have by default, property
tests without a time limit, and a cache of prepared data of their own."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("bench", deadline=None)  # a busy machine is no bug
settings.load_profile("bench")

_cache = tempfile.TemporaryDirectory(prefix="bench-cache-")  # one for each worker; removed when the process ends
os.environ["BENCH_CACHE"] = _cache.name
os.environ.pop("COLUMNS", None)  # of the shell from which the tests are started

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job ignores Ctrl-C, and so do its children
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many workers as there are processors, up to four, for all tests; none for a part of them, where starting
    workers takes longer than the tests do, nor for benchmarks, which would disturb each other.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    tests = Path(__file__).parent
    is_all = {Path(argument).resolve() for argument in config.args} <= {tests, tests.parent}
    return min(processors, 4) if is_all and processors > 1 and not config.option.collectonly else 0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kernels", action="store_true", help="unroll=auto takes generated kernels in runs of any size")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Thorough tests, minutes of them, run where their file is named."""
    for item in items:
        if item.get_closest_marker("thorough") and not any(item.path.name in argument for argument in config.args):
            item.add_marker(pytest.mark.skip(reason=f"takes minutes: python -m pytest {item.path.name} runs it"))


def pytest_configure(config: pytest.Config) -> None:
    """Torch with one thread, where tests run: not in the process that hands them to workers."""
    if not config.getoption("numprocesses", None):
        import torch

        torch.set_num_threads(1)
        gc.freeze()  # looking through all that torch has made, again and again, takes a tenth of the time of the tests
        gc.set_threshold(20_000, 20, 20)
        atexit.register(gc.freeze)


def pytest_collection_finish() -> None:
    gc.freeze()  # the tests themselves, too


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """With --kernels, no run is too short for kernels; but in tests of which form is taken, the rule is as it is."""
    with pytest.MonkeyPatch.context() as patch:
        if item.config.getoption("kernels") and not item.get_closest_marker("form_by_rule"):
            from bench.unroll import rule

            for name, value in {"PAYS": 0, "PAYS_BESIDE_ONEDNN": 0, "WIDE": 2**63}.items():
                patch.setattr(rule, name, value)
        return (yield)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A name for bytes that is the same in each worker: a packed file holds the time at which it was made."""
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) else None
