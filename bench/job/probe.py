"""What a run would take, guessed from a few of its steps: the training is begun, and nothing of it is kept."""

from __future__ import annotations

import time
from itertools import islice

from torch import Generator

from bench.config.schema import BudgetConfig
from bench.job.prepared import Prepared
from bench.measure.memory import measure_memory
from bench.tables.plans import Cost
from bench.train.evaluate import evaluate
from bench.train.loop import train
from bench.train.passes import Passes

_STEPS = 4  # the first warms up
_FIGURES = 4  # training, inference, streaming, prefill: each is sampled for `measure.seconds`


def probe(prepared: Prepared) -> Cost:
    """The cost of a prepared run: of four training steps and one validation, times what the budget has of them.

    It changes the model's weights. Raises what training and scoring raise.
    """
    setup = prepared.setup
    assert setup is not None
    config, prepared_s = setup.config, prepared.life.total
    batches = Passes(setup.task, "train", config.batch_size, Generator().manual_seed(config.seed))
    steps = train(
        setup.model, setup.task, setup.optimizer, batches, config, setup.machine, Generator(), forward=setup.forward
    )
    next(steps)
    began = time.perf_counter()
    sequences = [step.sequences for step in islice(steps, _STEPS - 1)]
    setup.machine.synchronize()
    trained = time.perf_counter()
    evaluate(setup.model, setup.task, "valid", setup.machine)
    step_s, validation_s = (trained - began) / len(sequences), time.perf_counter() - trained
    training_s = _training_s(config.budget, step_s, sum(sequences) / len(sequences))
    validations_s = (config.evaluations + 2) * validation_s  # and at the end the best weights on valid and test
    seconds = prepared_s + training_s + validations_s + _FIGURES * config.measure.seconds
    return Cost(seconds, measure_memory(setup, [next(batches)])["peak_mib"])


def _training_s(budget: BudgetConfig, step_s: float, sequences: float) -> float:
    """The seconds of a budget's training steps, each of which takes `step_s` for so many `sequences`."""
    if budget.seconds is not None:
        return budget.seconds
    if budget.examples is not None:
        return budget.examples / sequences * step_s
    assert budget.steps is not None
    return budget.steps * step_s
