"""Every option of training acts, and not before its place: a table of runs that differ where it says."""

from pathlib import Path

import pytest
import torch
from acting import GROUPS, Line, check, check_complete
from traces import trace

WINDOWS = {"bptt.kind": "truncated", "bptt.window": 2}
SLIDING = {"bptt.kind": "sliding", "bptt.window": 1, "bptt.horizon": 3}
ONE_UPDATE = {"bptt.update": "sequence"}  # the gradient changes, but no loss within the step
WHOLE, LONG = {}, {"budget.steps": 8}

BPTT = [
    Line("bptt.kind", "full", "truncated", ONE_UPDATE, "norm", needs={"bptt.window": 2}),
    Line("bptt.kind", "truncated", "sliding", {"bptt.window": 1, "bptt.horizon": 3}, "weights"),  # alike in a batch
    Line(
        "bptt.kind", "truncated", "sliding", {"bptt.window": 1, "bptt.horizon": 1}, "loss"
    ),  # whose state is made anew
    Line("bptt.head", "grow", "skip", SLIDING, "loss"),
    Line("bptt.window", 2, 3, {"bptt.kind": "truncated", **ONE_UPDATE}, "norm"),
    Line("bptt.window", 2, 3, {"bptt.kind": "truncated"}, "loss"),
    Line("bptt.window", 6, 7, {"bptt.kind": "truncated"}, None),  # both see the whole batch
    Line("bptt.horizon", None, 4, {**WINDOWS, **ONE_UPDATE}, "norm"),
    Line("bptt.horizon", None, 4, WINDOWS, "loss"),
    Line("bptt.horizon", None, 2, WINDOWS, None),  # as long as the window
    Line("bptt.horizon", 2, 3, {**SLIDING, **ONE_UPDATE}, "norm"),
    Line("bptt.horizon", 2, 3, {**SLIDING, **ONE_UPDATE, "bptt.head": "skip"}, "loss"),  # which waits for a full one
    Line("bptt.offset", "zero", "random", {**WINDOWS, **ONE_UPDATE}, "norm"),
    *(Line("bptt.update", "window", "sequence", beside, "loss") for beside in (WINDOWS, SLIDING)),
    Line("bptt.update", "window", "sequence", WHOLE, None),  # one window
    *(Line("bptt.carry", True, False, beside, "loss") for beside in (WINDOWS, SLIDING)),
    Line("bptt.carry", True, False, WHOLE, "weights"),  # from batch to batch alone
    Line("bptt.carry", True, False, {**WINDOWS, "gradient": "rtrl"}, "loss"),
    *(Line("bptt.checkpoint", False, True, beside, "work") for beside in (WHOLE, WINDOWS, SLIDING)),
]
CLIP = [
    *(
        Line(f"clip.{form}", None, most, beside, "gradient")  # its norm is reported as it was before
        for form, most in (("norm", 1e-3), ("value", 1e-4), ("adaptive", 1e-3))
        for beside in (WHOLE, {**WINDOWS, **ONE_UPDATE}, {"gradient": "rtrl"}, {"accumulate": 2})
    ),
    *(Line(f"clip.{form}", most, 2 * most, WHOLE, "gradient") for form, most in (("norm", 1e-3), ("adaptive", 1e-3))),
    *(Line(f"clip.{form}", None, 1e3, WHOLE, None) for form in ("norm", "value", "adaptive")),
]
GRADIENT = [
    Line("gradient", "bptt", "rtrl", WHOLE, "weights"),  # the same gradient at first; a later batch does not cut it
    Line("gradient", "bptt", "rtrl", {**WINDOWS, **ONE_UPDATE}, "norm"),  # which no window cuts
    *(Line("gradient", "bptt", kind, WHOLE, "norm") for kind in ("uoro", "eprop")),
    Line("accumulate", 1, 2, WHOLE, "loss"),
    Line("accumulate", 1, 2, {**WINDOWS, **ONE_UPDATE}, "loss"),
    Line("accumulate", 1, 2, {"gradient": "rtrl"}, "loss"),
    *(
        Line("loss", "mean", "sum", beside, "norm")
        for beside in (WHOLE, {**WINDOWS, **ONE_UPDATE}, {"gradient": "rtrl"})
    ),
    *(Line("ema", None, 0.5, beside, "average") for beside in (WHOLE, {**WINDOWS, **ONE_UPDATE})),
    Line("ema", 0.5, 0.9, {"budget.steps": 3}, "average"),
    *(Line("unroll", "eager", kind, WHOLE, "form") for kind in ("auto", "vendor", "kernels")),
    Line("unroll", "eager", "parallel", {"cell": "mingru"}, "form"),
]


def optimised(name, option, one, other, **beside):
    return Line(f"optimizer.{option}", one, other, {"optimizer": name, **beside}, "weights")


