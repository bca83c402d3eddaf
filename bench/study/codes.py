"""The speeds of a grid by two codes, each in a process of its own, sampled in turn: what slows the machine meanwhile
slows both (duet benchmarking: Bulej et al., ICPE 2020).

Processes of one code differ, too, by where their memory lies: so both are launched several times, and each launch is
one observation (Kalibera and Jones, ISMM 2013).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from bench import about
from bench.config.sweeps.members import compose_sweep
from bench.errors import ConfigError
from bench.hardware.contention import Patience, of_others
from bench.hardware.load import Counters, Gauge, Load, between, found_in
from bench.hardware.timing import Sample
from bench.hardware.turn import turn
from bench.measure.figure import microseconds
from bench.measure.grid import until_steady
from bench.results.speeds import Clock, Figure, Measured, Speeds
from bench.stats.summary import summarise
from bench.study.speeds import alike

FEWEST = 5
"""Launches: of fewer the spread is hardly known."""
_MOST = 400  # samples of a member in a launch
_RUN = """
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module("bench.study.sampler", run_name="__main__")
"""


def measure_in_turn(
    words: Sequence[str],
    other: Path,
    figures: Sequence[Figure],
    clock: Clock,
    launches: int,
    told: Callable[[str], None],
    ready: Callable[[Speeds, Speeds], None],
    enough: Callable[[Speeds, Speeds], bool],
) -> tuple[Speeds, Speeds]:
    """The speeds of the grid of `words` by the code that runs here and by that in the folder `other`, each figure
    sampled for `measure.seconds` a member and launch of both, which are five or more: until it is `enough`, or so many
    `launches` were made.

    A figure has, besides its statistics, the samples of each of its `launches`, and those of the two codes pair up,
    place by place; members and figures that one of the two lacks have none. Other work on the machine is a mark. `told`
    gets a line whenever something begins; `ready` gets both grids without figures, and what it raises ends the call
    before anything is sampled. Up to `measure.retry` seconds in all are spent on waiting for a quiet machine before a
    launch is sampled. Raises ConfigError where a code builds no member, or ends before its time.
    """
    sampling, gauge = alike(compose_sweep(words)), Gauge()
    patience = Patience(sampling.retry, gauge)
    done: list[_Launch] = []
    for number in range(launches):
        told(f"launch {number + 1} of {launches} at most")
        with _both(words, clock, other) as codes:
            if not done:
                grids = codes[0].grid, codes[1].grid
                ready(*grids)
            for code in codes:
                code.stay(number)
            launch = _Launch(codes, gauge)
            with turn():
                patience.wait()
                for figure in figures:
                    launch.sample(figure, sampling.seconds, number)
        done.append(launch)
        for side, grid in enumerate(grids):
            for member in grid.members:
                member.figures.update(_figures(member, side, done))
        if len(done) >= FEWEST and enough(*grids):
            break
    return grids


class _Code:
    """A process that runs the code of a folder, and the grid that it has built."""

    grid: Speeds

    def __init__(self, folder: Path, process: subprocess.Popen[str], said: IO[bytes]) -> None:
        self._folder, self._process, self._said, self.cpu_s = folder, process, said, 0.0

    def wait_for_grid(self) -> None:
        """Raises ConfigError where no member could be built."""
        found = self._answer()
        if "error" in found:
            raise ConfigError(f"the code in {self._folder} measures nothing: {found['error']}")
        self.grid = Speeds.of_tree(found)

    def stay(self, number: int) -> None:
        """Keep the process on processors of this number, where Linux lets it: both codes on the same ones, since one is
        often faster than another, at each launch on others.
        """
        threads = max(int((member.options or {}).get("hardware.threads", 1)) for member in self.grid.members)
        if not hasattr(os, "sched_setaffinity"):
            return
        mine = sorted(os.sched_getaffinity(0))
        chosen = {mine[(number + place) % len(mine)] for place in range(threads)}
        for task in found_in(Path(f"/proc/{self._process.pid}/task"), "*"):
            with suppress(OSError):  # a thread that has ended
                os.sched_setaffinity(int(task.name), chosen)

    def ask(self, **request: object) -> dict[str, Any]:
        """The answer of `bench.study.sampler` to a request."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # then there is no answer either
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            self._said.seek(0)
            last = self._said.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise ConfigError(f"the code in {self._folder} cannot be measured in turn with another: {last}")
        answer: dict[str, Any] = json.loads(line)
        self.cpu_s = answer.get("cpu", self.cpu_s)
        return answer


