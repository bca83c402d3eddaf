"""UORO's gradient is another at each draw, and on average that of BPTT: taken over all draws, not over some."""

import itertools

import pytest
import torch
from forward_mode import backward, check_same, forward
from tiny import Given, a_batch, a_model

from bench.cells.gru import GRU
from bench.train.gradient.uoro import UORO


class Signs(UORO):
    """Draws the signs that it is told to."""

    given = ()

    def random_signs(self, like_BN):
        return torch.tensor([[next(self.given) for _ in row] for row in like_BN], dtype=like_BN.dtype)


def expectation(T, signs=(-1.0, 1.0)):
    """The mean of UORO's gradient over all sequences of signs that matter, each as likely; from two units, one lane."""
    model, batch = a_model(GRU, hidden=2), a_batch(T, B=1)
    total, count = [0.0] * len(list(model.parameters())), 0
    for drawn in itertools.product(signs, repeat=2 * (T - 1)):
        Signs.given = itertools.chain([1.0, 1.0], drawn, [1.0, 1.0])  # of the probe; and of the last step, of no effect
        total = [a + b for a, b in zip(total, forward(Signs, model, [batch]), strict=True)]
        count += 1
    return [a / count for a in total], backward(model, [batch])


@pytest.mark.parametrize("T", [1, 2, 3])
def test_uoro_is_unbiased(T):
    check_same(*expectation(T))


def test_uoro_without_random_signs_is_biased():
    with pytest.raises(AssertionError):
        check_same(*expectation(T=3, signs=(1.0,)))


def test_uoro_draws_either_sign_as_often():
    model = a_model(hidden=2)
    torch.manual_seed(0)
    drawn = UORO(model, Given(train=[a_batch()]).spec, 2).random_signs(torch.empty(1000, 10))
    assert set(drawn.unique().tolist()) == {-1.0, 1.0}
    assert abs(drawn.mean()) < 0.03
