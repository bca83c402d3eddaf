"""A training that is interrupted and goes on is, in every field and after every step, one that never stopped.

It is compared with that one, and not with another that has trained as long.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_tools import ROOT
from interrupted import A_PASS, EVERY, STEPS, TRAININGS, Ran, differing, run
from tiny import truncated

from bench.config.schema import BudgetConfig, HardwareConfig

OWN = {
    "checkpoints._saved_at": "the time of the last checkpoint on the clock of this process",
    "fit.progress.before": "seconds of earlier processes; with this process's own they are compared at the end",
}
"""Fields that belong to one process, and not to the training."""


def check_goes_on(resumed: Ran, unbroken: Ran, since: int) -> None:
    """`resumed` began after the step `since`, and was the unbroken training from there on."""
    assert min(resumed.fields) == since + 1
    for step, fields in resumed.fields.items():
        found = set(differing(fields, unbroken.fields[step])) - OWN.keys()
        assert not found, f"after step {step}, {', '.join(sorted(found))} differ from the unbroken training's"


def choices_of(group: str) -> dict[str, dict[str, Any]]:
    """The options of each choice of a group, but for the user's own."""
    files = sorted((ROOT / "conf" / group).glob("*.yaml"))
    return {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in files if file.stem != "custom"}


HALF = STEPS // 2
SAVED = HALF - EVERY
SCHEDULES, OPTIMIZERS = choices_of("schedule"), choices_of("optimizer")


@pytest.mark.parametrize("training", list(TRAININGS))
def test_cut_off_between_any_two_checkpoints_it_goes_on_as_if_it_had_not_been(tmp_path: Path, training: str) -> None:
    """Interrupted again and again, within each pass over the shuffled data and between them."""
    options = TRAININGS[training]
    (tmp_path / "unbroken").mkdir()
    unbroken = run(tmp_path / "unbroken", options, watch=True)
    last = max(unbroken.fields)
    assert last * options.get("accumulate", 1) > 2 * A_PASS
    run(tmp_path, options, cut=EVERY + 1)
    for saved in range(EVERY, last, EVERY):
        resumed = run(tmp_path, options, cut=saved + EVERY + 1, watch=True)
        check_goes_on(resumed, unbroken, saved)
    assert differing(resumed.end(saved), unbroken.end(saved)) == []


def check_cut_once(folder: Path, options: dict[str, Any]) -> None:
    options = {**options, "budget": BudgetConfig(steps=HALF), "evaluations": 6}
    unbroken = run(folder, options, watch=True)
    (folder / "cut").mkdir()
    run(folder / "cut", options, cut=8)
    resumed = run(folder / "cut", options, watch=True)
    check_goes_on(resumed, unbroken, 6)
    assert differing(resumed.end(6), unbroken.end(6)) == []


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_every_optimizer_goes_on(tmp_path: Path, optimizer: str) -> None:
    check_cut_once(tmp_path, {"optimizer": OPTIMIZERS[optimizer]})


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_every_optimizer_goes_on_in_another_precision(tmp_path: Path, optimizer: str) -> None:
    for there, here in ("float32", "float64"), ("float64", "float32"):
        folder, options = tmp_path / here, {"optimizer": OPTIMIZERS[optimizer], "ema": 0.9, "bptt": truncated(3)}
        folder.mkdir()
        run(folder, {**options, "hardware": HardwareConfig("cpu", precision=there)}, cut=8)
        resumed = run(folder, {**options, "hardware": HardwareConfig("cpu", precision=here)})
        assert list(resumed.rates) == list(range(7, STEPS + 1))
        assert {str(weight.dtype) for weight in resumed.left["latest weights"].values()} == {f"torch.{here}"}


@pytest.mark.parametrize("warmup", [0.0, 0.8])
@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_every_schedule_goes_on_within_its_warm_up_and_after_it(tmp_path: Path, schedule: str, warmup: float) -> None:
    check_cut_once(tmp_path, {"schedule": {**SCHEDULES[schedule], "warmup": warmup}})


def longer(folder: Path, options: dict[str, Any], evaluations: tuple[int, int], watch: bool = False) -> list[Ran]:
    """A training that had the whole budget from the start, and one that had half of it and was cut off in the second
    pass over the data; each budget has its own number of `evaluations`."""
    half, whole = ({**options, "evaluations": number} for number in evaluations)
    unbroken = run(folder, whole, watch=watch)
    (folder / "cut").mkdir()
    run(folder / "cut", {**half, "budget": BudgetConfig(steps=HALF)}, cut=HALF - 1)
    return [run(folder / "cut", whole, watch=watch), unbroken]


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_with_a_longer_budget_it_goes_on_as_one_that_had_it_from_the_start(tmp_path: Path, schedule: str) -> None:
    """Where the longer budget changes nothing before the cut: the validations are after the same steps, and the
    schedule does not count the budget's steps."""
    options = {"schedule": SCHEDULES[schedule], "bptt": truncated(2, offset="random")}
    resumed, unbroken = longer(tmp_path, options, (6, 12), watch=True)
    check_goes_on(resumed, unbroken, SAVED)
    assert differing(resumed.end(SAVED), unbroken.end(SAVED)) == []
    dropped = unbroken.rates[SAVED] < unbroken.rates[1]
    assert dropped == (schedule == "plateau")


@pytest.mark.parametrize("warmup", [0.0, 0.6])
@pytest.mark.parametrize("schedule", sorted(SCHEDULES.keys() - {"plateau"}))
def test_with_a_longer_budget_the_rate_of_every_step_is_that_of_the_budget(
    tmp_path: Path, schedule: str, warmup: float
) -> None:
    """Beginning with the first step after the checkpoint."""
    resumed, unbroken = longer(tmp_path, {"schedule": {**SCHEDULES[schedule], "warmup": warmup}}, (2, 2))
    assert min(resumed.rates) == SAVED + 1
    assert resumed.rates == {step: rate for step, rate in unbroken.rates.items() if step > SAVED}
    assert resumed.saved[1:] == [step for step in unbroken.saved if step > SAVED]


@pytest.mark.parametrize("evaluations", [(6, 6), (6, 4), (2, 8), (4, 24), (12, 2)], ids=str)
def test_with_a_longer_budget_validations_are_after_the_steps_of_that_budget(
    tmp_path: Path, evaluations: tuple[int, int]
) -> None:
    """Whether more of them or fewer were made, than the longer budget had had by then."""
    after = [[row["step"] for row in ran.left["curve"]] for ran in longer(tmp_path, {}, evaluations)]
    resumed, unbroken = ([step for step in steps if step > SAVED] for steps in after)
    assert resumed == unbroken
