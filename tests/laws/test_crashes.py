"""A run that is stopped around any storage call, or anywhere between, is neither lost nor done twice nor wrong.

The storage calls are those that an unharmed run was seen to make. After each stop the same command is given again.
Where all tests run, the slow ones take each twentieth of the moments; all of them, in some minutes, where this file is
named: `python -m pytest tests/laws/test_crashes.py`.
"""

import json
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from counters import Scripted
from crashes import Moment, Watch, in_child, recorded, stopped

from bench.config.compose import compose
from bench.hardware import turn
from bench.hardware.load import Gauge
from bench.hardware.timing import Sample, Timed
from bench.job.execute import execute
from bench.results import names
from bench.results.record import Record
from bench.train.checkpoint import _read, list_checkpoints

COMMAND = [
    "task=copy", "task.held_out=20", "task.delay=3", "model.hidden=8", "model.dropout=0.3", "budget.steps=6",
    "evaluations=2", "checkpoint.steps=2", "hardware.device=cpu", "measure.seconds=0.001",
]  # fmt: skip
RANDOM = 30
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


@dataclass
class Run:
    """The command in results folders of its own, each of them begun as `before`; unharmed it comes to `result`."""

    place: Path
    before: Path | None
    result: tuple[object, ...] = ()
    watch: Watch = field(default_factory=Watch)

    def command(self, results: Path) -> list[str]:
        return [*COMMAND, f"results_dir={results}"]

    def folder(self) -> Path:
        results = self.place / "results"
        shutil.rmtree(results, ignore_errors=True)
        if self.before is not None:
            shutil.copytree(self.before, results)
        return results


def a_run(place: Path, before: Path | None = None) -> Run:
    run = Run(place, before)
    results = run.folder()
    run.watch = recorded(run.command(results), results, place / "notes.json")
    (done,) = done_runs(results)
    run.result = result(done)
    return run


@pytest.fixture(scope="module", autouse=True)
def like_measuring(tmp_path_factory) -> Iterator[None]:
    """A process measures with the same calls as another: all samples take a millisecond, and nobody else is at work."""
    lock = tmp_path_factory.mktemp("turn") / "lock"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Timed, "sample", lambda timed: Sample(timed._call(), 1e-3))
        patch.setattr(Gauge, "read", Scripted().read)
        patch.setattr(turn, "lock_file", lambda: lock)
        yield


@pytest.fixture(scope="module")
def fresh(tmp_path_factory, like_measuring: None) -> Run:
    """A run that nobody has begun."""
    place = tmp_path_factory.mktemp("fresh")
    execute(compose([*COMMAND, f"results_dir={place / 'warm'}"]))  # so this process has all modules of its children
    return a_run(place)


def done_runs(results: Path) -> list[Path]:
    """The published runs that are done. A published folder that is not whole fails the test."""
    runs = [path.parent for path in results.glob("runs/[!.]*/record.json")]
    assert {*runs} == {*results.glob("runs/[!.]*")}, "a published run has no record"
    return [run for run in runs if Record.read(run).status == "done"]


def result(run: Path) -> tuple[object, ...]:
    """All that a run came to but for times: scores, curve and weights."""
    record = json.loads((run / names.RECORD).read_text("utf-8"))
    header, *rows = [line.split(",") for line in (run / names.CURVE).read_text("utf-8").splitlines()]
    timeless = [[row[i] for i, name in enumerate(header) if name != "seconds"] for row in rows]
    return record["scores"], record["clipped"], timeless, (run / names.WEIGHTS).read_bytes()


def last_saved(results: Path) -> int:
    """The step of the last whole checkpoint that is there to go on from; 0 without one."""
    paths = [path for folder in results.glob("runs/*") for path in list_checkpoints(folder)]
    return max((_read(path)["step"] for path in paths if not path.parent.name.endswith(".removed")), default=0)


