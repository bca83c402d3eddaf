"""A run's life on a GPU: again and cut off to the same end, loaded on a CPU, measured, and out of memory."""

import warnings
from collections import Counter
from contextlib import contextmanager, suppress
from unittest.mock import Mock

import pytest
import torch
from cli_tools import TINY, last_of_each
from tiny import Given, a_batch, a_setup
from traces import chosen

import bench
from bench.api import Batch
from bench.config.compose import compose
from bench.config.schema import HardwareConfig, ModelConfig
from bench.errors import Failed
from bench.hardware.settings import torch_settings_kept
from bench.job.build import load_cell
from bench.job.execute import execute
from bench.job.listener import Listener
from bench.measure.memory import measure_memory
from bench.measure.speed import hold_still, measure_speed

STEPS = 12
NOISY = ("model.dropout=0.3", "ema=0.9", "evaluations=2", f"budget.steps={STEPS}", "checkpoint.steps=3")
COPY = ("task=copy", "task.held_out=20")
CELLS = ("gru", "lstm", "lru", "deltanet", "attention")


class CutOff(Listener):
    """Ctrl-C after five steps: the last checkpoint is that of the third."""

    def step(self, progress, spent, loss):
        if progress.steps == 5:
            raise KeyboardInterrupt


def options(gpu, folder, *more):
    return last_of_each([*TINY, *NOISY, f"hardware.device={gpu.device}", f"results_dir={folder}", *more])


def weights(run):
    return (run.folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("task", [COPY, ("task=charlm", "bptt=truncated", "bptt.window=20")], ids=["copy", "charlm"])
def test_the_same_command_gives_the_same_bits_again_and_after_a_cut(gpu_for_runs, tmp_path, task):
    for cell in gpu_for_runs.some(CELLS)[: None if gpu_for_runs.real else 1]:
        words = options(gpu_for_runs, tmp_path, *task, f"cell={cell}", "hardware.deterministic=true")
        try:
            first = bench.run(*words)
        except Failed as error:  # which may be of these cells, and is a line of the report
            if cell in ("gru", "lstm") or "has no deterministic form" not in str(error):
                raise
            print(f"\n{error}")
            continue
        again = bench.run(*words, "rerun=true", "resume=never")
        with suppress(KeyboardInterrupt):
            execute(compose([*words, "rerun=true"]), CutOff())
        resumed = bench.run(*words, "rerun=true")
        assert "going on from the checkpoint after step 3" in (resumed.folder / "run.log").read_text("utf-8")
        assert len({run.folder for run in (first, again, resumed)}) == 3
        found = Counter(map(weights, (first, again, resumed)))
        assert len(found) == 1, f"{cell}: {sorted(found.values())} runs of three are alike"
        assert first.record.scores == again.record.scores == resumed.record.scores


def test_the_weights_of_a_vendor_s_layer_stay_one_block_through_averaging_and_loading(gpu_for_runs, tmp_path):
    """cuDNN copies weights that are no single block at every call, and warns of it."""
    words = options(gpu_for_runs, tmp_path, *COPY, "cell=lstm", "unroll=vendor")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*not part of single contiguous chunk.*")
        with pytest.raises(KeyboardInterrupt):
            execute(compose(words), CutOff())
        assert bench.run(*words).record.unroll == "vendor"


def test_a_run_is_loaded_on_a_cpu_and_scores_there_as_it_did(gpu_for_runs, tmp_path):
    run = bench.run(*options(gpu_for_runs, tmp_path, *COPY, "cell=gru"))
    loaded = bench.load(run)
    totals = Counter()
    for batch in loaded.batches("test"):
        logits, _ = loaded.predict(batch.inputs)
        assert logits.device.type == "cpu"
        totals.update({name: value.item() for name, value in loaded.task.tally(logits, batch).items()})
    found, wanted = loaded.task.scores(totals), run.record.scores["test"]
    assert found == pytest.approx(wanted, rel=1e-2, abs=1e-2)


def test_a_run_that_was_cut_off_on_a_gpu_goes_on_on_a_cpu(gpu_for_runs, tmp_path):
    words = options(gpu_for_runs, tmp_path, *COPY, "cell=lstm")
    with pytest.raises(KeyboardInterrupt):
        execute(compose(words), CutOff())
    (folder,) = (tmp_path / "runs").glob("[!.]*")
    run = bench.run(*last_of_each([*words, "hardware.device=cpu"]), f"resume={folder}")
    assert run.record.machine["device"] == "cpu" and run.record.resumed["folder"] == str(folder)


def a_gpu_setup(gpu, hidden=64, cell="bench.cells.lstm.LSTM"):
    task = Given(train=[a_batch(T=50, B=32)])
    hardware = HardwareConfig(gpu.device, precision="float32")
    return a_setup(task, cell=cell, hardware=hardware, model=ModelConfig(hidden=hidden), ema=0.9, batch_size=32)


def test_the_peak_of_memory_is_that_of_the_allocator(gpu):
    with torch_settings_kept():
        torch.cuda.empty_cache()
        before = torch.cuda.memory_allocated()
        setup = a_gpu_setup(gpu, hidden=512 if gpu.real else 8)
        found = measure_memory(setup)["peak_mib"]
        allocated = (torch.cuda.max_memory_allocated() - before) / 2**20
    print(f"\na step takes {found:.1f} MiB as recorded, {allocated:.1f} MiB by the allocator")
    if gpu.real:
        assert found == pytest.approx(allocated, rel=0.1, abs=2)


def test_a_step_that_is_waited_for_takes_longer_than_one_in_a_queue(gpu):
    with torch_settings_kept():
        setup = a_gpu_setup(gpu, hidden=64 if gpu.real else 4)
        hold_still(setup.optimizer)
        found = measure_speed(setup, seconds=0.3 if gpu.real else 0.0)
    waited, queued = (found[name]["median"] for name in ("step_us", "queued_step_us"))
    print(f"\na step of {setup.machine.label} takes {waited:.0f} us waited for, {queued:.0f} us in a queue of 32")
    if gpu.real:
        assert 0.9 * queued < waited


@contextmanager
def little_memory(gpu, monkeypatch):
    """A GPU whose memory has no room for the batch of the next run."""
    if not gpu.real:
        monkeypatch.setattr(Batch, "to", Mock(side_effect=torch.OutOfMemoryError("CUDA out of memory.")))
        yield
        return
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.01)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


