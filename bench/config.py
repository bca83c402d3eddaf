"""The whole configuration: its types and ranges, its validation, and a run's identity.

These dataclasses are the schema that Hydra composes into (types, unknown keys); `Annotated` ranges are checked after.
What a task, a cell or an optimiser takes beyond `_target_` is checked against its constructor, in `plugins.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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
    input_dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    variational: bool = False
    recurrent_dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    zoneout: Annotated[float, Ge(0), Lt(1)] = 0.0
    norm: Annotated[str, one_of("none", "layer", "batch", "batch_per_step")] = "none"
    residual: bool = False
    gate: bool = False
    mlp: Annotated[int, Ge(0)] = 0
    tie: bool = False
    teacher_forcing: Annotated[float, Ge(0), Le(1)] = 1.0
    beam: Annotated[int, Ge(1)] = 1


_INITS = ("default", "xavier", "he", "orthogonal", "normal", "identity")


@dataclass
class InitConfig:
    """How a gated cell's weights start; see `bench.init`."""

    input: Annotated[str, one_of(*_INITS)] = "default"
    recurrent: Annotated[str, one_of(*_INITS)] = "default"
    gain: Annotated[float, Gt(0), AllowInfNan(False)] = 1.0
    sigma: Annotated[float, Gt(0), AllowInfNan(False)] = 1.0
    bias: Annotated[str, one_of("default", "zero")] = "default"
    forget_bias: Annotated[float, AllowInfNan(False)] | None = None
    chrono: Annotated[int, Gt(2)] | None = None


@dataclass
class BPTTConfig:
    """How far back the gradient goes and how often weights are updated; see `bench.bptt`."""

    kind: Annotated[str, one_of("full", "truncated", "sliding")] = "full"
    window: Annotated[int, Ge(1)] | None = None
    horizon: Annotated[int, Ge(1)] | None = None
    offset: Annotated[str, one_of("zero", "random")] = "zero"
    update: Annotated[str, one_of("window", "sequence")] = "window"
    carry: bool = True
    checkpoint: bool = False


@dataclass
class ClipConfig:
    """Gradient clipping after backward, in one of three forms; null is none. See `bench.clip`."""

    norm: Annotated[float, Gt(0), AllowInfNan(False)] | None = 1.0
    value: Annotated[float, Gt(0), AllowInfNan(False)] | None = None
    adaptive: Annotated[float, Gt(0), AllowInfNan(False)] | None = None


@dataclass
class BudgetConfig:
    """How long to train: by `seconds` where set, else by `examples` (sequences), else by `steps`."""

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
class CheckpointConfig:
    """How often to save what a killed run goes on from: every `steps` where set, else every `seconds`, else never."""

    seconds: Annotated[float, Gt(0), AllowInfNan(False)] | None = 60.0
    steps: Annotated[int, Ge(1)] | None = None


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
    """A run. `task`, `cell`, `optimizer` and `schedule` hold `_target_` and its options."""

    task: dict[str, Any] = field(default_factory=dict)
    cell: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    model: ModelConfig = field(default_factory=ModelConfig)
    init: InitConfig = field(default_factory=InitConfig)
    bptt: BPTTConfig = field(default_factory=BPTTConfig)
    clip: ClipConfig = field(default_factory=ClipConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)
    match: MatchConfig = field(default_factory=MatchConfig)
    batch_size: Annotated[int, Ge(1)] = 32
    accumulate: Annotated[int, Ge(1)] = 1
    ema: Annotated[float, Gt(0), Lt(1)] | None = None
    patience: Annotated[int, Ge(1)] | None = None
    evaluations: Annotated[int, Ge(1)] = 10
    gradient: Annotated[str, one_of("bptt", "rtrl", "uoro", "eprop")] = "bptt"
    unroll: Annotated[str, one_of("auto", "eager", "vendor", "parallel")] = "auto"
    seed: Annotated[int, Ge(0)] = 0
    results_dir: str = "results"
    rerun: bool = False
    resume: str = "auto"
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)


