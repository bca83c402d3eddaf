"""What options must keep to beyond their types: ranges, and options that contradict each other."""

from __future__ import annotations

from dataclasses import asdict

from pydantic import TypeAdapter, ValidationError

from bench.config.schema import (
    BPTTConfig,
    ClipConfig,
    Config,
)
from bench.config.tree import describe, require_all
from bench.errors import ConfigError


def validate(config: Config) -> Config:
    """The options with numbers of the types that the schema wants; ConfigError for the first value out of range, and
    for options that contradict each other.
    """
    tree = asdict(config)
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
