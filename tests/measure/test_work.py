"""Work a second by its definition, the products of a step by their shapes, and what is not known left empty."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from clock import Clock
from three_tasks import TASKS
from tiny import CPU64, Given, a_batch, a_setup

from bench.config.schema import ModelConfig
from bench.hardware import large_product
from bench.hardware.timing import Sample
from bench.measure import limit, work
from bench.measure.flops import count_flops
from bench.measure.limit import seconds_of_products
from bench.measure.work import measure_work

H, F, C, T, B = 16, 3, 4, 6, 2
SPEED = {name: {"median": value} for name, value in (("train_tokens_per_s", 100.0), ("infer_tokens_per_s", 300.0))}


def a_gru(**changes):
    return a_setup(Given(train=[a_batch(T, B)]), **{"model": ModelConfig(hidden=H), **changes})


@pytest.fixture
def limits(monkeypatch):
    """A machine of 1e6 operations a second, on which a token's products take 2 ms."""
    monkeypatch.setattr(work, "product_flop_per_s", lambda machine: 1e6)
    monkeypatch.setattr(work, "seconds_of_products", lambda *_: 2e-3)


def test_operations_a_second_are_those_of_a_token_times_the_tokens(limits):
    setup = a_gru()
    flops = count_flops(setup.model).figures()
    forward, backward = (sum(flops[way].values()) for way in ("forward", "backward"))
    found = measure_work(setup, flops, SPEED, seconds=1.0)
    assert found["train_flop_per_s"] == 100 * (forward + backward)
    assert found["infer_flop_per_s"] == 300 * forward
    assert found["train_peak_share"] == found["train_flop_per_s"] / 1e6 and found["peak_flop_per_s"] == 1e6
    assert found["infer_peak_share"] == found["infer_flop_per_s"] / 1e6
    assert found["gemm_share"] == pytest.approx(0.2)


