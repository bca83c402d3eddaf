"""What the harness's loop costs on top of one written by hand: same model, same data, steps of about 1 ms.

    python -m pytest tests/benchmarks/test_overhead.py -s

Steps of the two loops take turns in one process, so that whatever else the machine does meanwhile slows both (a busy
machine still costs the many small operations of a step more than the large ones: run it on a quiet one). The figure is
the ratio of the medians, and is to be at most 1.03. `train` is the loop alone, `fit` adds the bookkeeping around it:
clock, budget, losses and listener.
"""

import time
from itertools import cycle, islice
from statistics import median

import pytest
import torch
import torch.nn.functional as F
from tiny import Given, fitted, seeded

from bench.api import Batch
from bench.config.schema import BudgetConfig, ClipConfig, Config, ModelConfig
from bench.job.build import build
from bench.train.loop import train

PAIRS, WARM_UP = 2000, 100
T, B, CLASSES = 16, 16, 4


def predrawn(count=8, steps=T, lanes=B):
    """Batches of symbols, all scored and all fresh."""
    inputs = torch.randint(CLASSES, (count, steps, lanes), generator=seeded(1))
    targets = torch.randint(CLASSES, (count, steps, lanes), generator=seeded(2))
    ones = torch.ones(steps, lanes)
    return [Batch(x, y, ones, torch.ones(lanes, dtype=torch.bool)) for x, y in zip(inputs, targets, strict=True)]


def a_setup(batches, clip=1.0, hidden=32, pairs=PAIRS):
    config = Config(
        cell={"_target_": "bench.cells.lstm.LSTM"},
        optimizer={"_target_": "torch.optim.Adam", "lr": 1e-3},
        model=ModelConfig(hidden=hidden, embedding=0),
        budget=BudgetConfig(steps=WARM_UP + pairs),
        clip=ClipConfig(clip),
        batch_size=batches[0].inputs.shape[1],
        evaluations=1,
    )
    return build(config, Given(train=batches, valid=batches[:1]))


def by_hand(model, optimizer, batches, clip):
    """The loop as one writes it in PyTorch for data that are scored everywhere; yields the loss of each step."""
    model.train()
    while True:
        for batch in batches:
            logits, _ = model(batch.inputs, model.initial_state(batch.inputs.shape[1]))
            loss = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            optimizer.zero_grad()  # last, as ours has no gradients of another loop to add to either
            yield loss.item()


class Turns:
    """Takes a hand-written step each time that a trainer has made one of its own, and times both."""

    def __init__(self, hand):
        self.hand, self.ours, self.theirs = hand, [], []
        self.left = time.perf_counter()

    def __call__(self, *_):
        entered = time.perf_counter()
        next(self.hand)
        self.ours.append(entered - self.left)
        self.left = time.perf_counter()
        self.theirs.append(self.left - entered)


def take_turns(ours, theirs):
    """Seconds of each step of both; who goes first changes from pair to pair."""
    pair = [(ours, []), (theirs, [])]
    for number in range(WARM_UP + PAIRS):
        for steps, seconds in pair if number % 2 else reversed(pair):
            start = time.perf_counter()
            next(steps)
            seconds.append(time.perf_counter() - start)
    return [seconds for _, seconds in pair]


def our_steps(setup, batches):
    return train(setup.model, setup.task, setup.optimizer, cycle(batches), setup.config, setup.machine)


def check_same(clip):
    """Both train alike, or there is nothing to compare; later than this, rounding drives them apart."""
    batches = predrawn()
    mine, other = a_setup(batches, clip), a_setup(batches, clip)
    ours = [step.loss for step in islice(our_steps(mine, batches), 20)]
    assert ours == pytest.approx(list(islice(by_hand(other.model, other.optimizer, batches, clip), 20)), rel=1e-4)


def interleaved(loop, clip):
    """Seconds of each step of ours and of the hand-written one, after the warm-up.

    Both train one model with one optimiser: where two copies happen to lie in memory makes a difference of some 3%.
    """
    batches = predrawn()
    setup = a_setup(batches, clip)
    hand = by_hand(setup.model, setup.optimizer, batches, clip)
    if loop == "train":
        ours, theirs = take_turns(our_steps(setup, batches), hand)
    else:
        turns = Turns(hand)
        fitted(setup, on_step=turns)
        ours, theirs = turns.ours, turns.theirs
    return ours[WARM_UP:], theirs[WARM_UP:]


@pytest.mark.parametrize("clip", [1.0, 1e-3], ids=["clipping rests", "clipping acts"])
@pytest.mark.parametrize("loop", ["train", "fit"])
def test_overhead(benchmark, loop, clip):
    check_same(clip)
    ours, theirs = (median(seconds) for seconds in benchmark.pedantic(interleaved, args=(loop, clip), rounds=1))
    benchmark.extra_info.update(ratio=ours / theirs, ours_ms=1e3 * ours, by_hand_ms=1e3 * theirs, pairs=PAIRS)
    figures = f"{1e3 * ours:.3f} ms a step, by hand {1e3 * theirs:.3f} ms: ratio {ours / theirs:.3f} (target 1.03)"
    print(f"\n{loop}, clip.norm={clip:g}: {figures}")
