"""What the statistics promise, by simulation.

`python tests/stats/simulations.py` prints the tables of docs/statistics.md as Markdown, and with names of tables those.

The worlds are scores as seeds have them: some of a mean that is known, so that an interval can be seen to hold it.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, stdtrit
from scipy.stats import binom, bootstrap, norm

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from crossed_scores import crossed

from bench.stats.aggregate import interquartile_mean
from bench.stats.components import components
from bench.stats.crossed import mean_of_runs
from bench.stats.difference import can_tell, gain, significance
from bench.stats.improvement import improvement
from bench.stats.interval import EVERYTHING, mean_interval
from bench.stats.power import seen
from bench.stats.proportion import proportion
from bench.stats.scale import Scale
from bench.stats.sequential import looks

SEEDS = (3, 5, 10, 30)
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


class World(NamedTuple):
    """A distribution of the scores of a cell over seeds, its mean, and the metric."""

    draw: Draw
    mean: float
    scale: Scale = Scale(direction="max", unit="share", chance=0.1, solved=1.0)


LOSS = Scale(direction="min", lowest=0.0)


def beta(mean: float, weight: float) -> World:
    return World(lambda rng, shape: rng.beta(mean * weight, (1 - mean) * weight, shape), mean)


def lognormal(deviation: float) -> World:
    return World(lambda rng, shape: rng.lognormal(0, deviation, shape), math.exp(deviation**2 / 2), LOSS)


def counted(mean: float, weight: float, sequences: int) -> World:
    """Accuracies over so many test sequences: multiples of one over their number, with many ties."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.binomial(sequences, rng.beta(mean * weight, (1 - mean) * weight, shape)) / sequences

    return World(draw, mean)


def mixture(solving: float) -> World:
    """Seeds of which a share of `solving` score around 0.99, and the others around 0.2."""
    up, down = beta(0.99, 1000), beta(0.2, 100)

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.where(rng.random(shape) < solving, up.draw(rng, shape), down.draw(rng, shape))

    return World(draw, solving * up.mean + (1 - solving) * down.mean)


WORLDS = {
    "normal, accuracy 0.7 ±0.02": World(lambda rng, shape: rng.normal(0.7, 0.02, shape), 0.7),
    "normal, loss 2 ±0.05": World(lambda rng, shape: rng.normal(2, 0.05, shape), 2.0, LOSS),
    "skewed, gamma of shape 4": World(lambda rng, shape: rng.gamma(4, 1, shape), 4.0, LOSS),
    "skewed, lognormal 0.5": lognormal(0.5),
    "very skewed, lognormal 1": lognormal(1.0),
    "near 1, beta 0.97 ±0.017": beta(0.97, 100),
    "near 1, beta 0.99 ±0.010": beta(0.99, 100),
    "near 1, counts of 400": counted(0.99, 300, 400),
}
MIXTURES = {f"mixture, {share:.0%} solve": mixture(share) for share in (0.5, 0.8, 0.9)}


# Intervals of a mean


def ours(scores: np.ndarray, scale: Scale) -> tuple[float, float]:
    found = mean_interval(scores.tolist(), within=scale.range)
    return (found.mean, found.mean) if math.isnan(found.low) else (found.low, found.high)


def student(scores: np.ndarray, scale: Scale) -> tuple[float, float]:
    half = stdtrit(len(scores) - 1, 0.975) * scores.std(ddof=1) / math.sqrt(len(scores))
    return scores.mean() - half, scores.mean() + half


def transformed(scores: np.ndarray, scale: Scale) -> tuple[float, float]:
    """Student's interval of the mean of the logits or logs, which is that of another mean."""
    low, high = scale.range
    if math.isfinite(high):
        ends = student(logit(np.clip((scores - low) / (high - low), 1e-6, 1 - 1e-6)), scale)
        return low + (high - low) * expit(ends[0]), low + (high - low) * expit(ends[1])
    ends = student(np.log(np.maximum(scores - low, 1e-12)), scale)
    return low + math.exp(ends[0]), low + math.exp(ends[1])


def bca(scores: np.ndarray, scale: Scale) -> tuple[float, float]:
    """The bias-corrected and accelerated bootstrap."""
    if np.ptp(scores) == 0:
        return scores[0], scores[0]
    found = bootstrap([scores], np.mean, n_resamples=999, method="BCa", random_state=0).confidence_interval
    return found.low, found.high


