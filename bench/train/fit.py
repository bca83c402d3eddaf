"""Training to the end of the budget, with validations on the way; the weights with the best valid score are kept."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator

from torch import Generator

from bench.api import Batch
from bench.config.schema import Config
from bench.errors import ConfigError
from bench.train.checkpoint import Checkpoints
from bench.train.largest import Largest
from bench.train.life import Life
from bench.train.loop import TrainStep, train
from bench.train.passes import Passes
from bench.train.position import Position
from bench.train.progress import Progress
from bench.train.setup import Setup, stream_seed
from bench.train.validation import Validation, validate

log = logging.getLogger("bench")

OnStep = Callable[[Progress, float, float], None]
"""Called after every step with the progress, the spent share of the budget (0 to 1) and the step's loss."""

_ROUNDING = 1e-9  # 1 / 49 * 49 is less than 1


class Fit(Iterator[Validation]):
    """Training until the budget or the patience is spent, as an iterator over validations.

    `next` trains up to the next validation and returns it. `progress` is up to date at any moment, also after an
    interruption or an error, and so is `largest`, the largest batches that were drawn. Once the iterator is exhausted,
    the model has the best weights; before, the latest.

    With `checkpoints` training starts from the latest readable checkpoint and saves new ones, the last at its end.
    `stop` is asked after each step: where it says so, the position is saved and KeyboardInterrupt raised. `clock`
    returns seconds; `life` is told what they go to.

    Where the machine has several ranks, each trains alike, in step with the others; the first one alone has
    `checkpoints`, scores, and says when the time is over. Any may `stop` all.

    `next` raises Diverged where loss, gradient or score is no finite number, ConfigError where a checkpoint does not
    fit, and DataError where a split is empty or holds a number that is not finite.
    """

    def __init__(
        self,
        setup: Setup,
        checkpoints: Checkpoints | None = None,
        on_step: OnStep | None = None,
        clock: Callable[[], float] = time.perf_counter,
        stop: Callable[[], bool] = lambda: False,
        life: Life | None = None,
    ) -> None:
        self.progress, self.largest = Progress(), Largest()
        self._setup, self._checkpoints, self._on_step, self._clock = setup, checkpoints, on_step, clock
        self._stop, self._began, self._life = stop, 0.0, life or Life()
        self._ranks = setup.machine.ranks
        self._validations = self._run()

    def __next__(self) -> Validation:
        return next(self._validations)

    def _run(self) -> Iterator[Validation]:
        setup, progress = self._setup, self.progress
        self._began = self._clock()
        position = self._begin()
        if not self._is_over():
            yield from self._train(position)
        elif progress.best_score is None:  # under a budget that is smaller than the checkpoint's step
            with self._life.within("validate"):
                validation = validate(setup, progress, math.nan)
            yield validation
        self._save(position)  # what follows training may be cut off, too
        setup.model.load_state_dict(progress.best_weights)
        metric = setup.task.spec.metric
        log.info(f"best {metric.name} on valid: {progress.best_score:.4g} {metric.unit}")

    def _train(self, position: Position) -> Iterator[Validation]:
        setup, progress, config = self._setup, self.progress, self._setup.config
        for step in self._timed(self._steps(position)):
            position.carried = step.state
            spent = self._spent()
            if self._on_step:
                self._on_step(progress, spent, step.loss)
            due = _validations_due(config, spent)
            if due > progress.validations:
                progress.validations = due
                with self._life.within("validate"):
                    validation = validate(setup, progress, step.grad_norm)
                yield validation
            if self._is_over():
                if spent < 1:
                    name, times = setup.task.spec.metric.name, progress.stale
                    log.info(f"stopped early: {name} on valid was no better {times} times in a row")
                return
            if progress.updates:
                setup.schedule.set_rate(spent)
            due = self._checkpoints is not None and self._checkpoints.due(step.number)
            stop, due = self._ranks.any(self._stop(), due)
            if stop or due:
                self._save(position)
            if stop:
                raise KeyboardInterrupt

    def _is_over(self) -> bool:
        """Whether the budget or the patience is spent."""
        patience = self._setup.config.patience
        return self._spent() >= 1 or (patience is not None and self.progress.stale >= patience)

    def _save(self, position: Position) -> None:
        if self._ranks.first_says(self._checkpoints is not None and self._checkpoints.wanted):
            with self._life.within("store"):
                state = position.state_dict(self._clock() - self._began)
                if self._checkpoints:
                    self._checkpoints.save(self.progress.steps, state)

    def _begin(self) -> Position:
        """The start of the run, or the position in its latest checkpoint."""
        setup, progress, config = self._setup, self.progress, self._setup.config
        drawn = config.seed if config.seeds.data is None else config.seeds.data
        generator = Generator().manual_seed(stream_seed(drawn, "data"))
        batches = Passes(setup.task, "train", config.batch_size, generator)
        self.largest = batches.largest
        position = Position(setup, progress, batches, Generator().manual_seed(stream_seed(drawn, "offsets")))
        if state := self._ranks.first_says(self._checkpoints.latest() if self._checkpoints else None):
            try:
                position.load_state_dict(state)
            except (KeyError, RuntimeError, ValueError) as error:
                cause = str(error).splitlines()[0]
                raise ConfigError(
                    f"the checkpoint is of another version of bench ({cause}); set resume=never"
                ) from error
            spent = self._spent()  # under another budget, another share than when the checkpoint was saved
            progress.validations = _validations_due(config, spent)
            if progress.updates:
                setup.schedule.set_rate(spent)
            log.info(f"going on from the checkpoint after step {progress.steps}")
            form = (state.get("origin") or {}).get("unroll", setup.unroll)
            if form != setup.unroll and config.resume == "auto":
                log.warning(f"up to there cells went by {form}, and go on by {setup.unroll}: it rounds differently")
            progress.forms = [each for each in dict.fromkeys([*progress.forms, form]) if each != setup.unroll]
        return position

    def _steps(self, position: Position) -> Iterator[TrainStep]:
        setup = self._setup
        return train(
            setup.model,
            setup.task,
            setup.optimizer,
            self._drawn(position.batches),
            setup.config,
            setup.machine,
            position.offsets,
            position.carried,
            self.progress.steps,
            setup.forward,
        )

    def _drawn(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches; the time to draw them goes to `data`."""
        while True:
            before = self._life.turn("data")
            batch = next(batches)
            self._life.turn(before)
            yield batch

    def _timed(self, steps: Iterator[TrainStep]) -> Iterator[TrainStep]:
        """The steps, each added to `progress` with its duration; the time between steps does not count.

        Where time decides when training ends, each is waited for: a device may still be at the update.
        """
        progress, clock, machine, ranks = self.progress, self._clock, self._setup.machine, self._ranks
        waits = machine.queues and self._setup.config.budget.seconds is not None
        while True:
            start = clock()
            step = next(steps)
            if waits:
                machine.synchronize()
            took = clock() - start
            if ranks.count > 1 and self._setup.config.budget.seconds is not None:
                took = ranks.sum(took * ranks.is_first)
            progress.seconds += took
            progress.steps = step.number
            progress.sequences += step.sequences
            progress.tokens += step.tokens
            progress.updates += step.updates
            progress.clipped += step.clipped
            progress.clipping.add(step.clipped, step.updates)
            if not math.isnan(step.loss):  # where nothing was scored
                progress.train_loss.add(step.loss)
            yield step

    def _spent(self) -> float:
        """The spent share of the budget, from 0; 1 or more once it is used up."""
        progress = self.progress
        return self._setup.config.budget.spent(progress.steps, progress.sequences, progress.seconds)


def _validations_due(config: Config, spent: float) -> int:
    """The number of validations due once the share `spent` of the budget is used up."""
    return math.floor(min(spent, 1) * config.evaluations + _ROUNDING)
