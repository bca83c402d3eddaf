"""Plants mistakes in the code, one at a time, and tells which of them no test sees.

- python tests/mutation planted: each mistake in tests/mutation/mistakes, with the test that is to see it
- python tests/mutation planted leases engines: those of two files
- python tests/mutation sample: 300 mutants drawn at random, with the tests that run the changed line
- python tests/mutation sample --only bench/stats --tests tests/stats --count 1000: all of a part, by its own tests
- python tests/mutation idle: the assertions that run in no test
"""

from __future__ import annotations

import argparse
import os
import queue
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from change import Change, sources
from copies import changed, copy_checkout
from covering import Covering, Group
from equivalent import equivalents
from generate import changes
from idle import idle_assertions
from planted import planted
from trial import CONTEXT, LIBRARIES, Outcome, trial

ROOT = Path(__file__).parents[2]
PARTS = ["bench/train", "bench/results", "bench/model", "bench/stats", "bench/tables", "tasks/common"]
WANTED = 0.95  # of the mutants that are not equivalent
Trial = tuple[Change, Outcome]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where every planted mistake, or 95% of the sample, was seen, or all assertions ran; 1 where not."""
    chosen = _parser().parse_args(arguments)
    CONTEXT.set_forkserver_preload(LIBRARIES)
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        return chosen.run(chosen, Path(folder))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python tests/mutation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("planted", help="the planted mistakes, each with the test that is to see it")
    one.set_defaults(run=_planted)
    one.add_argument("names", nargs="*", metavar="NAME", help="those of mistakes/NAME.toml (default all files)")
    many = verbs.add_parser("sample", help="mutants drawn at random, with the tests that run the changed line")
    many.set_defaults(run=_sample)
    many.add_argument("--only", nargs="+", default=PARTS, metavar="PATH", help=f"from (default {' '.join(PARTS)})")
    many.add_argument("--limit", type=float, default=60, help="seconds of tests a mutant, quickest first (default 60)")
    last = verbs.add_parser("idle", help="the assertions that run in no test")
    last.set_defaults(run=_idle)
    for verb in (many, last):
        verb.add_argument("--tests", nargs="+", default=[], metavar="PATH", help="of these tests alone, measured anew")
        verb.add_argument("--again", action="store_true", help="measure anew which tests run which lines")
    for verb, count, how_many in ((one, None, "all"), (many, 300, "300")):
        verb.add_argument("--count", type=int, default=count, help=f"how many, drawn at random (default {how_many})")
        verb.add_argument("--seed", type=int, default=0, help="which draw (default 0)")
        verb.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="trials at a time")
    return parser


def _planted(chosen: argparse.Namespace, folder: Path) -> int:
    mistakes = _drawn(planted(ROOT, names=chosen.names), chosen)
    trials = list(_trials(mistakes, lambda mistake: [Group([mistake.seen_by], 300)], chosen.jobs, folder))
    unseen = [mistake for mistake, outcome in trials if not outcome.killed]
    for mistake in unseen:
        print(f"not seen by {mistake.seen_by}: {mistake.shown(_source(mistake))}")
    print(f"{len(trials) - len(unseen)} of {len(trials)} planted mistakes are seen by their tests")
    return 1 if unseen else 0


def _sample(chosen: argparse.Namespace, folder: Path) -> int:
    every = [change for file, source in sources(ROOT, chosen.only).items() for change in changes(file, source)]
    drawn = _drawn(every, chosen)
    listed = equivalents()
    known = [change for change in drawn if any(each.is_(change, _source(change)) for each in listed)]
    covering = _covering(chosen, folder)

    def tests(change: Change) -> list[Group]:
        return covering.tests_for(change, _source(change), chosen.limit)

    tried = list(_trials([c for c in drawn if c not in known], tests, chosen.jobs, folder))
    survivors = [(change, outcome) for change, outcome in tried if not outcome.killed]
    print(f"\nsurvivors of {len(every)} mutants' sample {chosen.seed}, with the number of tests that were run:")
    for change, outcome in sorted(survivors, key=lambda survivor: (survivor[0].file, survivor[0].start)):
        print(f"{change.shown(_source(change))}   ({outcome.ran})")
    share = 1 - len(survivors) / max(1, len(tried))
    print(f"{len(tried) - len(survivors)} of {len(tried)} seen, {share:.1%}; {len(known)} more are equivalent")
    return 0 if share >= WANTED else 1


def _idle(chosen: argparse.Namespace, folder: Path) -> int:
    found = list(idle_assertions(ROOT, _covering(chosen, folder)))
    print("\n".join([*found, f"{len(found)} assertions ran in no test"]))
    return 1 if found else 0


def _drawn(changes: list[Change], chosen: argparse.Namespace) -> list[Change]:
    """As many as were asked for, each as likely as any other; all of them in their order where none are left out."""
    if chosen.count is None or chosen.count >= len(changes):
        return changes
    return random.Random(chosen.seed).sample(changes, chosen.count)


def _covering(chosen: argparse.Namespace, folder: Path) -> Covering:
    """Which tests run which lines: as it was measured before, unless some tests were chosen."""
    kept = ROOT / ".mutation"
    covering = Covering(folder if chosen.tests else kept)
    if chosen.again or chosen.tests or not (kept / "coverage").exists():
        if not chosen.tests:
            shutil.rmtree(kept, ignore_errors=True)
            kept.mkdir()
        covering.measure(ROOT, chosen.tests)
    if others := covering.changed_since(ROOT):
        print(f"lines were measured before {', '.join(others)} changed: --again measures anew")
    return covering


def _trials(
    mutants: Sequence[Change], tests: Callable[[Change], list[Group]], jobs: int, folder: Path
) -> Iterator[Trial]:
    """Each mutant and what became of it, `jobs` at a time, each in a copy of the checkout. `tests` gives the groups of
    tests that it meets, one after the other.
    """
    copies: queue.Queue[Path] = queue.Queue()
    for job in range(jobs):
        copies.put(copy_checkout(ROOT, folder / str(job)))

    def one(mutant: Change) -> Trial:
        copy, ran = copies.get(), 0
        try:
            with changed(copy, mutant):
                for group in tests(mutant):
                    outcome = trial(copy, *group)
                    ran += outcome.ran
                    if outcome.killed:
                        return mutant, outcome
            return mutant, Outcome(killed=False, by="", ran=ran)
        finally:
            copies.put(copy)

    with ThreadPoolExecutor(jobs) as pool:
        for mutant, outcome in pool.map(one, mutants):
            print(f"{outcome.by or 'SURVIVED'}   {mutant.shown(_source(mutant))}", flush=True)
            yield mutant, outcome


def _source(change: Change) -> str:
    return (ROOT / change.file).read_text("utf-8")


if __name__ == "__main__":
    sys.exit(main())
