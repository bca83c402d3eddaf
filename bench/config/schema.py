"""The options of a run with their types, ranges, defaults and roles: the schema that Hydra composes into."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from typing import Annotated, Any, get_type_hints

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, AllowInfNan

from bench.config.role import Role
from bench.config.synonyms import VALUES
from bench.errors import asked, nearest, plain

_TASK = Role("task", heads=True, named_otherwise=("target",), of_class=True)
_CELL = Role("cell", heads=True, named_otherwise=("target",), of_class=True)
_CLASS = Role("bptt", of_class=True)
_MODEL, _TRAINING = Role("cell"), Role("bptt")
_WINDOWS = Role("bptt", heads=True, named_otherwise=("window",))
_BUDGET = Role("budget", resumable=True)
_HARDWARE = Role("hardware", stated=True, resumable=True)
_DEVICE = Role("hardware", decides=False, stated=True, resumable=True)  # the kind of the device found decides instead
_SEED = Role(None, stated=True)
_RESUME = Role("bptt", neutral=("auto", "never"), resumable=True)
_CLIP = Role("bptt", shown_by_options=True)
_LENGTH = Role("bptt", resumable=True)
_CHOSEN = Role("bptt", neutral=("default",), resumable=True)  # a statement decides: no run is found done as another's
_UPKEEP = Role(None, decides=False, stated=True, resumable=True)
_PLACE = replace(_UPKEEP, place=True)


def one_of(*choices: str) -> AfterValidator:
    """A check that a string is one of `choices`; OmegaConf knows no Literal."""
    return AfterValidator(partial(_one_of, choices))


def _one_of(choices: tuple[str, ...], value: str) -> str:
    if value not in choices:
        synonym = VALUES.get(plain(value), "")
        meant = [synonym] if synonym.partition(",")[0] in choices else nearest(value, choices)
        raise ValueError(f"choose one of {', '.join(choices)}{asked(meant)}")
    return value


def choices_in(hint: Any) -> tuple[str, ...]:
    """The values that an option with this annotation may have; none where it is not one of a few."""
    checks = (mark.func for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, AfterValidator))
    return next((check.args[0] for check in checks if isinstance(check, partial)), ())


def _auto_never_or_place(value: str) -> str:
    """A check that `resume` says how, or from where: a truth value or nothing says neither."""
    if value.casefold() in ("", "true", "false", "yes", "no", "on", "off", "none", "1", "0"):
        meant = {"": "", "false": "never", "no": "never", "off": "never", "none": "never", "0": "never"}
        hint = meant.get(value.casefold(), "auto")
        there_are = "auto (go on with a run that was cut off), never (start anew), or a run's folder or id"
        raise ValueError(f"choose {there_are}{asked([hint] if hint else [])}")
    return value


def _how_chosen(value: str) -> str:
    """A check that `chosen` says how: by default, as published, or among a number of trials, which may be of a search
    space that is named by a hash."""
    if value not in ("default", "published") and not re.fullmatch(
        r"(1 trial|[1-9]\d* trials)( of [0-9a-f]{8})?", value
    ):
        raise ValueError("choose default, published, or a number of trials such as '12 trials'")
    return value


@dataclass(frozen=True)
class ModelConfig:
    """The model around the cell; see `bench.model.sequence.SequenceModel`, and `bench.model.around` for a layer."""

    hidden: Annotated[int, Ge(1)] = 128
    layers: Annotated[int, Ge(1)] = 1
    embedding: Annotated[int, Ge(0)] = 64
    input_dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    variational: bool = False
    recurrent_dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    zoneout: Annotated[float, Ge(0), Lt(1)] = 0.0
    pre_norm: Annotated[str, one_of("none", "layer", "rms")] = "none"
    expand: Annotated[float, Ge(0), AllowInfNan(False)] = 0.0
    conv: Annotated[int, Ge(0)] = 0
    conv_activation: Annotated[str, one_of("silu", "none")] = "silu"
    norm: Annotated[str, one_of("none", "layer", "rms", "head_layer", "head_rms", "batch", "batch_per_step")] = "none"
    skip: bool = False
    gate: bool = False
    gate_activation: Annotated[str, one_of("silu", "gelu")] = "silu"
    out_projection: bool = False
    residual: bool = False
    mlp: Annotated[float, Ge(0), AllowInfNan(False)] = 0.0
    mlp_kind: Annotated[str, one_of("gelu", "geglu", "swiglu")] = "gelu"
    bidirectional: bool = False
    tie: bool = False
    teacher_forcing: Annotated[float, Ge(0), Le(1)] = 1.0
    beam: Annotated[int, Ge(1)] = 1
    attention: Annotated[str, one_of("none", "dot", "additive")] = "none"


_INITS = ("default", "xavier", "he", "orthogonal", "normal", "identity")


@dataclass(frozen=True)
class InitConfig:
    """Initial weights, where they differ from the cell's own; see `bench.model.init`."""

    start: Annotated[str, one_of("default", "published", "torch")] = "default"
    input: Annotated[str, one_of(*_INITS)] = "default"
    recurrent: Annotated[str, one_of(*_INITS)] = "default"
    gain: Annotated[float, Gt(0), AllowInfNan(False)] = 1.0
    sigma: Annotated[float, Gt(0), AllowInfNan(False)] = 1.0
    bias: Annotated[str, one_of("default", "zero")] = "default"
    forget_bias: Annotated[float, AllowInfNan(False)] | None = None
    chrono: Annotated[int, Gt(2)] | None = None


