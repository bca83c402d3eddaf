"""Optimisers and schedules from their options: every choice can be driven, weight decay spares what it is to spare."""

from functools import cache, partial

import pytest
import torch
from tiny import CPU64, Given, a_batch, a_config, a_model, a_setup

from bench.cells.gru import GRU
from bench.cells.indrnn import IndRNN
from bench.cells.lru import LRU
from bench.cells.lstm import LSTM
from bench.cells.mamba import S6
from bench.cells.s4d import S4D
from bench.config.catalogue import choices
from bench.config.compose import compose
from bench.errors import ConfigError
from bench.train.loop import train
from bench.train.optimizer import build_optimizer, decay_note

NAMES = sorted(set(choices("optimizer")) - {"custom"})
DECAYING = ("SGD", "AdamW", "Adafactor")
"""Those whose weight decay does not go through the gradient's moments: it shrinks a weight by lr * weight_decay."""


@cache
def composed(*arguments):
    """The options of a run as it is composed from the command line."""
    return compose(arguments).config.optimizer


@pytest.mark.parametrize("name", NAMES)
def test_every_choice_trains(name):
    model, batch = a_model(), a_batch()
    optimizer = build_optimizer(composed(f"optimizer={name}"), model)
    steps = list(train(model, Given(train=[batch]), optimizer, [batch] * 20, a_config(clip=1.0), CPU64))
    assert steps[-1].loss < steps[0].loss


def test_the_choices_are_those_of_torch_that_the_loop_can_drive():
    classes = (found for found in vars(torch.optim).values() if isinstance(found, type))
    there_are = {found.__name__ for found in classes if issubclass(found, torch.optim.Optimizer)}
    offered = {composed(f"optimizer={name}")["_target_"].rpartition(".")[2] for name in NAMES}
    assert there_are - offered == {"LBFGS", "Muon", "Optimizer", "SparseAdam"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"_target_": "torch.optim.LBFGS"}, "LBFGS evaluates the loss several times an update.*; choose another"),
        ({"_target_": "torch.optim.Muon"}, "Muon updates matrices alone, but every model has biases; choose another"),
        ({"_target_": "torch.optim.SparseAdam"}, "SparseAdam needs sparse gradients"),
        ({"_target_": "torch.optim.Adam", "decay": "matrix"}, "decay=matrix: choose one of all, .*mean matrices"),
        ({"_target_": "torch.optim.Rprop", "decay": "matrices"}, "decay=matrices: Rprop has no weight_decay"),
    ],
)
def test_what_cannot_be_driven_is_one_line_that_says_why(options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        build_optimizer(options, a_model())
    assert "\n" not in str(caught.value)


def check_decay(name, decay):
    """With gradients of zero, an update is weight decay alone."""
    model = a_model()
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, 1.0)
        parameter.grad = torch.zeros_like(parameter)
    options = {"_target_": f"torch.optim.{name}", "lr": 0.5, "weight_decay": 0.2, "decay": decay}
    build_optimizer(options, model).step()
    for parameter_name, parameter in model.named_parameters():
        left = 1.0 if parameter.dim() == 1 else 0.9
        assert torch.allclose(parameter, torch.full_like(parameter, left)), f"{parameter_name} is not {left}"


@pytest.mark.parametrize("name", DECAYING)
def test_decay_of_matrices_spares_biases_and_shrinks_the_others(name):
    check_decay(name, "matrices")


@pytest.mark.parametrize("name", DECAYING)
def test_decay_of_all_would_be_noticed(name):
    with pytest.raises(AssertionError, match=r"bias.* is not 1.0"):
        check_decay(name, "all")


def test_the_groups_hold_every_parameter_once():
    model = a_model(layers=2)
    optimizer = build_optimizer({"_target_": "torch.optim.AdamW", "decay": "matrices"}, model)
    grouped = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(map(id, model.parameters()))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.01, 0.0]


def decayed(cell, **options):
    """The names of the cell's parameters that weight decay of matrices acts on."""
    model = a_model(partial(cell, **options))
    optimizer = build_optimizer({"_target_": "torch.optim.AdamW", "decay": "matrices"}, model)
    acted_on = {id(parameter) for parameter in optimizer.param_groups[0]["params"]}
    return {name for name, parameter in model.cells[0].named_parameters() if id(parameter) in acted_on}