def validate(tree: Mapping[str, Any]) -> Config:
    """The configuration as typed objects; ConfigError with one line for the first value that is out of range."""
    require_all(tree)
    try:
        config = TypeAdapter(Config).validate_python(tree)
    except ValidationError as error:
        raise ConfigError(describe(error)) from None
    check_bptt(config.bptt)
    check_gradient(config)
    check_model(config)
    check_clip(config.clip)
    if config.accumulate > 1 and config.bptt.kind != "full" and config.bptt.update == "window":
        raise ConfigError(
            f"accumulate={config.accumulate} makes one update of several batches, bptt.update=window several of "
            "one: set bptt.update=sequence or accumulate=1"
        )
    if config.budget.steps is config.budget.examples is config.budget.seconds is None:
        raise ConfigError("no budget is set: give budget.steps, budget.examples or budget.seconds")
    if config.match.params is not None and config.match.flops is not None:
        raise ConfigError("match.params and match.flops are both set: choose one")
    return config


def check_bptt(bptt: BPTTConfig) -> None:
    """Raise ConfigError where the kind of BPTT lacks an option, or has one that it does not know."""
    window, horizon = bptt.window, bptt.horizon
    if bptt.kind == "full":
        for name, value, default in (
            ("window", window, None),
            ("horizon", horizon, None),
            ("offset", bptt.offset, "zero"),
        ):
            if value != default:
                raise ConfigError(f"bptt.{name}={value} needs bptt=truncated (bptt=full has no window)")
    elif bptt.kind == "truncated" and window is None:
        raise ConfigError("bptt=truncated needs a window: set bptt.window to a number of time steps")
    elif bptt.kind == "sliding" and (horizon is None or window != 1 or bptt.offset != "zero"):
        raise ConfigError("bptt=sliding moves on by one step: set bptt.horizon alone, to a number of time steps")
    if window is not None and horizon is not None and horizon < window:
        raise ConfigError(
            f"bptt.horizon={horizon} is shorter than bptt.window={window}: a gradient goes back over its own window at "
            "least; raise the horizon, lower the window, or set bptt.horizon=null for the window's length"
        )


def check_model(config: Config) -> None:
    """Raise ConfigError for options of model and init that contradict each other, or have nothing to act on."""
    model, init = config.model, config.init
    drops = model.dropout or model.input_dropout
    if config.bptt.checkpoint and (model.norm.startswith("batch") or (model.variational and drops)):
        option = f"model.norm={model.norm}" if model.norm.startswith("batch") else "model.variational=true"
        raise ConfigError(
            f"bptt.checkpoint=true: {option} would look at each segment for itself; leave one of them out"
        )
    if config.match.params is not None and model.tie:
        raise ConfigError("match.params with model.tie=true: the hidden size is the embedding's; leave one of them out")
    if model.variational and not drops:
        raise ConfigError("model.variational=true: nothing is dropped; set model.dropout or model.input_dropout")
    forms = {init.input, init.recurrent}
    if init.sigma != 1 and "normal" not in forms:
        raise ConfigError(f"init.sigma={init.sigma:g} is of init=normal; choose it, or leave sigma at 1")
    if init.gain != 1 and not forms - {"default", "normal"}:
        raise ConfigError(f"init.gain={init.gain:g} is of xavier, he, orthogonal and identity; choose one of them")


def check_clip(clip: ClipConfig) -> None:
    """Raise ConfigError where more than one form of clipping is set."""
    forms = {f"clip.{name}": value for name, value in asdict(clip).items() if value is not None}
    if len(forms) > 1:
        (one, value), (other, another) = list(forms.items())[:2]
        raise ConfigError(f"{one}={value} and {other}={another} are both set: choose one (such as {one}=null)")


def check_gradient(config: Config) -> None:
    """Raise ConfigError for an option that only backpropagation knows, with a gradient that goes forward in time."""
    if config.gradient == "bptt":
        return
    for option, value, allowed in (
        ("bptt.kind", config.bptt.kind, ("full", "truncated")),
        ("bptt.horizon", config.bptt.horizon, (None,)),
        ("bptt.checkpoint", config.bptt.checkpoint, (False,)),
        ("hardware.precision", config.hardware.precision, ("float32", "float64")),
    ):
        if value not in allowed:
            raise ConfigError(
                f"{option}={value} is of gradient=bptt only; with gradient={config.gradient} leave it out"
            )


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