def faults_after(run: Run, moment: Moment, number: signal.Signals, count: Counter[str]) -> list[str]:
    """Stop the run at a moment and give the command again: what then is not as in a run that was left alone."""
    results, faults = run.folder(), []
    code = stopped(run.command(results), moment, number)
    if code != (None if number == signal.SIGKILL else 130):
        faults.append(f"not stopped, but exit code {code}")
    before = {done.name: (done / names.RECORD).read_bytes() for done in done_runs(results)}
    saved = 0 if before else last_saved(results)
    count.update({"stops": 1, moment.phase: 1, "found it done": bool(before), "found a checkpoint": bool(saved)})
    if (code := in_child(run.command(results))) != 0:
        faults.append(f"lost: exit code {code}")
    done = done_runs(results)
    if len(done) != 1:
        return [*faults, f"{'twice' if done else 'lost'}: {len(done)} done"]
    if before and before != {done[0].name: (done[0] / names.RECORD).read_bytes()}:
        faults.append("lost: the record that was there is another one")
    if result(done[0]) != run.result:
        faults.append("wrong: scores, curve or weights")
    if saved and f"going on from the checkpoint after step {saved}\n" not in (done[0] / names.LOG).read_text("utf-8"):
        faults.append(f"lost: it did not go on from step {saved}")
    left = [*results.glob("runs/.[!ai]*"), *results.glob("runs/*/.*"), *results.glob(f"runs/*/{names.CHECKPOINTS}")]
    return [*faults, *(f"left: {path.name}" for path in left)]


def check(run: Run, moments: list[Moment], number: signal.Signals) -> Counter[str]:
    """Stop the run at each moment; what was stopped in which phase."""
    count: Counter[str] = Counter()
    found = {moment: faults_after(run, moment, number, count) for moment in moments}
    assert {moment: faults for moment, faults in found.items() if faults} == {}
    return count


def drawn(run: Run, seed: int, count: int) -> list[Moment]:
    """Random calls of any kind, as many in each phase of the run."""
    draw, phases = random.Random(seed), run.watch.phases
    share = max(count // len(phases), 1)
    lengths = {phase: int(calls * 0.99) for phase, calls in phases.items()}  # waiting for git takes more calls or fewer
    return [Moment("calls", draw.randint(1, n), phase) for phase, n in lengths.items() for _ in range(share)]


def named(run: Run, *wanted: tuple[str, str]) -> list[Moment]:
    """The last moment of each (phase, name)."""
    last = {(moment.phase, moment.name): moment for moment in run.watch.around_storage}
    return [last[each] for each in wanted]


CHOSEN = [
    ("training", "before replace"),
    ("scoring", "after write"),
    ("publishing", "before rename"),
    ("publishing", "after rename"),
    ("tidying", "after unlink"),
]
"""Where earlier versions lost a run, or published what was half."""


def test_a_run_that_is_killed_at_the_joints_of_its_end_is_not_lost(fresh: Run) -> None:
    count = check(fresh, named(fresh, *CHOSEN), signal.SIGKILL)
    assert (count["found a checkpoint"], count["found it done"]) == (3, 2)


PHASES = {"starting", "training", "scoring", "measuring", "publishing", "tidying"}


@pytest.fixture
def every(request) -> int:
    """1 for all moments, 20 for each twentieth."""
    return 1 if any(Path(__file__).name in argument for argument in request.config.args) else 20


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_stopped_around_any_storage_call_is_not_lost(fresh: Run, number, every: int, capsys) -> None:
    assert len(fresh.watch.around_storage) > 100
    moments = fresh.watch.around_storage[:: every * (1 if number == signal.SIGKILL else 4)]
    anywhere = drawn(fresh, number, RANDOM // every)
    count = check(fresh, [*moments, *anywhere], number)
    tell(capsys, number, count)
    assert count.keys() >= PHASES
    assert count["stops"] == len(moments) + len(anywhere)
    assert min(count["found a checkpoint"], count["found it done"]) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_goes_on_and_is_killed_again_is_not_lost(
    fresh: Run, how, tmp_path: Path, every: int, capsys
) -> None:
    """The first process was stopped in training: what it left is taken over, or copied, and later cleared away."""
    (moment,) = named(fresh, ("training", "before unlink"))
    begun = tmp_path / "begun"
    stopped([*COMMAND, f"results_dir={begun}"], moment, how)
    assert last_saved(begun)
    run = a_run(tmp_path, before=begun)
    assert run.result == fresh.result
    phases = ("starting", "publishing", "tidying")
    ends = [[moment for moment in run.watch.around_storage if moment.phase == phase] for phase in phases]
    count = check(run, [moment for moments in ends for moment in moments[::every]], signal.SIGKILL)
    tell(capsys, how, count)
    assert count.keys() >= {*phases}


def tell(capsys, number: signal.Signals, count: Counter[str]) -> None:
    with capsys.disabled():
        print(f"\n{number.name}: {dict(count)}: 0 lost, 0 twice, 0 wrong")
