"""Writing text from a trained run."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Generator

from bench.api import TextTask
from bench.config.signatures import public_name
from bench.errors import ConfigError
from bench.job.reload import Reloaded
from bench.model.seq2seq import EncoderDecoder


class Confidence(NamedTuple):
    """What a model says of a next symbol: its raw score before the softmax (the logit), and its probability after."""

    score: float
    probability: float


def sample(
    reloaded: Reloaded, prompt: str, length: int, temperature: float = 1.0, greedy: bool = False, seed: int = 0
) -> Iterator[str]:
    """Yield `length` symbols that the run's model writes after `prompt`, each drawn from its prediction.

    Predictions are sharpened by `1 / temperature`; `greedy` takes the most likely symbol. The model runs step by step,
    its state carried, on the CPU. An encoder-decoder reads `prompt` and writes what it decodes, to its end. Raises
    ConfigError for a run of another kind of task and for a wrong argument.
    """
    if length < 0:
        raise ConfigError(f"--length={length}: must be 0 or more")
    if not 0 <= seed < 2**63:
        raise ConfigError(f"--seed={seed}: must be 0 or more, and fit 63 bits")
    if not 0 < temperature < math.inf:
        raise ConfigError(
            f"--temperature={temperature:g}: must be above 0; --greedy takes the most likely symbol always"
        )
    task, ids = _read(reloaded, prompt)
    if isinstance(reloaded.model, EncoderDecoder):
        yield task.decode(reloaded.decode(torch.tensor(ids)[:, None])[:, 0].tolist())
        return
    generator = Generator().manual_seed(seed)
    state = reloaded.model.initial_state(1)
    for symbol in ids:
        logits, state = reloaded.step(torch.tensor([symbol]), state)
    yield prompt
    for _ in range(length):
        if greedy:
            symbol = int(logits.argmax())
        else:
            # from the largest one down, so that the smallest temperature divides no number to infinity
            below_C = logits[0].double() - logits.max()
            symbol = int(torch.multinomial((below_C / temperature).softmax(-1), 1, generator=generator))
        yield task.separator + task.decode([symbol])
        logits, state = reloaded.step(torch.tensor([symbol]), state)


def confidences(reloaded: Reloaded, prompt: str, most: int = 5) -> Iterator[tuple[str, dict[str, Confidence]]]:
    """Yield each symbol of `prompt` with the model's prediction of the next one.

    A prediction has the confidences in the `most` likely symbols, likeliest first. Raises as `sample` does.
    """
    task, ids = _read(reloaded, prompt)
    if isinstance(reloaded.model, EncoderDecoder):
        raise ConfigError("--confidences: an encoder-decoder predicts nothing while it reads; leave it out")
    state = reloaded.model.initial_state(1)
    for symbol in ids:
        logits, state = reloaded.step(torch.tensor([symbol]), state)
        scores_C = logits[0].double()
        shares_C = scores_C.softmax(-1)
        likeliest = scores_C.topk(min(most, len(scores_C))).indices.tolist()
        confidence = {i: Confidence(float(scores_C[i]), float(shares_C[i])) for i in likeliest}
        yield task.decode([symbol]), {task.decode([i]): each for i, each in confidence.items()}


def _read(reloaded: Reloaded, prompt: str) -> tuple[TextTask, list[int]]:
    """The run's task, and the numbers of the symbols in `prompt`; a warning where it has unknown ones."""
    record, task = reloaded.record, reloaded.task
    if not isinstance(task, TextTask):
        raise ConfigError(
            f"{record.id}: {record.task} is no task over text; choose a run of one, such as charlm "
            f"(a task of your own derives from {public_name(TextTask)})"
        )
    ids = task.encode(prompt) if prompt else []
    if not ids:
        raise ConfigError("--prompt is empty: give at least one symbol to go on from")
    if unseen := task.unseen(prompt):
        print(f"bench: not in the run's text: {', '.join(map(repr, sorted(unseen)))}", file=sys.stderr)
    return task, ids
