"""Every field of a checkpoint is restored and matters: with another value in it, the training ends otherwise.

The fields are those of a checkpoint as it is saved, so that a new field is tested without a line here. A field whose
value makes no difference is of no use, unless `UNFELT` says why it is there.
"""

import ast
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
import torch
from cli_tools import ROOT
from interrupted import A_PASS, TRAININGS, differing, run
from torch import Generator, Tensor

from bench.config.schema import CheckpointConfig
from bench.train.checkpoint import Checkpoints

PARTS = "format step options origin model optimizer schedule average fit batches offsets carried random".split()

CUT = {"plateau, patience": 11, "seconds, long warm-up": 8}
"""The step at which a training is cut off, where it is not 14."""

_ORDER = "torch reads these by place: with another value its native code would read what is not there"
_SWITCH = "a switch of torch's forms, from the options; with another value its native code may read what is not there"
_OPTION = "from the options, and so the same in a new object"
_UNREAD = "torch keeps it, and the next rate follows from the rate before"
UNFELT = {
    "format": "a file of another format is not read: the training begins anew, and ends the same",
    **{f"optimizer.param_groups.*.{name}": _SWITCH for name in "amsgrad foreach fused maximize nesterov".split()},
    **{f"optimizer.param_groups.*.{name}": _SWITCH for name in "capturable differentiable".split()},
    "origin": "only a run that goes on from another one compares it, before it begins",
    "fit.validations": "it follows from the share of the budget, which may be another one now",
    "optimizer.param_groups.*.decoupled_weight_decay": _SWITCH,
    "optimizer.param_groups.*.initial_lr": "schedules keep one of their own, `base_lrs`",
    "optimizer.param_groups.*.params.*": _ORDER,
    **{f"schedule.rule.{name}": _OPTION for name in "cooldown default_min_lr mode_worse threshold total_iters".split()},
    **{f"schedule.{rule}._get_lr_called_within_step": _UNREAD for rule in ("rule", "warmup")},
    **{f"schedule.{rule}._last_lr.*": _UNREAD for rule in ("rule", "warmup")},
    **{f"schedule.{rule}.base_lrs.*": _UNREAD for rule in ("rule", "warmup")},
    "schedule.warmup._is_initial": _UNREAD,
    "schedule.warmup._step_count": _UNREAD,
}
"""Fields whose value makes no difference to the end, or is not changed here, and why they are in a checkpoint."""

Field = tuple[Any, ...]


def fields_of(state: Any, path: Field = ()) -> Iterator[tuple[Field, Any]]:
    """The paths and values of a checkpoint; an empty list or dict has none."""
    if isinstance(state, (dict, list, tuple)):
        for key, part in state.items() if isinstance(state, dict) else enumerate(state):
            yield from fields_of(part, (*path, key))
    else:
        yield path, state


def name_of(path: Field) -> str:
    """A field's name: `*` stands for any place in a list, and for any parameter's name."""
    return ".".join("*" if isinstance(key, int) or "." in key else key for key in path)


def other_values(value: Any) -> list[Callable[[Any], Any]]:
    """Ways to make another value of the same type; none for None."""
    if isinstance(value, Tensor) and value.dtype == torch.uint8:  # of a generator
        return [lambda _: Generator().manual_seed(123).get_state()]
    if isinstance(value, bool):
        return [lambda old: not old]
    if isinstance(value, int):
        return [lambda old: old + 1, lambda old: old - 1, lambda old: 0]
    if isinstance(value, (float, Tensor)):
        return [lambda old: old * 0.7 + 0.01, lambda old: old + 1]
    return [lambda old: f"not {old}"] if isinstance(value, str) else []


