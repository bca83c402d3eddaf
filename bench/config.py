"""The whole configuration: its types and ranges, its validation, and a run's identity.

These dataclasses are the schema that Hydra composes into (types, unknown keys); `Annotated` ranges are checked after.
What a task, a cell or an optimiser takes beyond `_target_` is checked against its constructor, in `plugins.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, AllowInfNan, TypeAdapter, ValidationError

from bench.errors import ConfigError, did_you_mean

Tree = dict[str, Any]


def one_of(*choices: str) -> AfterValidator:
    """A check that a string is one of `choices`; OmegaConf knows no Literal."""

    def check(value: str) -> str:
        if value not in choices:
            raise ValueError(f"choose one of {', '.join(choices)}{did_you_mean(value, choices)}")
        return value

    return AfterValidator(check)


@dataclass
class ModelConfig:
    """The model around the cell; see `bench.model.SequenceModel`."""

    hidden: Annotated[int, Ge(1)] = 128
    layers: Annotated[int, Ge(1)] = 1
    embedding: Annotated[int, Ge(0)] = 64
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0


@dataclass
class BPTTConfig:
    """How far back the gradient goes and how often weights are updated; see `bench.bptt`."""

    kind: Annotated[str, one_of("full", "truncated")] = "full"
    window: Annotated[int, Ge(1)] | None = None
    update: Annotated[str, one_of("window", "sequence")] = "window"


@dataclass
class ClipConfig:
    """Gradient clipping by global norm, after backward; null is none."""

    norm: Annotated[float, Gt(0), AllowInfNan(False)] | None = 1.0


@dataclass
class BudgetConfig:
    """How long to train: by `seconds` where set, else by `examples` (sequences), else by `steps` (batches)."""

    steps: Annotated[int, Ge(1)] | None = 1000
    examples: Annotated[int, Ge(1)] | None = None
    seconds: Annotated[float, Gt(0), AllowInfNan(False)] | None = None

    def spent(self, steps: int, examples: int, seconds: float) -> float:
        """The share of the budget used up; 1 and more is the end."""
        if self.seconds is not None:
            return seconds / self.seconds
        if self.examples is not None:
            return examples / self.examples
        assert self.steps is not None
        return steps / self.steps

    def __str__(self) -> str:
        pairs = ((self.seconds, "seconds"), (self.examples, "examples"), (self.steps, "steps"))
        return next(f"{value:g} {unit}" for value, unit in pairs if value is not None)


@dataclass
class MatchConfig:
    """Choose the hidden size by the model's parameters or FLOPs a token, so that cells compare; see `bench.match`."""

    params: Annotated[int, Ge(1)] | None = None
    flops: Annotated[int, Ge(1)] | None = None


@dataclass
class HardwareConfig:
    """Where and in which arithmetic to run."""

    device: str = "auto"
    threads: Annotated[int, Ge(1), Le(1024)] = 1
    precision: Annotated[str, one_of("float32", "bfloat16", "float64")] = "float32"


@dataclass
class Config:
    """A run. `task`, `cell` and `optimizer` hold `_target_` and its options."""

    task: dict[str, Any] = field(default_factory=dict)
    cell: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    model: ModelConfig = field(default_factory=ModelConfig)
    bptt: BPTTConfig = field(default_factory=BPTTConfig)
    clip: ClipConfig = field(default_factory=ClipConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)
    match: MatchConfig = field(default_factory=MatchConfig)
    batch_size: Annotated[int, Ge(1)] = 32
    evaluations: Annotated[int, Ge(1)] = 10
    unroll: Annotated[str, one_of("auto", "eager", "vendor", "parallel")] = "auto"
    seed: Annotated[int, Ge(0)] = 0
    results_dir: str = "results"
    rerun: bool = False


def validate(tree: Mapping[str, Any]) -> Config:
    """The configuration as typed objects; ConfigError with one line for the first value that is out of range."""
    require_all(tree)
    try:
        config = TypeAdapter(Config).validate_python(tree)
    except ValidationError as error:
        raise ConfigError(describe(error)) from None
    if config.bptt.kind == "full" and config.bptt.window is not None:
        raise ConfigError(f"bptt.window={config.bptt.window} needs bptt=truncated (bptt=full has no window)")
    if config.bptt.kind == "truncated" and config.bptt.window is None:
        raise ConfigError("bptt=truncated needs a window: set bptt.window to a number of time steps")
    if config.budget.steps is config.budget.examples is config.budget.seconds is None:
        raise ConfigError("no budget is set: give budget.steps, budget.examples or budget.seconds")
    if config.match.params is not None and config.match.flops is not None:
        raise ConfigError("match.params and match.flops are both set: choose one")
    return config


def require_all(tree: Mapping[str, Any]) -> None:
    """Raise ConfigError for the first option that has no default and no value."""
    for key, value in flatten(tree).items():
        if value == "???":
            raise ConfigError(f"{key} is not set, and has no default: add {key}=VALUE (see python -m bench list)")


def flatten(tree: Any, prefix: str = "") -> Tree:
    """A tree of options by dotted name; lists are values."""
    if not isinstance(tree, dict) or not tree:
        return {prefix: tree}
    return {
        k: v for key, value in tree.items() for k, v in flatten(value, f"{prefix}.{key}" if prefix else key).items()
    }


def describe(error: ValidationError, prefix: str = "") -> str:
    """A validation error's first finding as one line: `model.hidden=0: input should be ...`."""
    first = error.errors()[0]
    where = ".".join([prefix, *map(str, first["loc"])] if prefix else map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}={first['input']}: {message[0].lower()}{message[1:]}"


def identity(tree: Tree, **facts: str | None) -> str:
    """A hash of all that decides a run's result: the configuration, less where and whether to store, and `facts`."""
    decisive = {key: value for key, value in tree.items() if key not in ("results_dir", "rerun")}
    text = json.dumps([decisive, facts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def code_version(root: Path = Path(__file__).parent) -> str:
    """A hash over the harness's own sources: any change of them makes new runs."""
    digest = hashlib.sha256()
    folders = [root, root / "tasks" if (root / "tasks").is_dir() else root.parent / "tasks"]
    for path in sorted({p for folder in folders for p in folder.rglob("*.py")}):
        digest.update(path.relative_to(root.parent).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
