"""A step that no kernel can be made of goes by the loop, and a line says which operation is in the way."""

import pytest
import torch

from bench.api import Cell
from bench.errors import ConfigError
from bench.unroll.forms import choose


class Plain(Cell):
    """A step of one state and one matrix, which subclasses spoil."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.map = torch.nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, self.hidden_size)

    def spoil(self, h):
        return h

    def step(self, x_BF, state):
        h = self.spoil(torch.tanh(self.map(torch.cat([x_BF, state], -1))))
        return h, h


def spoiled(how):
    return type("Spoiled", (Plain,), {"spoil": lambda self, h: how(h)})(3, 5)


def raised(h):
    raise RuntimeError("no such luck\nnor this")


LINES = {
    # what a step does, why there is no kernel
    "a cumulative sum": (lambda h: h.cumsum(-1), "cumsum has no form in a kernel"),
    "a mean over lanes": (
        lambda h: h - h.mean(0),
        "an operation goes over the lanes; a step computes each lane by itself",
    ),
    "a mean of all": (lambda h: h - h.mean(), "mean goes over all lanes; a step computes each lane by itself"),
    "normal noise": (
        lambda h: h + torch.randn_like(h),
        "randn_like has no form in a kernel; draw random numbers outside",
    ),
    "a branch": (
        lambda h: h if (h > 0).all() else -h,
        "all has no form in a kernel: what the step does would depend on",
    ),
    "a number of the data": (lambda h: h * h.max().item(), "max has no form in a kernel"),
    "a product of states": (lambda h: h @ h.t() @ h, "t has no form in a kernel"),
    "a stride": (lambda h: torch.cat([h[:, ::2], h[:, 1::2]], -1), "slice has a stride; chunk the tensor instead"),
    "a write into a view": (lambda h: h[:, :2].mul_(2) + h[:, :2], "mul_ changes a tensor that others are views of"),
    "a softmax": (lambda h: h.softmax(-1), "_softmax has no form in a kernel; a maximum over units is not"),
    "an error": (raised, "a step of zeros raises RuntimeError: no such luck"),
    "another width": (lambda h: torch.cat([h, h], -1), "a state of 5 numbers becomes one of 10"),
}


@pytest.mark.parametrize("what", LINES)
def test_a_line_says_what_is_in_the_way(what):
    how, line = LINES[what]
    form = choose(spoiled(how), "kernels", steps=0)
    assert form.name == "eager"
    assert form.refused.startswith(f"unroll=kernels takes the loop of steps: Spoiled has no kernels: {line}")
    assert "\n" not in form.refused


def test_the_plain_step_has_one():
    form = choose(Plain(3, 5), "kernels")
    assert (form.name, form.refused) == ("kernels", None)


def test_a_step_that_writes_in_place_has_one():
    assert choose(spoiled(lambda h: h.mul(2).clamp_(-1, 1).add_(h)), "kernels").name == "kernels"


class Moody(Plain):
    """Another equation at every call, which no trace can tell."""

    calls = 0

    def spoil(self, h):
        self.calls += 1
        return h * (1 + self.calls)


def test_kernels_that_differ_from_the_steps_are_refused():
    with pytest.raises(
        ConfigError, match=r"unroll=kernels: outputs of Moody differ from its step loop by .*unroll=eager"
    ):
        choose(Moody(3, 5), "kernels")


def test_weights_that_kernels_are_not_for_are_told():
    form = choose(Plain(3, 5).to(torch.bfloat16), "kernels", steps=0)
    assert form.name == "eager"
    assert form.refused.endswith("kernels are for float32 and float64 on the CPU, not torch.bfloat16 on cpu")