def anderson(scores: np.ndarray, scale: Scale) -> tuple[float, float]:
    """Anderson's bounds (1969), which hold for any distribution between two ends; infinite without them."""
    low, high = scale.range
    if not math.isfinite(high):
        return EVERYTHING
    count = len(scores)
    band = math.sqrt(math.log(2 / 0.05) / (2 * count))
    below = np.maximum(0, np.arange(1, count + 1) / count - band)

    def upper(ordered: np.ndarray) -> float:
        return high - float(np.sum(below * np.diff(np.append(ordered, high))))

    return low + high - upper(np.sort(low + high - scores)), upper(np.sort(scores))


METHODS = {"ours": ours, "Student's t": student, "t of logits or logs": transformed, "BCa": bca, "Anderson": anderson}


def coverage(world: World, method: Callable[..., tuple[float, float]], seeds: int, repeats: int) -> tuple[float, float]:
    """How often the interval holds the mean, and its median width; NaN in place of ends beyond the range."""
    rows = world.draw(np.random.default_rng(seeds), (repeats, seeds))
    ends = np.array([method(row, world.scale) for row in rows])
    held = (ends[:, 0] <= world.mean + 1e-12) & (world.mean - 1e-12 <= ends[:, 1])
    return float(held.mean()), float(np.median(ends[:, 1] - ends[:, 0]))


def coverages(repeats: int = 10_000) -> Iterator[list[str]]:
    yield ["scores", *(f"{seeds} seeds" for seeds in SEEDS), *(f"{name}, 10" for name in METHODS if name != "ours")]
    for name, world in (WORLDS | MIXTURES).items():
        cells = [f"{coverage(world, ours, seeds, repeats)[0]:.1%}" for seeds in SEEDS]
        others = [
            f"{coverage(world, method, 10, repeats // 10 if method is bca else repeats)[0]:.1%}"
            for method in METHODS.values()
            if method is not ours
        ]
        yield [name, *cells, *others]


def split_coverage(share: float, seeds: int, repeats: int) -> float:
    """How often the interval holds the mean of a mixture, where some seeds of a sample solve and others do not."""
    world = mixture(share)
    rows = world.draw(np.random.default_rng(seeds), (repeats, seeds))
    split = [row for row in rows if world.scale.splits(row)]
    held = [low <= world.mean <= high for low, high in (ours(row, world.scale) for row in split)]
    return float(np.mean(held))


def splits(repeats: int = 10_000) -> Iterator[list[str]]:
    yield ["scores", *(f"{seeds} seeds" for seeds in SEEDS)]
    for share in (0.5, 0.8, 0.9):
        yield [f"mixture, {share:.0%} solve", *(f"{split_coverage(share, seeds, repeats):.1%}" for seeds in SEEDS)]


# Shares of seeds


def share_coverage(seeds: int, interval: Callable[[int, int], tuple[float, float]]) -> np.ndarray:
    """The coverage of a share's interval, exactly, for shares from 0.001 to 0.999."""
    shares = np.arange(1, 1000) / 1000
    held = np.zeros_like(shares)
    for solved in range(seeds + 1):
        low, high = interval(solved, seeds)
        held += binom.pmf(solved, seeds, shares) * ((low <= shares) & (shares <= high))
    return held


