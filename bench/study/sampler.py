"""A process that samples the members of a grid one at a time, as it is asked: what `codes` has of each of two codes.

`python -m bench.study.sampler CLOCK WORD...` builds the members. It then answers each line of JSON on stdin by one on
stdout; whatever else is printed goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.config.sweeps.members import compose_sweep
from bench.errors import BenchError
from bench.hardware.timing import Timed
from bench.measure.grid import Entry, Lost, warm
from bench.results.speeds import Figure
from bench.study.speeds import CLOCKS, build, why

_SHORTEST = 0.005
"""Seconds of a sample: long beside the filling of caches that another process has had, short beside what disturbs."""


class Sampler:
    """Answers requests: `figure` warms up the members that have it, `without` some by their names, `sample` samples one
    of them for so many `calls`.

    The answer to the first has their `places` in the grid and how many `calls` make a sample; that to the second
    `tokens`, `seconds`, and the processor time that this process has had, `cpu`. Where a member fails it is its name,
    `lost`, and `why`.
    """

    def __init__(self, entries: Sequence[Entry], clock: Callable[[], float]) -> None:
        self._entries, self._clock = entries, clock
        self._timed: dict[int, Timed] = {}

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._warm(**request) if "figure" in request else self._sample(**request)
        except Lost as lost:
            return {"lost": lost.name, "why": why(lost)}

    def _warm(self, figure: Figure, without: Sequence[str] = ()) -> dict[str, Any]:
        able = [n for n, entry in enumerate(self._entries) if entry.has(figure) and entry.name not in without]
        timed = warm([self._entries[place] for place in able], figure, self._clock, _SHORTEST)
        self._timed = dict(zip(able, timed, strict=True))
        return {"places": able, "calls": [each.calls for each in timed]}

    def _sample(self, sample: int, calls: int) -> dict[str, Any]:
        self._timed[sample].calls = calls
        tokens, seconds = self._timed[sample].sample()
        return {"tokens": tokens, "seconds": seconds, "cpu": time.process_time()}


def main(clock: str, *words: str) -> int:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(answer: Mapping[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    try:
        grid, entries = build(compose_sweep([*words]), "cpu" if clock == "cpu" else "wall")
    except BenchError as error:
        say({"error": str(error)})
        return 2
    say(grid.to_tree())
    sampler = Sampler(entries, CLOCKS[grid.clock])
    for line in sys.stdin:
        say(sampler.answer(json.loads(line)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