@pytest.mark.parametrize(
    ("cell", "options", "maps"),
    [
        (LSTM, {"peepholes": True}, {"weight_ih", "weight_hh"}),
        (LSTM, {}, {"weight_ih", "weight_hh"}),
        (S4D, {"state_size": 4}, {"project.weight", "C"}),
        (S4D, {"state_size": 4, "kind": "real"}, {"project.weight", "C"}),
        (S6, {"state_size": 4}, {"project.weight", "select.weight", "widen.weight"}),
        (LRU, {}, {"B", "C", "D"}),
        (IndRNN, {}, {"weight_ih"}),
    ],
)
def test_poles_steps_and_peepholes_are_numbers_and_not_decayed_whatever_their_shape(cell, options, maps):
    """Decay would pull the logarithm of a rate to 0, and so every rate to 1, be it of 1 or of 1,000 steps."""
    assert decayed(cell, **options) == maps


class Leaky(GRU):
    """A user's cell with a decay for each unit in each of two bands."""

    undecayed = ("log_decay",)

    def add_parameters(self):
        self.log_decay = torch.nn.Parameter(torch.zeros(2, self.hidden_size))


def test_a_user_s_cell_declares_its_own_numbers():
    assert decayed(Leaky) == {"weight_ih", "weight_hh"}


def test_a_declared_name_that_is_no_parameter_is_told_with_those_that_are():
    class Misspelt(Leaky):
        undecayed = ("log_decya",)

    with pytest.raises(ConfigError, match=r"Misspelt.undecayed: log_decya is no parameter of it; it has .*log_decay"):
        decayed(Misspelt)


def test_a_run_says_what_is_decayed_where_it_is_not_all():
    model, options = a_model(Leaky), {"_target_": "torch.optim.AdamW", "weight_decay": 0.1}
    said = decay_note(build_optimizer({**options, "decay": "matrices"}, model), model)
    assert said == "weight decay of 0.1 acts on weight_ih, weight_hh, head.weight alone"
    assert decay_note(build_optimizer({**options, "decay": "all"}, model), model) is None
    assert decay_note(build_optimizer({**options, "weight_decay": 0.0, "decay": "matrices"}, model), model) is None


MINE = """
import torch

class Mine(torch.optim.SGD):
    def __init__(self, params, lr: float = 0.1, boost: float = 1.0):
        super().__init__(params, lr=lr * boost)

class Halving(torch.optim.lr_scheduler.StepLR):
    def __init__(self, optimizer, ticks: int, times: int = 1):
        super().__init__(optimizer, step_size=ticks // (times + 1), gamma=0.5)
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def test_an_optimiser_and_a_schedule_of_ones_own(mine):
    optimizer = {"target": f"{mine}:Mine", "boost": 3.0}
    schedule = {"target": f"{mine}:Halving", "times": 3, "warmup": 0.0}
    setup = a_setup(Given(train=[a_batch()]), optimizer=optimizer, schedule=schedule)
    rates = []
    for share in (0.0, 0.25, 0.5, 0.75):
        setup.schedule.set_rate(share)
        rates.append(setup.schedule.rate)
        setup.optimizer.step()
    assert rates == pytest.approx([0.3, 0.15, 0.075, 0.0375])


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("torch.nn.Linear", {}, "schedule._target_: Linear is no LRScheduler: derive it from torch.optim.lr_scheduler"),
        ("bench.train.schedule.Cosin", {}, "no class Cosin in bench.train.schedule; .*did you mean Cosine"),
        ("bench.train.schedule.Cosine", {"final": 2}, "schedule.final=2: input should be less than or equal to 1"),
        ("bench.train.schedule.Cosine", {"T_max": 2}, "schedule.T_max: unknown option; Cosine has schedule.final"),
        ("bench.train.schedule.Step", {"drops": 0}, "schedule.drops=0: input should be greater than or equal to 1"),
        ("bench.train.schedule.Cyclical", {"mode": "x"}, "schedule.mode=x: input should be 'triangular'"),
        ("bench.train.schedule.Constant", {"warmup": 1.0}, "schedule.warmup=1.0: input should be less than 1"),
        ("bench.train.schedule.Constant", {"warmup": "some"}, "schedule.warmup=some: input should be a valid number"),
    ],
)
def test_a_schedule_that_cannot_be_is_one_line(target, options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        a_setup(Given(train=[a_batch()]), schedule={"_target_": target, **options})
    assert "\n" not in str(caught.value)