def test_a_run_without_memory_fails_in_one_line_and_the_next_one_runs(gpu_for_runs, tmp_path, monkeypatch):
    words = options(gpu_for_runs, tmp_path, *COPY, "cell=gru", "hardware.deterministic=false")
    large = ("model.hidden=1024", "batch_size=20000") if gpu_for_runs.real else ()
    with monkeypatch.context() as patched, little_memory(gpu_for_runs, patched), pytest.raises(Failed) as caught:
        bench.run(*words, *large)
    reason = caught.value.record.reason
    assert caught.value.record.status == "out of memory" and "\n" not in reason and "batch_size" in reason
    assert reason.startswith("no room for ")
    assert bench.run(*words).record.status == "done"


def test_the_speed_of_every_cell_is_printed(gpu_for_runs):
    """Not a law: the first figures of a GPU, as they are in the notes of whoever runs these tests."""
    with torch_settings_kept():
        for name in gpu_for_runs.some(sorted(set(chosen("cell")) - {"custom"})):
            cls, _ = load_cell(chosen("cell")[name])
            setup = a_gpu_setup(gpu_for_runs, 128 if gpu_for_runs.real else 4, f"{cls.__module__}.{cls.__qualname__}")
            hold_still(setup.optimizer)
            found = measure_speed(setup, seconds=0.1 if gpu_for_runs.real else 0.0)
            train, infer, step = (
                found[key]["median"] for key in ("train_tokens_per_s", "infer_tokens_per_s", "step_us")
            )
            print(f"\n{name:16} {setup.unroll:8} {train:12,.0f} {infer:12,.0f} tokens/s {step:8.0f} us", end="")
