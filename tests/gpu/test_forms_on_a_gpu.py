"""On a GPU a cell's forms over time compute what its loop of steps does, from every start and in every precision."""

from contextlib import suppress

import pytest
import torch
from acting import values_of
from lives import ended, lived
from tiny import Given, a_batch, a_setup
from traces import chosen, made

from bench.config.schema import HardwareConfig
from bench.errors import ConfigError
from bench.hardware.precisions import WEIGHTS, lack
from bench.hardware.settings import torch_settings_kept
from bench.job.build import load_cell
from bench.unroll.forms import forms

BASE = {"task": "features", "model.hidden": 8, "optimizer": "adam", "optimizer.lr": 0.01}
CELLS = sorted(set(chosen("cell")) - {"custom"})


def has_vendor_form(name: str) -> bool:
    cls, options = load_cell(chosen("cell")[name])
    return "vendor" in forms(cls(3, 4, **options))


STARTS = [{"init.start": each} for each in sorted(values_of("init.start"))] + [
    {"init.input": each, "init.recurrent": each} for each in sorted(values_of("init.recurrent") - {"default"})
]
STARTED = [(cell, start) for cell in CELLS for start in (STARTS if has_vendor_form(cell) else STARTS[:1])]
NEAR = {"float64": 1e-6, "float32": 1e-3, "tf32": 0.05, "bfloat16": 0.1}
"""How far the losses and scores of three steps may be from those of the loop."""


@pytest.mark.parametrize("precision", WEIGHTS)
def test_every_start_runs_in_the_fastest_form_and_trains_as_the_loop_does(gpu, precision):
    if why := lack(torch.device(gpu.device), precision):
        pytest.skip(why)
    wrong, compared = [], 0
    for cell, start in gpu.some(STARTED):
        given = {**BASE, "cell": cell, "hardware.precision": precision, **start}
        with torch_settings_kept(), suppress(ConfigError):  # a cell that has no such start
            form = made({**given, "hardware.device": gpu.device, "unroll": "auto"}).model.form
            wrong += [f"{cell} {start}: {form.refused}"] * form.told
        fast, loop = (ended([{**given, "unroll": form}], gpu.device) for form in ("auto", "eager"))
        if (fast is None) != (loop is None):
            wrong.append(f"{cell} {start}: only one of the two forms is refused")
        elif fast is not None:
            compared += 1
            if not torch.allclose(fast, loop, rtol=NEAR[precision], atol=NEAR[precision]):
                wrong.append(f"{cell} {start}: {fast.tolist()}, by the loop {loop.tolist()}")
    assert compared
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("cell", ["mingru.MinGRU", "lru.LRU", "s4d.S4D", "mamba.S6"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_scan_in_chunks_is_the_loop_real_and_complex(gpu, cell, precision):
    """On a GPU a scan of more than 32 steps goes in chunks of 16: the end of the last one is cut off here."""
    task = Given(train=[a_batch(T=1000 if gpu.real else 37)])
    options = {"cell": f"bench.cells.{cell}", "hardware": HardwareConfig(gpu.device, precision=precision)}
    whole, loop = (lived(a_setup(task, **options, unroll=form), "train") for form in ("parallel", "eager"))
    assert torch.allclose(whole, loop, rtol=NEAR[precision], atol=NEAR[precision])
