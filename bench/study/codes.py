"""The speeds of a grid by two codes, each in a process of its own, sampled in turn: what slows the machine meanwhile
slows both (duet benchmarking: Bulej et al., ICPE 2020).

Processes of one code differ, too, as by where their memory lies: so both are launched several times, and each launch
is one observation (Kalibera and Jones, ISMM 2013).
"""

from __future__ import annotations

import json
import os
import signal
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
from bench.errors import ConfigError, Failed
from bench.hardware.contention import Patience, of_others
from bench.hardware.load import Counters, Gauge, Load, between, found_in
from bench.hardware.timing import Sample
from bench.hardware.turn import turn
from bench.measure.figure import microseconds
from bench.measure.grid import Lost, until_steady
from bench.results.speeds import Clock, Figure, Measured, Speeds
from bench.stats.summary import summarise
from bench.study.speeds import alike, keep_measured, refuse_without, why

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
    name: str,
    figures: Sequence[Figure],
    clock: Clock,
    launches: int,
    told: Callable[[str], None],
    ready: Callable[[Speeds, Speeds], None],
    enough: Callable[[Speeds, Speeds], bool],
) -> tuple[Speeds, Speeds]:
    """The speeds of the grid of `words` by the code that runs here and by that in the folder `other`, called `name` in
    messages. Each figure is sampled for `measure.seconds` a member and launch of both, which are five or more: until
    it is `enough`, or so many `launches` were made.

    A figure has, besides its statistics, the samples of each of its `launches`, and those of the two codes pair up,
    place by place; members and figures that one of the two lacks have none. A member that fails while one of them
    samples it is refused in both grids. Other work on the machine is a mark. `told` gets a line whenever something
    begins; `ready` gets both grids without figures, and what it raises ends the call before anything is sampled. Up to
    `measure.retry` seconds in all are spent on waiting for a quiet machine before a launch is sampled. Raises
    ConfigError where a code builds no member, both have none in common or one ends before its time, and Failed where no
    member is left.
    """
    if not (other / "bench" / "study" / "sampler.py").is_file():
        raise ConfigError(
            f"{name} is older than measuring in turn: write a file with its own bench speed --to, and --compare that"
        )
    sampling, gauge = alike(compose_sweep(words)), Gauge()
    patience = Patience(sampling.retry, gauge)
    done: list[_Launch] = []
    lost: dict[str, str] = {}
    for number in range(launches):
        told(f"launch {number + 1} of {launches} at most")
        with _both(words, clock, other, name) as codes:
            if not done:
                grids = codes[0].grid, codes[1].grid
                _refuse_apart(grids, figures)
                ready(*grids)
            for code in codes:
                code.stay(number)
            launch = _Launch(codes, gauge, lost)
            with turn():
                patience.wait()
                for figure in figures:
                    launch.sample(figure, sampling.seconds, number)
        done.append(launch)
        for side, grid in enumerate(grids):
            for member in grid.members:
                member.figures.clear()
                member.figures.update({} if member.name in lost else _figures(member, side, done))
            grid.refused.update(lost)
            keep_measured(grid)
        if len(done) >= FEWEST and enough(*grids):
            break
    return grids


def _refuse_apart(grids: tuple[Speeds, Speeds], figures: Sequence[Figure]) -> None:
    """Raise ConfigError where nothing can be measured by both codes."""
    names = [{member.name for member in grid.members} for grid in grids]
    if not names[0] & names[1]:
        refused = "; ".join(f"{name}: {reason}" for grid in grids for name, reason in grid.refused.items())
        raise ConfigError(f"both codes have no member in common: {refused}")
    for grid in grids:
        refuse_without(replace(grid, members=[m for m in grid.members if m.name in names[0] & names[1]]), figures)


class _Code:
    """A process that runs a code, which has a `name` in messages, and the grid that it has built."""

    grid: Speeds

    def __init__(self, name: str, process: subprocess.Popen[str], said: IO[bytes]) -> None:
        self.name, self._process, self._said, self.cpu_s = name, process, said, 0.0

    def wait_for_grid(self) -> None:
        """Raises ConfigError where no member could be built."""
        found = self._answer()
        if "error" in found:
            raise ConfigError(f"{self.name} measures nothing: {found['error']}")
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
        """The answer of `bench.study.sampler` to a request. Raises Lost where a member fails."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # then there is no answer either
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        if "lost" in (answer := self._answer()):
            raise Lost(answer["lost"]) from Failed(f"{self.name}: {answer['why']}")
        return answer

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            if (code := self._process.wait()) < 0:
                killed = signal.Signals(-code).name
                raise Failed(f"the process of {self.name} was ended by {killed}, as where memory runs out")
            self._said.seek(0)
            last = self._said.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise ConfigError(f"{self.name} cannot be measured in turn with another: {last or f'exit code {code}'}")
        answer: dict[str, Any] = json.loads(line)
        self.cpu_s = answer.get("cpu", self.cpu_s)
        return answer


@contextmanager
def _running(folder: Path, name: str, words: Sequence[str], clock: Clock) -> Iterator[_Code]:
    """The code of a folder, in a process that ends with the block."""
    command = [sys.executable, "-c", _RUN, str(folder), clock, *words]
    pipe = subprocess.PIPE
    with (
        TemporaryFile() as said,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=said, text=True, encoding="utf-8") as process,
    ):
        try:
            yield _Code(name, process, said)
        finally:
            process.kill()
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # of a request that its end came before
                process.stdin.close()


@contextmanager
def _both(words: Sequence[str], clock: Clock, other: Path, name: str) -> Iterator[tuple[_Code, _Code]]:
    """The code that runs here and the other one, whose members are built."""
    with (
        _running(about.FOLDER.parent, "the code here", words, clock) as here,
        _running(other.absolute(), f"the code of {name}", words, clock) as there,
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
    """The samples of a launch of both codes, as microseconds a token by figure, member and side; members are left out
    that are `lost`, where a further one is added with the reason.
    """

    def __init__(self, codes: tuple[_Code, _Code], gauge: Gauge, lost: dict[str, str]) -> None:
        self.codes, self._gauge, self._lost = codes, gauge, lost
        self.samples: dict[tuple[str, str, int], list[float]] = {}
        self.loads: dict[str, Load] = {}

    def sample(self, figure: Figure, seconds: float, seed: int) -> None:
        """Sample a figure of all members that both have; where one fails, the others anew."""
        while True:
            try:
                return self._sample(figure, seconds, seed)
            except Lost as lost:
                self._lost[lost.name] = f"{figure}: {why(lost)}"

    def _sample(self, figure: Figure, seconds: float, seed: int) -> None:
        ready = [_ready(code, figure, [*self._lost]) for code in self.codes]
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


def _ready(code: _Code, figure: Figure, without: Sequence[str]) -> dict[str, _Member]:
    """The members of a code that have a figure, warm, by name, `without` some."""
    warm = code.ask(figure=figure, without=without)
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
