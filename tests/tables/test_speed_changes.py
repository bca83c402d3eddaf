"""What became slower: a slow-down of 5% is seen, and two measurements of the same code differ in nothing."""

import random

import pytest
from speed_grids import a_grid

from bench.errors import ConfigError
from bench.tables.speed_changes import changes

MARGIN = 0.02


def noisy(factor=1.0, seed=0, count=30):
    """Samples that spread by 2%, with now and then one that was disturbed."""
    rng = random.Random(seed)
    return [factor * rng.gauss(1, 0.02) * (1.5 if rng.random() < 0.05 else 1) for _ in range(count)]


def grid(*factors, seed=0, **kwargs):
    return a_grid(*(({"cell": f"c{n}"}, noisy(f, 100 * seed + n)) for n, f in enumerate(factors)), **kwargs)


def test_a_slow_down_of_5_percent_is_seen_and_where():
    found = changes(grid(1, 1.05, 0.9, seed=1), [grid(1, 1, 1)], MARGIN)
    assert [(change.slower, change.faster) for change in found] == [(False, False), (True, False), (False, True)]
    assert str(found[1]).startswith("cell=c1  train  1.0") and str(found[1]).endswith("SLOWER (beyond 2.0%)")


def test_the_same_is_never_called_slower():
    before = [grid(*[1.0] * 6)]
    alarms = sum(
        c.slower or c.faster for seed in range(1, 30) for c in changes(grid(*[1.0] * 6, seed=seed), before, MARGIN)
    )
    assert alarms == 0


def test_another_machine_is_refused_unless_asked_for():
    before = grid(1, device="cuda")
    with pytest.raises(ConfigError, match=r"another machine \(device cuda, and here None\); add --other-machine"):
        changes(grid(1), [before], MARGIN)
    assert len(changes(grid(1), [before], MARGIN, other_machine=True)) == 1


def test_another_clock_and_other_members_are_refused():
    with pytest.raises(ConfigError, match="measure with --clock=cpu"):
        changes(grid(1), [grid(1, clock="cpu")], MARGIN)
    with pytest.raises(ConfigError, match="no file has any of these members; the first one has cell=x"):
        changes(grid(1), [a_grid(({"cell": "x"}, [1.0]))], MARGIN)


def test_files_of_the_same_code_tell_by_how_much_its_processes_differ():
    apart = [grid(1, seed=1), grid(1.2, seed=2)]
    (change,) = changes(grid(1.25, seed=3), apart, MARGIN)
    assert change.margin == pytest.approx(0.2, abs=0.02) and not change.slower
    (change,) = changes(grid(1.6, seed=4), apart, MARGIN)
    assert change.slower