@contextmanager
def _running(folder: Path, words: Sequence[str], clock: Clock) -> Iterator[_Code]:
    """The code of a folder, in a process that ends with the block."""
    command = [sys.executable, "-c", _RUN, str(folder), clock, *words]
    pipe = subprocess.PIPE
    with (
        TemporaryFile() as said,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=said, text=True, encoding="utf-8") as process,
    ):
        try:
            yield _Code(folder, process, said)
        finally:
            process.kill()


@contextmanager
def _both(words: Sequence[str], clock: Clock, other: Path) -> Iterator[tuple[_Code, _Code]]:
    """The code that runs here and the other one, whose members are built."""
    with (
        _running(about.FOLDER.parent, words, clock) as here,
        _running(other.absolute(), words, clock) as there,
    ):
        for code in (here, there):
            code.wait_for_grid()
        yield here, there


@dataclass(frozen=True)
class _Member:
    """A member in a process, which samples it by so many calls."""

    code: _Code
    place: int
    calls: int

    def sample(self) -> Sample:
        answer = self.code.ask(sample=self.place, calls=self.calls)
        return Sample(answer["tokens"], answer["seconds"])


class _Launch:
    """The samples of a launch of both codes, as microseconds a token by figure, member and side."""

    def __init__(self, codes: tuple[_Code, _Code], gauge: Gauge) -> None:
        self.codes, self._gauge = codes, gauge
        self.samples: dict[tuple[str, str, int], list[float]] = {}
        self.loads: dict[str, Load] = {}

    def sample(self, figure: Figure, seconds: float, seed: int) -> None:
        """Sample a figure of all members that both have."""
        ready = [_ready(code, figure) for code in self.codes]
        names = [name for name in ready[0] if name in ready[1]]
        pairs = [[side[name] for side in ready] for name in names]
        members = []
        for pair in pairs:
            calls = max(each.calls for each in pair)  # so that batches of several sizes pair up, too
            members += [replace(each, calls=calls) for each in pair]
        before = self._read()
        samples = until_steady(members, seconds, seed, _MOST) if members else []
        self.loads[figure] = between(before, self._read(), self._gauge.cores)
        for place, found in enumerate(samples):
            self.samples[figure, names[place // 2], place % 2] = [microseconds(*each) for each in found]

    def _read(self) -> Counters:
        """The counters of the machine, of whose processor time that of both codes is no other's."""
        return self._gauge.read()._replace(own=time.process_time() + sum(code.cpu_s for code in self.codes))


def _ready(code: _Code, figure: Figure) -> dict[str, _Member]:
    """The members of a code that have a figure, warm, by name."""
    warm = code.ask(figure=figure)
    return {
        code.grid.members[place].name: _Member(code, place, calls)
        for place, calls in zip(warm["places"], warm["calls"], strict=True)
    }


def _figures(member: Measured, side: int, launches: Sequence[_Launch]) -> dict[str, dict[str, Any]]:
    """The figures of a member of a side, of all launches."""
    found = {}
    for figure, name, _ in (key for key in launches[0].samples if key[1:] == (member.name, side)):
        samples = [launch.samples[figure, name, side] for launch in launches]
        loads = [launch.loads[figure] for launch in launches]
        busy = dict.fromkeys(line for load in loads for line in of_others(load))
        found[figure] = {
            **summarise([each for launch in samples for each in launch]),
            "launches": samples,
            "marks": {"contended": "; ".join(busy)} if busy else {},
            "loads": loads,
        }
    return found
