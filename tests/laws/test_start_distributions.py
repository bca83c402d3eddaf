"""Every parameter of every cell starts with the distribution that its docstring or its paper states."""

import inspect

import pytest
import torch
from cell_starts import CELLS, PUBLISHED
from starts import check_all
from traces import chosen, made

from bench.api import leaves
from bench.cells.slstm import SLSTM
from bench.config.schema import InitConfig
from bench.job.build import load_cell
from bench.model.init import draw_cell

SEEDS = range(5)
SIZES = [(30, 48), (48, 48), (50, 16)]
OPTIONS = [
    *((name, {}) for name in CELLS),
    ("exprnn", {"init": "henaff"}),
    ("rhn", {"depth": 3, "transform_bias": -1.0}),
    ("sru", {"peephole": True}),
    ("qrnn", {"window": 1}),
    ("ngram_mlp", {"context": 3}),
    ("linear_attention", {"heads": 5}),
    ("deltanet", {"heads": 16}),
    ("mlstm", {"heads": 3}),
    ("lru", {"state_size": 40, "r_min": 0.5, "r_max": 0.9, "max_phase": 1.0}),
    ("mamba", {"state_size": 5}),
    ("s4d", {"kind": "real", "state_size": 6}),
    ("tcn", {"levels": 1, "kernel_size": 2}),
    ("transformer", {"heads": 5}),
]


def drawn(name, options, inputs, units, start="default"):
    """The cell for each seed, and all its options."""
    cls, checked = load_cell({**chosen("cell")[name], **options})
    defaults = {key: each.default for key, each in inspect.signature(cls).parameters.items()}
    cells = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        cells.append(draw_cell(InitConfig(start=start), cls, checked, inputs, units))
    return cells, {**defaults, **checked}


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=lambda part: str(part) if part else "default")
def test_a_cell_starts_as_it_says(name, options):
    for inputs, units in SIZES:
        cells, all_options = drawn(name, options, inputs, units)
        check_all(CELLS[name](inputs, units, all_options), [dict(cell.named_parameters()) for cell in cells])
        assert not list(cells[0].buffers()), "a buffer without a line"


@pytest.mark.parametrize(
    ("name", "options"), [*((name, {}) for name in PUBLISHED), ("sru", {"peephole": True}), ("deltanet", {"heads": 16})]
)
def test_with_init_published_a_cell_starts_as_its_paper_s_released_code(name, options):
    for inputs, units in SIZES:
        cells, all_options = drawn(name, options, inputs, units, start="published")
        check_all(PUBLISHED[name](inputs, units, all_options), [dict(cell.named_parameters()) for cell in cells])


@pytest.mark.parametrize("name", sorted(CELLS.keys() - PUBLISHED.keys()))
def test_the_default_start_of_every_other_cell_counts_as_published(name):
    (plain, *_), _ = drawn(name, {}, 3, 8)
    (published, *_), _ = drawn(name, {}, 3, 8, start="published")
    for ours, theirs in zip(plain.parameters(), published.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", ["slstm", "mlstm"])
@pytest.mark.parametrize("task", ["features", "sequence"])
def test_a_published_start_follows_a_cell_s_layer(name, task):
    options = {"task": task, "cell": name, "init.start": "published", "model.layers": 3, "model.hidden": 48}
    models = [made({**options, "seed": seed}).model for seed in SEEDS]
    stacks = [[model.float(), model.reader] if task == "sequence" else [model] for model in models]
    for each in zip(*stacks, strict=True):
        for layer in range(3):
            cells = [stack.cells[layer].float() for stack in each]
            own = {"heads": 4} if name == "mlstm" else {}
            starts = PUBLISHED[name](cells[0].input_size, 48, own, layer=layer, layers=3)
            check_all(starts, [dict(cell.named_parameters()) for cell in cells])


def test_in_a_block_a_published_start_draws_what_the_cell_keeps():
    settings = {"cell": "rglru", "init.start": "published", "model.expand": 1.5, "model.hidden": 48}
    cells = [made({**settings, "seed": seed}).model.cells[0].float() for seed in SEEDS]
    starts = {name: start for name, start in PUBLISHED["rglru"](48, 72, {}).items() if "project" not in name}
    check_all(starts, [dict(cell.named_parameters()) for cell in cells])


def test_a_published_start_of_a_deep_model_reaches_cells_with_noise_and_keeps_the_other_options():
    settings = {"cell": "slstm", "init.start": "published", "init.forget_bias": 2.0, "model.layers": 2}
    for cell in made({**settings, "model.recurrent_dropout": 0.5}).model.cells:
        assert not cell.weight_hh.any()
        assert (cell.bias_ih.view(4, -1)[1] == 2).all()


def test_both_cells_of_a_bidirectional_layer_start_as_of_that_layer():
    settings = {"task": "sequence", "cell": "slstm", "init.start": "published", "model.bidirectional": True}
    biases = [cell.bias_ih for cell in made({**settings, "model.layers": 2}).model.reader.cells]
    assert torch.equal(biases[0], biases[1]) and torch.equal(biases[2], biases[3])
    assert not torch.equal(biases[1], biases[2])


def test_options_of_init_act_on_top_of_a_start():
    torch.manual_seed(0)
    cell = draw_cell(InitConfig(start="published", recurrent="identity", forget_bias=2.0), SLSTM, {}, 3, 8)
    assert torch.equal(cell.weight_hh, torch.eye(8).repeat(4, 1))
    assert ((cell.bias_ih + cell.bias_hh)[8:16] == 2).all()


def test_every_cell_has_a_line():
    assert CELLS.keys() == chosen("cell").keys() - {"custom"}


@pytest.mark.parametrize("name", CELLS)
def test_every_state_starts_at_zero(name):
    """But for the largest log weight of an empty sLSTM, which is below that of every input."""
    (cell, *_), _ = drawn(name, {}, 3, 8)
    state = leaves(cell.initial_state(2, torch.empty(0)))
    *states, last = state if name == "slstm" else (*state, torch.full((), -1e9))
    assert not any(part.any() for part in states)
    assert (last == -1e9).all()