def test_the_products_of_a_step_are_also_those_of_its_padding(limits):
    """A step takes as long as its batch is wide, and tokens are the real ones: half of one batch, all of the other."""
    half = replace(a_batch(T, B), lengths=torch.tensor([T // 2] * B))
    found = measure_work(a_setup(Given(train=[half, a_batch(T, B)])), None, SPEED, seconds=1.0)
    assert found["gemm_share"] == pytest.approx(0.2 * 2 / 1.5)


def test_where_speeds_are_sampled_in_a_moment_the_machine_is_not_measured(monkeypatch):
    monkeypatch.setattr(work, "product_flop_per_s", lambda machine: pytest.fail("it takes longer than the speeds"))
    found = measure_work(a_gru(), None, SPEED, seconds=0.01)
    assert {*found.values()} == {None}


def test_tokens_that_differ_in_work_and_gradients_forward_in_time_have_no_figure(limits):
    setup = a_setup(TASKS["sequence"], model=ModelConfig(hidden=5))
    assert {*measure_work(setup, count_flops(setup.model).figures(), SPEED, 1.0).values()} == {None}
    setup = a_gru(gradient="rtrl")
    assert {*measure_work(setup, count_flops(setup.model).figures(), SPEED, 1.0).values()} == {None}


def test_at_the_limit_of_large_products_a_figure_has_all_of_the_peak(limits):
    setup = a_gru()
    flops = count_flops(setup.model).figures()
    found = work.limits(setup, flops, seconds=1.0)
    speed = {f"{name}_tokens_per_s": {"median": 1e6 / found[name]} for name in ("train", "infer")}
    shares = measure_work(setup, flops, speed, seconds=1.0)
    assert shares["train_peak_share"] == pytest.approx(1) and shares["infer_peak_share"] == pytest.approx(1)
    assert found["prefill"] == found["infer"]
    assert work.limits(setup, flops, seconds=0.1) == work.limits(setup, None, seconds=1.0) == {}
    assert work.limits(a_gru(gradient="rtrl"), flops, seconds=1.0) == {}


@pytest.fixture
def energy(monkeypatch):
    """Sets the counter of a processor, by the steps of 12 tokens that it has made, of which each takes a second."""

    def energy(joules):
        clock = Clock()

        def steps(setup, batches):
            while True:
                clock.now += 1.0
                yield T * B

        monkeypatch.setattr(work, "training", steps)
        monkeypatch.setattr(work, "_TICK", 20.0)
        monkeypatch.setattr(work, "energy_counter", lambda machine: lambda: joules(clock.now))
        return clock

    return energy


@pytest.mark.parametrize("seconds", [1.0, 7.0, 10.0, 13.0])
@pytest.mark.parametrize("every", [1, 5])
def test_the_energy_of_a_token_is_that_used_over_its_steps_however_seldom_the_counter_moves(energy, every, seconds):
    clock = energy(lambda steps: 6.0 * every * (steps // every))
    assert work.joules_a_token(a_gru(), seconds, clock) == 6 / (T * B)


def test_energy_that_nothing_counts_is_not_known(energy, limits):
    assert work.joules_a_token(a_gru(), 1.0, energy(lambda steps: 42.0)) is None, "the counter stands still"
    clock = energy(lambda steps: 6.0 * steps)
    assert measure_work(a_gru(), None, SPEED, 1.0, clock)["joules_a_token"] == 6 / (T * B)
    assert measure_work(a_gru(), None, SPEED, 0.1, clock)["joules_a_token"] is None, "too short for a counter"


def test_the_products_of_a_step_are_those_of_its_equations(monkeypatch):
    """Of a GRU over T steps: inputs and head for all steps at once, the state's product a step; gradients at once."""
    seen = Counter()
    monkeypatch.setattr(
        limit, "_seconds", lambda product, machine: seen.update({(product.made, _inner(product)): 1}) or 1.0
    )
    setup = a_gru(unroll="vendor")
    seconds_of_products(setup.model, a_batch(T, B), CPU64)
    assert setup.unroll == "vendor"
    made = {shape for shape, _ in seen}
    assert {(T * B, 3 * H), (B, 3 * H), (B, H), (T * B, C)} <= made
    for weight, inner in (((3 * H, H), T * B), ((3 * H, F), T * B)):
        assert seen[weight, inner] + seen[weight[::-1], inner] == 1, "one product over all steps"


def test_products_with_one_hot_vectors_are_none_of_a_step(monkeypatch):
    seen = []
    monkeypatch.setattr(limit, "_seconds", lambda product, machine: seen.append(product.made) or 1.0)
    setup = a_setup(TASKS["symbols"], model=ModelConfig(hidden=H, embedding=0))
    batch, symbols = TASKS["symbols"].splits["train"][0], setup.task.spec.inputs.size
    seconds_of_products(setup.model, batch, CPU64)
    assert (T * len(batch.fresh), 3 * H) not in seen, "of the inputs"
    assert not {(3 * H, symbols), (symbols, 3 * H)} & {*seen}, "of their weight's gradient"
    assert (len(batch.fresh), 3 * H) in seen, "of the state"


def _inner(product):
    """The length of the sums of a product."""
    return [each for each in product.arguments if isinstance(each, limit.Factor)][-1].shape[0]


def test_bare_products_take_time_and_leave_the_model_as_it_is():
    setup = a_gru(unroll="vendor")
    forms = setup.model.unrolls
    assert seconds_of_products(setup.model, a_batch(T, B), CPU64) > 0
    assert setup.model.unrolls == forms
    assert all(weight.grad is None for weight in setup.model.parameters())


def test_the_machine_s_products_are_the_best_of_some(monkeypatch):
    times = iter([9.0, 3.0, 2.0, 4.0, 5.0])
    monkeypatch.setattr(large_product.Timed, "sample", lambda timed: Sample(1, next(times)))
    assert large_product.product_flop_per_s.__wrapped__(CPU64) == 2 * 256**3 / 2.0


def test_they_are_those_of_the_faster_library(monkeypatch):
    machine = replace(CPU64, precision="float32")
    factor = torch.randn(4, 4)
    first, *others = (product() for product in large_product._products(factor))
    for other in others:
        torch.testing.assert_close(other.to_dense(), factor @ factor.T)
    torch.testing.assert_close(first, factor @ factor)
    seconds = iter([4.0, 2.0])
    monkeypatch.setattr(large_product, "_products", lambda factor: ["one", "another"])
    monkeypatch.setattr(large_product, "_shortest", lambda machine, product, clock: next(seconds))
    assert large_product.product_flop_per_s.__wrapped__(machine) == 2 * 256**3 / 2.0


@pytest.mark.parametrize("bias", [False, True])
def test_the_products_of_a_step_are_timed_by_each_library_on_the_same_factors(bias):
    left, right = torch.randn(3, 5), torch.randn(4, 5).t()
    given = (torch.zeros(4), left, right) if bias else (left, right)
    op = torch.ops.aten.addmm.default if bias else torch.ops.aten.mm.default
    first, *others = (call() for call in limit._calls(limit.Product(op, (), ()), given))
    torch.testing.assert_close(first, left @ right)
    for other in others:
        torch.testing.assert_close(other.to_dense(), left @ right)