def damaged(state: Any, paths: set[Field], change: Callable[[Any], Any], path: Field = ()) -> Any:
    """A copy of `state` with the values at `paths` changed."""
    if isinstance(state, dict):
        return {key: damaged(part, paths, change, (*path, key)) for key, part in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(damaged(part, paths, change, (*path, i)) for i, part in enumerate(state))
    return change(state) if path in paths else state


@cache
def saved(training: str) -> dict[str, Any]:
    """The last checkpoint of a training that was cut off."""
    with TemporaryDirectory() as folder:
        run(Path(folder), TRAININGS[training], cut=CUT.get(training, 14))
        state = Checkpoints(Path(folder), CheckpointConfig()).latest()
    assert state is not None
    return state


@cache
def unbroken_end(training: str) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        return run(Path(folder), TRAININGS[training]).end(saved(training)["step"])


def end_from(state: dict[str, Any], training: str) -> dict[str, Any]:
    """The end of a training that goes on from `state`, or the error that it ends with."""
    step = saved(training)["step"]
    with TemporaryDirectory() as folder:
        with patch("os.fsync"):
            Checkpoints(Path(folder), CheckpointConfig()).save(step, state)
        try:
            return run(Path(folder), TRAININGS[training]).end(step)
        except Exception as error:
            return {"error": repr(error)}


@cache
def undamaged_end(training: str) -> dict[str, Any]:
    return end_from(saved(training), training)


def unfelt(part: str) -> set[str]:
    """The fields of a part of the checkpoints that can have another value, and no training ends otherwise."""
    felt: set[str] = set()
    met: set[str] = set()
    for training in TRAININGS:
        state = saved(training)
        paths: dict[str, dict[Field, Any]] = {}
        for path, value in fields_of(state[part], (part,)):
            paths.setdefault(name_of(path), {})[path] = value
        met |= paths.keys()
        for name in sorted(paths.keys() - felt - UNFELT.keys()):
            for change in other_values(next(iter(paths[name].values()))):
                if differing(end_from(damaged(state, set(paths[name]), change), training), undamaged_end(training)):
                    felt.add(name)
                    break
    return {name for name in met - felt if not any(other.startswith(f"{name}.") for other in met)}


@pytest.mark.parametrize("training", list(TRAININGS))
def test_undamaged_a_checkpoint_leads_to_the_end_of_the_unbroken_training(training: str) -> None:
    """The premise of the test below; and the checkpoint is of a later pass over the data, from within it."""
    assert saved(training)["fit"]["steps"] >= 6
    assert saved(training)["batches"]["taken"] % A_PASS
    assert differing(undamaged_end(training), unbroken_end(training)) == []


@pytest.mark.parametrize("part", PARTS)
def test_every_field_of_a_checkpoint_is_felt_at_the_end(part: str) -> None:
    assert unfelt(part) == {name for name in UNFELT if name.split(".")[0] == part}


def test_the_parts_are_all_that_a_checkpoint_has() -> None:
    assert [set(saved(training)) for training in TRAININGS] == [set(PARTS)] * len(TRAININGS)


def classes_with_a_state() -> list[type]:
    """The classes of the harness that define `state_dict`, by their source."""
    found = []
    for path in sorted((ROOT / "bench").rglob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and any(getattr(part, "name", "") == "state_dict" for part in node.body):
                module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
                found.append(getattr(module, node.name))
    return found


def test_whatever_has_a_state_has_it_in_the_checkpoints(monkeypatch, tmp_path: Path) -> None:
    """A class with a `state_dict` of its own that no checkpoint asks for would be forgotten."""
    asked = set()

    def listening(cls: type, state_dict: Callable[..., Any]) -> Callable[..., Any]:
        def state_dict_of(self: object, *args: Any) -> Any:
            asked.add(cls)
            return state_dict(self, *args)

        return state_dict_of

    for cls in classes_with_a_state():
        monkeypatch.setattr(cls, "state_dict", listening(cls, vars(cls)["state_dict"]))
    run(tmp_path, TRAININGS["noise, average, cosine"], cut=4)
    assert list(tmp_path.glob("checkpoint-3.pt"))
    assert len(asked) >= 5
    assert asked == set(classes_with_a_state())