def clopper_pearson(solved: int, seeds: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    return tuple(binomtest(solved, seeds).proportion_ci(method="exact"))


def wilson(solved: int, seeds: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    return tuple(binomtest(solved, seeds).proportion_ci(method="wilson"))


def shares() -> Iterator[list[str]]:
    yield ["interval of a share", *(f"{seeds} seeds" for seeds in SEEDS)]
    methods = {"mid-P (ours)": lambda k, n: proportion(k, n)[1:3], "Clopper-Pearson": clopper_pearson, "Wilson": wilson}
    for name, method in methods.items():
        found = [share_coverage(seeds, method) for seeds in SEEDS]
        yield [name, *(f"{each.mean():.1%}, at least {each.min():.1%}" for each in found)]


def solving() -> Iterator[list[str]]:
    yield ["true share that solves", *(f"{seeds} seeds" for seeds in SEEDS)]
    for share in (0.5, 0.8, 0.9):
        held = [share_coverage(seeds, lambda k, n: proportion(k, n)[1:3])[round(1000 * share) - 1] for seeds in SEEDS]
        yield [f"{share:.0%}", *(f"{each:.1%}" for each in held)]


# Comparisons


def alarm(scale: Scale, a: list[float], b: list[float], alpha: float) -> bool:
    """Whether the two are called different; an exact test that cannot is not run."""
    normal = not scale.splits((*a, *b))
    if not normal and not can_tell(len(a), len(b), True, alpha):
        return False
    return significance(a, b, True, alpha, normal).p <= alpha


def false_alarms(world: World, seeds: int, repeats: int, cells: int = 10, reference: bool = False) -> float:
    """How often any of `cells` that are the same is called different: each against each, or against a first."""
    pairs = [(i, j) for i, j in itertools.combinations(range(cells), 2) if not (reference and i)]
    rng = np.random.default_rng(seeds)
    alpha, alarms = 0.05 / len(pairs), 0
    for _ in range(repeats):
        rows = world.draw(rng, (cells, seeds)).tolist()
        alarms += any(alarm(world.scale, rows[i], rows[j], alpha) for i, j in pairs)
    return alarms / repeats


def nulls(repeats: int = 300) -> Iterator[list[str]]:
    kinds = [*itertools.product((3, 5, 8), (False, True)), (10, False)]
    yield ["ten cells alike", *(f"{n} seeds, {'one against 9' if r else 'all 45 pairs'}" for n, r in kinds)]
    for name, world in (WORLDS | MIXTURES).items():
        found = [false_alarms(world, seeds, repeats, 10, reference) for seeds, reference in kinds]
        yield [name, *(f"{each:.1%}" for each in found)]


_OF_POWER = (3, 5, 10, 15, 20)


def powers(repeats: int = 200) -> Iterator[list[str]]:
    """How often a difference of one or two standard deviations of a score is seen, of normal scores."""
    yield ["power", *(f"{seeds} seeds" for seeds in _OF_POWER)]
    rng = np.random.default_rng(0)
    for effect, family in itertools.product((1.0, 2.0), (1, 9)):
        alpha, row = 0.05 / family, []
        for seeds in _OF_POWER:
            a, b = rng.normal(0, 1, (2, repeats, seeds))
            row.append(
                np.mean(
                    [
                        significance(x, y + effect, True, alpha, True).p <= alpha
                        for x, y in zip(a.tolist(), b, strict=True)
                    ]
                )
            )
        yield [f"{effect:g} deviations, {family} comparisons", *(f"{each:.0%}" for each in row)]
    yield [
        "1 deviation, 1 comparison, as planned",
        *(f"{seen(1 / math.sqrt(2), n, 0.05, True):.0%}" for n in _OF_POWER),
    ]


def false_stops(world: World, seeds: int, repeats: int) -> float:
    """How often a comparison of two that are the same, looked at after each seed, is ever ended by p <= 0.05."""
    rows = world.draw(np.random.default_rng(1), (2, repeats, seeds))
    return float(np.mean([looks(each, 0.95)[-1].p <= 0.05 for each in (rows[1] - rows[0]).tolist()]))


def sequential(repeats: int = 4000) -> Iterator[list[str]]:
    yield ["two cells alike", "ended by p <= 0.05 at any of 30 looks", "by the same test without correction"]
    for name, world in (WORLDS | MIXTURES).items():
        rows = world.draw(np.random.default_rng(1), (2, repeats // 4, 30))
        naive = np.mean([any(_student_p(each[:n]) <= 0.05 for n in range(2, 31)) for each in rows[1] - rows[0]])
        yield [name, f"{false_stops(world, 30, repeats):.1%}", f"{naive:.1%}"]


def _student_p(gains: np.ndarray) -> float:
    from scipy.special import stdtr

    deviation = gains.std(ddof=1)
    if deviation == 0:
        return 1.0 if gains[0] == 0 else 0.0
    return float(2 * stdtr(len(gains) - 1, -abs(gains.mean()) / deviation * math.sqrt(len(gains))))


def stops(effects: Sequence[float] = (0.5, 1.0, 1.5, 2.0, 3.0), repeats: int = 2000) -> Iterator[list[str]]:
    yield ["true difference", "seen within 30 seeds", "seeds run, mean"]
    rng = np.random.default_rng(2)
    for effect in effects:
        a, b = rng.normal(0, 1, (2, repeats, 30))
        ends = [[look.seeds for look in looks(row) if look.p <= 0.05] for row in (b + effect - a).tolist()]
        told = np.mean([bool(each) for each in ends])
        yield [f"{effect:g} deviations", f"{told:.0%}", f"{np.mean([each[0] if each else 30 for each in ends]):.1f}"]


def improvements(repeats: int = 3000) -> Iterator[list[str]]:
    yield ["probability of improvement", *(f"{seeds} seeds" for seeds in SEEDS)]
    for effect in (0.0, 0.5, 1.0, 2.0, 3.0):
        true, row = float(norm.cdf(effect / math.sqrt(2))), []
        for seeds in SEEDS:
            a, b = np.random.default_rng(seeds).normal(0, 1, (2, repeats // 5 if seeds == 30 else repeats, seeds))
            found = [improvement(x, y, "max") for x, y in zip(a.tolist(), (b + effect).tolist(), strict=True)]
            row.append(np.mean([each.low <= true <= each.high for each in found]))
        yield [f"{true:.2f}", *(f"{each:.1%}" for each in row)]


def aggregates(repeats: int = 300) -> Iterator[list[str]]:
    yield ["interquartile mean of 5 tasks", *(f"{seeds} seeds" for seeds in SEEDS)]
    means = (0.2, 0.5, 0.8, 0.9, 0.97)
    worlds = [beta(mean, 50) for mean in means]
    rng = np.random.default_rng(0)
    row = []
    for seeds in SEEDS:
        many = [[world.draw(rng, (4000, seeds)) for world in worlds]][0]
        pooled = np.sort(np.concatenate(many, 1), 1)
        cut = pooled.shape[1] // 4
        true = float(pooled[:, cut : pooled.shape[1] - cut].mean())
        found = [interquartile_mean([world.draw(rng, (seeds,)).tolist() for world in worlds]) for _ in range(repeats)]
        row.append(np.mean([each.low <= true <= each.high for each in found]))
    yield ["beta, ±0.04", *(f"{each:.1%}" for each in row)]


def gains(repeats: int = 4000) -> Iterator[list[str]]:
    """Coverage of the interval of a difference, paired and not."""
    yield ["difference of two cells", *(f"{n} seeds, {kind}" for kind in ("paired", "unpaired") for n in (3, 5, 10))]
    for name, world in WORLDS.items():
        row = []
        for paired, seeds in itertools.product((True, False), (3, 5, 10)):
            a, b = world.draw(np.random.default_rng(seeds), (2, repeats, seeds)).tolist()
            found = [gain(x, y, paired, 0.95, world.scale.range) for x, y in zip(a, b, strict=True)]
            row.append(
                np.mean([each.low <= 0 <= each.high or (math.isnan(each.low) and each.mean == 0) for each in found])
            )
        yield [name, *(f"{each:.1%}" for each in row)]


DESIGNS = ((3, 3), (5, 5), (3, 10), (10, 10))
SPREADS = {"both alike": (1.0, 1.0, 1.0), "one source alone": (1.0, 0.0, 0.1), "neither": (0.0, 0.0, 1.0)}


def crossed_coverage(levels: Sequence[int], spread: Sequence[float], draws: int) -> list[float]:
    """How often the interval of the mean holds it, and those of the deviations of both factors and of the rest."""
    rng, held = np.random.default_rng(0), np.zeros(4)
    for _ in range(draws):
        scores = crossed(levels, [0.01 * each for each in spread[:2]], 0.01 * spread[2], rng)
        found = [mean_of_runs(scores)[1:3], *((each.low, each.high) for each in components(scores))]
        true = [0.7, *(0.01 * each for each in spread)]
        held += [low <= value * (1 + 1e-9) and value <= high for (low, high), value in zip(found, true, strict=True)]
    return [float(each) for each in held / draws]


def sources() -> Iterator[list[str]]:
    yield [
        "seeds x orders of the data, spread",
        "mean of all runs",
        "first source",
        "second source",
        "what they do together",
    ]
    for name, spread in SPREADS.items():
        for levels in DESIGNS:
            held = crossed_coverage(levels, spread, 2000)
            yield [f"{levels[0]} x {levels[1]}, {name}", *(f"{each:.1%}" for each in held)]


TABLES: dict[str, Callable[[], Iterator[list[str]]]] = {
    "coverage": coverages,
    "splits": splits,
    "shares": shares,
    "solving": solving,
    "gains": gains,
    "null": nulls,
    "power": powers,
    "looks": sequential,
    "stops": stops,
    "improvement": improvements,
    "aggregate": aggregates,
    "sources": sources,
}


def main(names: Sequence[str]) -> None:
    for name in names or TABLES:
        head, *rows = TABLES[name]()
        print(f"\n{name}\n")
        for line in (head, ["---", *["---:"] * (len(head) - 1)], *rows):
            print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
