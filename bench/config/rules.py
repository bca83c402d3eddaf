"""Checks of options beyond their types: ranges, and one table of the options that contradict each other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from operator import attrgetter
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from bench.config.schema import Config
from bench.config.tree import describe, flatten, require_all, written
from bench.errors import ConfigError


class Contradiction(NamedTuple):
    """Options that contradict each other, and the message about them: `OPTION=VALUE against: remedy`."""

    option: str
    when: Callable[[Config], object]
    against: str
    """`{another.option}` is replaced by that option and its value."""
    remedy: str

    def line(self, config: Config) -> str:
        """The contradiction with the values of `config`."""
        values = {**flatten(asdict(config)), "bptt": config.bptt.kind}
        sentence = (
            f"{{{self.option}}} {self.against}: {self.remedy}" if self.option else f"{self.against}: {self.remedy}"
        )
        return re.sub(r"\{([\w.]+)\}", lambda found: f"{found[1]}={written(values[found[1]])}", sentence)


def _both_set(one: str, other: str) -> Contradiction:
    """Two options that exclude each other; null counts as not set."""

    def when(config: Config) -> bool:
        return None not in (attrgetter(one)(config), attrgetter(other)(config))

    return Contradiction(one, when, f"and {{{other}}} are both set", f"choose one, and unset the other ({one}=null)")


_TRUNCATED = "needs bptt=truncated (bptt=full has no window)"
_BACKWARD = "needs gradient=bptt"

CONTRADICTIONS = (
    Contradiction(
        "bptt.window",
        lambda c: c.bptt.kind == "full" and c.bptt.window is not None,
        _TRUNCATED,
        "choose it, or set bptt.window=null",
    ),
    Contradiction(
        "bptt.horizon",
        lambda c: c.bptt.kind == "full" and c.bptt.horizon is not None,
        _TRUNCATED,
        "choose it, or set bptt.horizon=null",
    ),
    Contradiction(
        "bptt.offset",
        lambda c: c.bptt.kind == "full" and c.bptt.offset != "zero",
        _TRUNCATED,
        "choose it, or set bptt.offset=zero",
    ),
    Contradiction(
        "bptt",
        lambda c: c.bptt.kind == "truncated" and c.bptt.window is None,
        "needs a window",
        "set bptt.window to a number of time steps",
    ),
    Contradiction(
        "bptt",
        lambda c: (
            c.bptt.kind == "sliding" and (c.bptt.horizon is None or c.bptt.window != 1 or c.bptt.offset != "zero")
        ),
        "needs bptt.horizon, and always moves on by one step",
        "set bptt.horizon to a number of time steps, and leave bptt.window and bptt.offset out",
    ),
    Contradiction(
        "bptt.head",
        lambda c: c.bptt.kind != "sliding" and c.bptt.head != "grow",
        "needs bptt=sliding: {bptt} trains on every loss",
        "choose it, or set bptt.head=grow",
    ),
    Contradiction(
        "bptt.horizon",
        lambda c: None not in (c.bptt.window, c.bptt.horizon) and c.bptt.horizon < c.bptt.window,  # type: ignore[operator]
        "is shorter than {bptt.window}, but a gradient goes back over its whole window",
        "raise the horizon, lower the window, or set bptt.horizon=null for the window's length",
    ),
    *(
        Contradiction(option, when, _BACKWARD, f"choose it, or leave {option} out with {{gradient}}")
        for option, when in {
            "bptt": lambda c: c.gradient != "bptt" and c.bptt.kind == "sliding",
            "bptt.horizon": lambda c: c.gradient != "bptt" and c.bptt.horizon is not None,
            "bptt.checkpoint": lambda c: c.gradient != "bptt" and c.bptt.checkpoint,
            "model.bidirectional": lambda c: c.gradient != "bptt" and c.model.bidirectional,
            "hardware.precision": lambda c: c.gradient != "bptt" and c.hardware.precision == "bfloat16",
        }.items()
    ),
    Contradiction(
        "model.norm",
        lambda c: c.bptt.checkpoint and c.model.norm.startswith("batch"),
        "would treat each segment of bptt.checkpoint=true as a whole window",
        "leave one of them out",
    ),
    Contradiction(
        "model.norm",
        lambda c: c.model.norm == "batch_per_step" and c.batch_size == 1,
        "takes its statistics over the lanes of a batch, but {batch_size} is one lane, which has no variance",
        "raise it, or choose model.norm=layer",
    ),
    Contradiction(
        "model.variational",
        lambda c: c.bptt.checkpoint and c.model.variational and (c.model.dropout or c.model.input_dropout),
        "would draw another mask for each segment of bptt.checkpoint=true",
        "leave one of them out",
    ),
    Contradiction(
        "model.bidirectional",
        lambda c: c.model.bidirectional and c.bptt.kind != "full",
        "reads whole sequences from their end, and {bptt} cuts them",
        "choose bptt=full, or set model.bidirectional=false",
    ),
    Contradiction(
        "model.bidirectional",
        lambda c: c.model.bidirectional and c.bptt.checkpoint,
        "would read each segment of bptt.checkpoint=true as a whole sequence",
        "leave one of them out",
    ),
    Contradiction(
        "match.params",
        lambda c: c.match.params is not None and c.model.tie,
        "cannot choose the hidden size, which model.tie=true ties to model.embedding",
        "leave one of them out",
    ),
    Contradiction(
        "model.variational",
        lambda c: c.model.variational and not (c.model.dropout or c.model.input_dropout),
        "drops nothing",
        "set model.dropout or model.input_dropout",
    ),
    *(
        Contradiction(option, when, f"acts on nothing without {part}", f"set {part}, or leave {option} out")
        for option, part, when in (
            ("model.conv_activation", "model.conv", lambda c: c.model.conv_activation != "silu" and not c.model.conv),
            ("model.gate_activation", "model.gate", lambda c: c.model.gate_activation != "silu" and not c.model.gate),
            ("model.mlp_kind", "model.mlp", lambda c: c.model.mlp_kind != "gelu" and not c.model.mlp),
        )
    ),
    Contradiction(
        "model.norm",
        lambda c: c.model.norm.startswith("head_") and c.model.mlp and c.model.pre_norm == "none",
        "is for the cell's heads, and the perceptron of {model.mlp} has none",
        "set model.pre_norm=layer or rms, or model.norm=layer or rms",
    ),
    Contradiction(
        "init.sigma",
        lambda c: c.init.sigma != 1 and "normal" not in (c.init.input, c.init.recurrent),
        "needs init=normal",
        "choose it, or set init.sigma=1",
    ),
    Contradiction(
        "init.gain",
        lambda c: c.init.gain != 1 and {c.init.input, c.init.recurrent} <= {"default", "normal"},
        "needs init=xavier, he, orthogonal or identity",
        "choose one of them, or set init.gain=1",
    ),
    _both_set("init.forget_bias", "init.chrono"),
    _both_set("clip.norm", "clip.value"),
    _both_set("clip.norm", "clip.adaptive"),
    _both_set("clip.value", "clip.adaptive"),
    Contradiction(
        "accumulate",
        lambda c: c.accumulate > 1 and c.bptt.kind != "full" and c.bptt.update == "window",
        "makes one update of several batches, but bptt.update=window makes several updates of one batch",
        "set bptt.update=sequence or accumulate=1",
    ),
    Contradiction(
        "",
        lambda c: c.budget.steps is c.budget.examples is c.budget.seconds is None,
        "no budget is set",
        "give budget.steps, budget.examples or budget.seconds",
    ),
    _both_set("match.params", "match.flops"),
)


@cache
def _types() -> TypeAdapter[Config]:
    return TypeAdapter(Config)


def validate(config: Config) -> Config:
    """The options, with numbers converted to the schema's types.

    Raises ConfigError for the first value out of range, and for options that contradict each other.
    """
    tree = asdict(config)
    require_all(tree)
    try:
        config = _types().validate_python(tree)
    except ValidationError as error:
        raise ConfigError(describe(error)) from None
    for contradiction in CONTRADICTIONS:
        if contradiction.when(config):
            raise ConfigError(contradiction.line(config))
    return config