@dataclass(frozen=True)
class BPTTConfig:
    """How far back the gradient goes and how often weights are updated; see `bench.train.bptt`."""

    kind: Annotated[str, one_of("full", "truncated", "sliding")] = "full"
    window: Annotated[int, Ge(1)] | None = None
    horizon: Annotated[int, Ge(1)] | None = None
    offset: Annotated[str, one_of("zero", "random")] = "zero"
    update: Annotated[str, one_of("window", "sequence")] = "window"
    carry: bool = True
    checkpoint: bool = False
    head: Annotated[str, one_of("grow", "skip")] = "grow"


@dataclass(frozen=True)
class ClipConfig:
    """Gradient clipping after backward, in one of three forms; null is none. See `bench.train.clip`."""

    norm: Annotated[float, Gt(0), AllowInfNan(False)] | None = 1.0
    value: Annotated[float, Gt(0), AllowInfNan(False)] | None = None
    adaptive: Annotated[float, Gt(0), AllowInfNan(False)] | None = None


@dataclass(frozen=True)
class BudgetConfig:
    """How long to train: by `seconds` where set, else by `examples` (sequences), else by `steps`."""

    steps: Annotated[int, Ge(1)] | None = 1000
    examples: Annotated[int, Ge(1)] | None = None
    seconds: Annotated[float, Gt(0), AllowInfNan(False)] | None = None

    def spent(self, steps: int, examples: int, seconds: float) -> float:
        """The share of the budget that is used up; training ends at 1."""
        if self.seconds is not None:
            return seconds / self.seconds
        if self.examples is not None:
            return examples / self.examples
        assert self.steps is not None
        return steps / self.steps

    def __str__(self) -> str:
        pairs = ((self.seconds, "seconds"), (self.examples, "examples"), (self.steps, "steps"))
        return next((f"{value:g} {unit}" for value, unit in pairs if value is not None), "none")


@dataclass(frozen=True)
class CheckpointConfig:
    """How often to save a checkpoint for a killed run: every `steps` where set, else every `seconds`, else never."""

    seconds: Annotated[float, Gt(0), AllowInfNan(False)] | None = 60.0
    steps: Annotated[int, Ge(1)] | None = None


@dataclass(frozen=True)
class MeasureConfig:
    """How long a run samples each of its speeds, and may wait for a quiet machine, in seconds; see `bench.measure`."""

    seconds: Annotated[float, Gt(0), AllowInfNan(False)] = 1.0
    retry: Annotated[float, Ge(0), AllowInfNan(False)] = 0.0


@dataclass(frozen=True)
class MatchConfig:
    """The parameters, or the FLOPs of a forward token, that the hidden size is chosen for; see `bench.job.match`."""

    params: Annotated[int, Ge(1)] | None = None
    flops: Annotated[int, Ge(1)] | None = None

    @property
    def wanted(self) -> int | None:
        """The count to match; None where the hidden size is `model.hidden`."""
        return self.flops if self.params is None else self.params


