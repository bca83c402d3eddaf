"""On a GPU every cell, task, optimiser and gradient takes three steps, with the numbers of the CPU."""

import pytest
import torch
from cli_tools import TINY
from lives import ended
from tiny import Given, a_batch, a_setup, seeded
from traces import chosen

import bench
from bench.config.schema import BPTTConfig, HardwareConfig, ModelConfig
from bench.errors import BenchError
from bench.train.loop import train

BASE = {
    "task": "features",
    "cell": "gru",
    "model.hidden": 8,
    "optimizer": "adam",
    "optimizer.lr": 0.01,
    "unroll": "auto",
}
GIVEN = [
    *({"cell": name, "hardware.precision": "float32"} for name in sorted(chosen("cell")) if name != "custom"),
    *({"optimizer": name} for name in sorted(chosen("optimizer")) if name != "custom"),
    *({"gradient": name} for name in ("rtrl", "uoro", "eprop")),
    *({"task": "sequence", f"model.{name}": each} for name, each in (("attention", "dot"), ("bidirectional", True))),
    *({"bptt.kind": "truncated", "bptt.window": 2, "bptt.horizon": each} for each in (2, 3)),
    {"bptt.checkpoint": True}, {"accumulate": 2}, {"ema": 0.5}, {"model.norm": "batch_per_step"}, {"model.conv": 3},
]  # fmt: skip


def test_three_steps_and_all_that_follows_have_the_numbers_of_the_cpu(gpu):
    wrong = []
    for given in gpu.some(GIVEN):
        settings = {key: each for key, each in BASE.items() if key.partition(".")[0] not in given} | given
        far = 1e-3 if given.get("hardware.precision") == "float32" else 1e-6
        try:
            found, wanted = (ended([settings], device, measured=gpu.real) for device in (gpu.device, "cpu"))
        except Exception as error:
            wrong.append(f"{given}: {type(error).__name__}: {error}")
            continue
        if found is None or not torch.allclose(found, wanted, rtol=far, atol=far):
            wrong.append(f"{given}: {found}, on the CPU {wanted}")
    assert not wrong, "\n".join(wrong)


def test_every_task_is_run_to_its_record(gpu_for_runs, tmp_path):
    wrong = []
    for name in gpu_for_runs.some(sorted(set(chosen("task")) - {"custom"})):
        try:
            bench.run(
                *TINY, f"task={name}", "cell=gru", f"hardware.device={gpu_for_runs.device}", f"results_dir={tmp_path}"
            )
        except BenchError as error:
            wrong.append(f"{name}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("dropped", ["dropout", "zoneout", "recurrent_dropout"])
def test_a_checkpointed_segment_is_recomputed_under_the_same_masks(gpu, dropped):
    """Each segment's outputs come twice, once forward and once for its gradient, and are the same."""
    model = ModelConfig(hidden=5, **{dropped: 0.5})
    hardware = HardwareConfig(gpu.device, precision="float64")
    task = Given(train=[a_batch(T=9)])
    setup = a_setup(task, model=model, hardware=hardware, bptt=BPTTConfig(checkpoint=True), unroll="eager")
    seen = []
    setup.model.head.register_forward_hook(lambda *found: seen.append(found[-1].detach().cpu()))
    how = (setup.config, setup.machine, seeded())
    next(train(setup.model, task, setup.optimizer, task.splits["train"], *how))
    forward, again = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    assert len(forward) == 3 and all(map(torch.equal, forward, reversed(again)))