DECAYED = {"optimizer.weight_decay": 0.3}
ADAMS = ("adam", "adamw", "nadam", "radam", "adamax")
DECAYING = ("adadelta", "adafactor", "adagrad", *ADAMS, "asgd", "rmsprop", "sgd")
OPTIMISERS = [
    *(Line("optimizer.lr", 0.01, 0.02, {"optimizer": name}, "rates") for name in (*DECAYING, "rprop")),
    *(optimised(name, "weight_decay", 0.0, 0.3) for name in DECAYING),
    *(optimised(name, "decay", "all", "matrices", **DECAYED) for name in DECAYING),
    *(
        optimised(name, "betas", [0.9, 0.99], other, **LONG)  # radam uses the second one from its sixth update on
        for name in ADAMS
        for other in ([0.5, 0.99], [0.9, 0.95])
    ),
    optimised("adadelta", "rho", 0.9, 0.5),
    optimised("adafactor", "beta2_decay", -0.8, -0.3),
    optimised("adafactor", "d", 1.0, 2.0),
    optimised("adagrad", "lr_decay", 0.0, 0.5),
    optimised("asgd", "lambd", 1e-4, 0.5),
    optimised("asgd", "alpha", 0.75, 0.25, **{"optimizer.lambd": 0.5, **LONG}),
    optimised("rmsprop", "alpha", 0.99, 0.5),
    *(optimised(name, "momentum", 0.0, 0.9) for name in ("rmsprop", "sgd")),
    optimised("rmsprop", "centered", False, True),
    optimised("rprop", "etas", [0.5, 1.2], [0.5, 1.5]),
    optimised("rprop", "etas", [0.5, 1.2], [0.25, 1.2], **LONG),
    *(
        optimised("rprop", "step_sizes", [1e-6, 0.05], other, **{"optimizer.lr": 0.02, **LONG})
        for other in ([1e-6, 0.03], [1e-2, 0.05])
    ),
    optimised("sgd", "nesterov", False, True, **{"optimizer.momentum": 0.9}),
]


def scheduled(name, option, one, other, **beside):
    return Line(f"schedule.{option}", one, other, {"schedule": name, **LONG, **beside}, "rates")


RULES = ("constant", "cosine", "cyclical", "exponential", "onecycle", "plateau", "step")
FEW_GAINS = {"schedule.threshold": 0.6}  # no validation counts as better, so that the rate falls
SCHEDULES = [
    *(scheduled(name, "warmup", 0.0, 0.5, **FEW_GAINS if name == "plateau" else {}) for name in RULES),
    *(scheduled(name, "final", 0.1, 0.2) for name in ("cosine", "exponential")),
    scheduled("cyclical", "cycles", 1, 2),
    scheduled("cyclical", "low", 0.1, 0.2),
    scheduled("cyclical", "mode", "triangular", "triangular2", **{"schedule.cycles": 2}),
    scheduled("onecycle", "rise", 0.3, 0.5),
    scheduled("onecycle", "div_factor", 25, 10),
    scheduled("onecycle", "final_div_factor", 1e4, 10),
    scheduled("plateau", "factor", 0.5, 0.25, **FEW_GAINS),
    scheduled("plateau", "patience", 1, 2, **FEW_GAINS),
    scheduled("plateau", "threshold", 0.0, 0.6),
    scheduled("step", "drops", 2, 3),
    scheduled("step", "factor", 0.1, 0.5),
]
LINES = BPTT + CLIP + GRADIENT + OPTIMISERS + SCHEDULES
HERE = ("bptt", "clip", "gradient", "accumulate", "loss", "ema", "unroll", "optimizer", "schedule")
ELSEWHERE = {
    "model": "tests/model/test_model_options_act.py",
    "init": "tests/model/test_model_options_act.py",
    "cell": "tests/cells/test_cell_options_act.py",
    "task": "tests/tasks/test_copy.py",
    "budget": "tests/train/test_fit.py",
    "evaluations": "tests/train/test_fit.py",
    "patience": "tests/laws/test_early_stopping.py",
    "hardware": "tests/hardware/test_machine.py",
    "measure": "tests/job/test_execute.py",
    "match": "tests/job/test_match.py",
    "batch_size": "tests/tasks/test_copy.py",
    "seed": "tests/laws/test_streams.py",
    "seeds": "tests/laws/test_streams.py",
    "results_dir": "tests/config/test_compose.py",
    "rerun": "tests/job/test_had.py",
    "retries": "tests/job/test_had.py",
    "chosen": "tests/study/test_tune.py",
    "resume": "tests/job/test_resume_command.py",
    "checkpoint": "tests/laws/test_resume.py",
    "hard_seconds": "tests/job/test_hard_seconds.py",
}


@pytest.mark.parametrize("line", LINES, ids=str)
def test_an_option_acts_where_its_line_says(line):
    check(line)


def test_every_option_and_every_value_of_it_has_a_line():
    check_complete(LINES, *HERE)


def test_every_group_of_options_is_tried_here_or_elsewhere():
    assert {*HERE, *ELSEWHERE} == GROUPS
    root = Path(__file__).parents[2]
    assert all((root / file).is_file() for file in ELSEWHERE.values())


@pytest.mark.parametrize("group", ["optimizer", "schedule"])
def test_every_choice_trains_in_its_own_way(group):
    names = {"optimizer": (*DECAYING, "rprop"), "schedule": RULES}[group]
    beside = {"optimizer": {"optimizer.lr": 0.01}, "schedule": {**LONG, **FEW_GAINS}}[group]
    ends = []
    for name in names:
        own = {key: value for key, value in beside.items() if "threshold" not in key or name == "plateau"}
        ends.append(trace({group: name, **own})["weights"]["head.weight"])
    for i, one in enumerate(ends):
        assert not any(torch.equal(one, other) for other in ends[:i]), names[i]