@dataclass(frozen=True)
class HardwareConfig:
    """Where and in which arithmetic to run."""

    device: Annotated[str, _DEVICE] = "auto"
    threads: Annotated[int, Ge(1), Le(1024)] = 1
    precision: Annotated[str, one_of("float32", "tf32", "bfloat16", "float64")] = "float32"
    deterministic: bool = False


@dataclass(frozen=True)
class SeedsConfig:
    """Seeds of single sources of chance, written `seed.data` and `seed.split` in a command; None leaves a source to
    `seed`, and the split to the task. See `bench.results.draws`."""

    data: Annotated[int, Ge(0)] | None = None
    split: Annotated[int, Ge(0)] | None = None


@dataclass(frozen=True)
class Config:
    """A run. `task`, `cell`, `optimizer` and `schedule` hold `_target_` and its options."""

    task: Annotated[dict[str, Any], _TASK] = field(default_factory=dict)
    cell: Annotated[dict[str, Any], _CELL] = field(default_factory=dict)
    optimizer: Annotated[dict[str, Any], _CLASS] = field(default_factory=dict)
    schedule: Annotated[dict[str, Any], _CLASS] = field(default_factory=dict)
    model: Annotated[ModelConfig, _MODEL] = field(default_factory=ModelConfig)
    init: Annotated[InitConfig, _MODEL] = field(default_factory=InitConfig)
    bptt: Annotated[BPTTConfig, _WINDOWS] = field(default_factory=BPTTConfig)
    clip: Annotated[ClipConfig, _CLIP] = field(default_factory=ClipConfig)
    budget: Annotated[BudgetConfig, _BUDGET] = field(default_factory=BudgetConfig)
    hardware: Annotated[HardwareConfig, _HARDWARE] = field(default_factory=HardwareConfig)
    match: Annotated[MatchConfig, _MODEL] = field(default_factory=MatchConfig)
    batch_size: Annotated[int, Ge(1), _TRAINING] = 32
    accumulate: Annotated[int, Ge(1), _TRAINING] = 1
    loss: Annotated[str, one_of("mean", "sum"), _TRAINING] = "mean"
    ema: Annotated[Annotated[float, Gt(0), Lt(1)] | None, _TRAINING] = None
    patience: Annotated[Annotated[int, Ge(1)] | None, _LENGTH] = None
    evaluations: Annotated[int, Ge(1), _LENGTH] = 10
    gradient: Annotated[str, one_of("bptt", "rtrl", "uoro", "eprop"), _TRAINING] = "bptt"
    unroll: Annotated[str, one_of("auto", "eager", "vendor", "parallel", "kernels"), _MODEL] = "auto"
    chosen: Annotated[str, AfterValidator(_how_chosen), _CHOSEN] = "default"
    seed: Annotated[int, Ge(0), _SEED] = 0
    seeds: Annotated[SeedsConfig, _SEED] = field(default_factory=SeedsConfig)
    results_dir: Annotated[str, _PLACE] = "results"
    rerun: Annotated[str, one_of("failed", "all", "none"), _UPKEEP] = "failed"
    retries: Annotated[int, Ge(0), Le(100), _UPKEEP] = 0
    resume: Annotated[str, AfterValidator(_auto_never_or_place), _RESUME] = "auto"
    hard_seconds: Annotated[Annotated[float, Gt(0), AllowInfNan(False)] | None, _UPKEEP] = None
    checkpoint: Annotated[CheckpointConfig, _UPKEEP] = field(default_factory=CheckpointConfig)
    measure: Annotated[MeasureConfig, _UPKEEP] = field(default_factory=MeasureConfig)


def typed_options(kind: type = Config, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every option by its dotted name, with its annotation."""
    whole, plain_hints = get_type_hints(kind, include_extras=True), get_type_hints(kind)
    for each in fields(kind):
        if is_dataclass(plain_hints[each.name]):
            yield from typed_options(plain_hints[each.name], f"{prefix}{each.name}.")
        else:
            yield prefix + each.name, whole[each.name]
