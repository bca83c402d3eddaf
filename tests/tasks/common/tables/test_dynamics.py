"""Generated series obey their equations, to the accuracy of their integration, and are the same anywhere."""

import numpy as np
import pytest
import torch

from bench.tasks.common.tables import dynamics
from bench.tasks.common.tables.dynamics import mackey_glass, narma10


def test_mackey_glass_obeys_its_delay_equation():
    """The slope by central differences is what the equation says of a value and the one 17 time units before."""
    x = mackey_glass(2000)
    before, now, after, delayed = x[16:-3], x[17:-2], x[18:-1], x[:-19]
    wanted = 0.2 * delayed / (1 + delayed**10) - 0.1 * now
    assert np.abs((after - before) / 2 - wanted).max() < 0.03 * np.abs(wanted).max()


def test_smaller_steps_change_little():
    """Halving the integration's step from 0.2 to 0.1 moves the series far more than from 0.1 to 0.05."""
    coarse, usual, fine = (mackey_glass(40, tau=8.0, substeps=n) for n in (5, 10, 20))
    assert 0 < np.abs(usual - fine).max() < np.abs(coarse - usual).max() / 4 < 1e-4


def test_stride_leaves_out_and_tau_decides_between_a_cycle_and_chaos():
    assert np.array_equal(mackey_glass(50, stride=6), mackey_glass(295)[::6])
    settled = mackey_glass(400, tau=1.0)
    assert np.ptp(settled) < 1e-6 < 0.5 < np.ptp(mackey_glass(400))
    assert settled[0] == pytest.approx(1.0)  # where 0.2 x / (1 + x^10) = 0.1 x


def test_narma_answers_its_input_by_the_equation():
    u, y = narma10(300, seed=0)
    for t in range(20, 299):
        wanted = 0.3 * y[t - 1] + 0.05 * y[t - 1] * y[t - 10 : t].sum() + 1.5 * u[t - 9] * u[t] + 0.1
        assert y[t] == pytest.approx(wanted, rel=1e-12)
    assert u.min() >= 0 and u.max() <= 0.5 and y.max() <= 1
    assert not np.array_equal(u, narma10(300, seed=1)[0])


def test_a_narma_series_that_runs_away_is_drawn_anew(monkeypatch):
    monkeypatch.setattr(dynamics, "_MOST", 0.75)  # not so rare
    u, y = narma10(300, seed=0)
    assert y.max() <= 0.75
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.rand(1300, generator=generator, dtype=torch.float64)[1000:].tolist() for _ in range(100)]
    assert (2 * u).tolist() in drawn[1:], "it begins anew with what the generator draws next"


def test_a_series_cannot_be_changed_under_the_next_reader():
    with pytest.raises(ValueError, match="read-only"):
        mackey_glass(50, stride=6)[0] = 0
