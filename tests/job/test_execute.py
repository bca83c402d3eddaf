"""A run without a terminal: silent, in any thread, one at a time, and torch as it was before it."""

import logging
import re
import threading
from dataclasses import replace

import pytest
import torch
from filelock import FileLock, Timeout
from tiny import Given, Turning, a_batch, a_config

from bench.config.options import Options
from bench.config.schema import BudgetConfig, HardwareConfig, MeasureConfig
from bench.errors import ConfigError
from bench.hardware.load import Gauge
from bench.hardware.turn import lock_file
from bench.job import prepared as preparation
from bench.job.execute import carry_out, execute
from bench.job.listener import Listener
from bench.job.prepared import prepare
from bench.results.store import Store
from bench.train.gradient.rtrl import RTRL


@pytest.fixture
def task(monkeypatch):
    """The task that runs are given, whatever their options say."""
    task = Turning()
    monkeypatch.setattr(preparation, "build_task", lambda *_: task)
    return task


BRIEF = MeasureConfig(seconds=0.01)


def options(folder, **changes):
    changes = {"measure": BRIEF, **changes}
    config = a_config(precision="float32", batch_size=8, results_dir=str(folder), **changes)
    return Options(config, {"task": "turning", "cell": "gru"}, {})


class Told(Listener):
    """Keeps what it is told."""

    def __init__(self):
        self.stages = []

    def __getattribute__(self, name):
        stages = object.__getattribute__(self, "stages") if name != "__class__" else []
        if name in ("started", "step", "validated", "measuring", "ended", "already_done", "stored", "refused"):
            return lambda *_: stages.append(name)
        return object.__getattribute__(self, name)


def test_more_threads_than_processors_are_told(task, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(Gauge, "own_cores", 2)
    with caplog.at_level("WARNING", logger="bench"):
        for threads in (2, 3):
            execute(options(tmp_path, hardware=HardwareConfig(device="cpu", threads=threads)))
    told = [record.message for record in caplog.records if "hardware.threads" in record.message]
    assert told == ["hardware.threads=3 on 2 processors: at most as many threads"]


def test_without_a_listener_nothing_is_printed_and_the_run_keeps_its_own_log(task, tmp_path, capfd):
    record = execute(options(tmp_path, budget=BudgetConfig(steps=4), evaluations=2))
    assert capfd.readouterr() == ("", "")
    log = (tmp_path / "runs" / record.id / "run.log").read_text().splitlines()
    lines = [re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.*)", line)[1] for line in log]
    assert re.fullmatch(rf"{record.id}: [\d,]+ parameters, \w+ unroll, on .*, cpu 1 thread float32", lines[0])
    assert lines[1] == "accuracy in share, higher is better: chance 0.25, solved 1"
    assert [line[:24] for line in lines[2:4]] == ["step      2  train loss ", "step      4  train loss "]
    assert lines[4:6] == [f"best accuracy on valid: {record.metric['valid']:.4g} share", "measuring speed and memory"]
    assert lines[6].startswith("given-v1  gru  full  4 steps  seed 0: done after ")


def test_a_listener_is_told_of_every_stage_in_order(task, tmp_path):
    told = Told()
    execute(options(tmp_path, budget=BudgetConfig(steps=2), evaluations=2), told)
    assert told.stages == ["started", "step", "validated", "step", "validated", "measuring", "ended", "stored"]
    again = Told()
    execute(options(tmp_path, budget=BudgetConfig(steps=2), evaluations=2), again)
    assert again.stages == ["already_done"]


def test_in_another_thread_a_run_comes_to_the_same(task, tmp_path):
    records = []
    thread = threading.Thread(target=lambda: records.append(execute(options(tmp_path / "thread"))))
    thread.start()
    thread.join()
    assert records[0].scores == execute(options(tmp_path / "main")).scores


def test_a_second_run_at_the_same_time_is_refused_and_the_next_is_not(task, tmp_path):
    refused = []

    class Another(Listener):
        def started(self):
            with pytest.raises(ConfigError, match="another run is under way in this process: wait for its end") as it:
                execute(options(tmp_path / "other"))
            refused.append(it)

    assert execute(options(tmp_path), Another()).status == "done"
    assert len(refused) == 1
    assert execute(options(tmp_path / "other")).status == "done"


@pytest.mark.parametrize("wrong", [False, True])
def test_torch_is_left_as_it_was_found(task, tmp_path, wrong):
    threads = torch.get_num_threads()
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    with torch.no_grad():
        if wrong:
            with pytest.raises(ConfigError):
                execute(options(tmp_path, gradient="nothing"))
        else:
            two = HardwareConfig(device="cpu", threads=threads + 1)
            assert execute(options(tmp_path, hardware=two)).status == "done"
        assert not torch.is_grad_enabled()
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.rand(2), wanted)


def test_an_interrupt_leaves_a_record_and_goes_on(task, tmp_path):
    class Impatient(Listener):
        def step(self, progress, spent, loss):
            if progress.steps == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(options(tmp_path), Impatient())
    (row,) = Store(tmp_path).rows()[0]
    assert row.status == "interrupted"
    assert execute(options(tmp_path, seed=1)).status == "done", "the lock is open again"


def test_what_was_reached_before_an_error_is_in_the_record(monkeypatch, tmp_path):
    class Unfair(Given):
        """Its test split cannot be scored, which its first batch does not show."""

        def batches(self, split, batch_size, generator):
            yield from super().batches(split, batch_size, generator)
            if split == "test":
                raise RuntimeError("lost\nsomewhere")

    whole = a_batch()
    batch = replace(whole, inputs=whole.inputs.float(), weight=whole.weight.float())
    given = Unfair(train=[batch, batch], valid=[batch], test=[batch])
    monkeypatch.setattr(preparation, "build_task", lambda *_: given)
    record = execute(options(tmp_path))
    assert (record.status, record.reason) == ("failed", "RuntimeError: lost")
    assert record.metric["valid"] == record.scores["valid"]["accuracy"]
    assert (record.metric["test"], record.speed, record.memory) == (None, None, None)
    assert [record.metric[name] for name in ("lowest", "highest", "target")] == [0, 1, 0.25 + 0.95 * 0.75]


def test_preparing_raises_nothing_and_keeps_what_it_came_to(task, tmp_path, monkeypatch):
    ready = prepare(options(tmp_path))
    assert ready.error is None
    assert (ready.task, ready.task_id, ready.steps_in_a_batch) == (task, "given-v1", 4)
    assert ready.stem.startswith("given-v1_gru_s0_")
    half = prepare(options(tmp_path, gradient="nothing"))
    assert (half.task, half.setup) == (task, None)
    assert isinstance(half.error, ConfigError)
    assert half.hardware == ready.hardware
    assert half.stem != ready.stem


def test_an_unexpected_error_has_its_traceback_in_the_log_alone(task, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "bench")
    odd = prepare(options(tmp_path, gradient="nothing"))
    ended = carry_out(odd, None, Listener())
    assert (ended.status, ended.reason) == ("failed", str(odd.error))
    assert "Traceback" not in caplog.text


def test_speeds_are_sampled_and_waited_for_as_long_as_the_options_say_by_one_run_at_a_time(task, tmp_path, monkeypatch):
    lasted = []

    def measure(setup, seconds, retry):
        with pytest.raises(Timeout):
            FileLock(lock_file()).acquire(timeout=0)
        lasted.append((seconds, retry))

    monkeypatch.setattr("bench.job.execute.measure_speed", measure)
    execute(options(tmp_path, measure=MeasureConfig(seconds=0.25, retry=7.0)))
    assert lasted == [(0.25, 7.0)]


def test_a_gradient_that_goes_forward_is_built_once_a_run(task, tmp_path, monkeypatch):
    """Building one tries the model's step, which takes longer than many steps of training."""
    built = []
    before = RTRL.__init__
    monkeypatch.setattr(RTRL, "__init__", lambda self, *given: (built.append(self), before(self, *given))[1])
    record = execute(options(tmp_path, gradient="rtrl"))
    assert record.status == "done"
    assert record.speed["train_tokens_per_s"]["median"] > 0
    assert len(built) == 1


def test_the_record_has_what_the_time_went_to_and_it_adds_up(task, tmp_path):
    record = execute(options(tmp_path, budget=BudgetConfig(steps=2), evaluations=1))
    assert sum(record.time.values()) == pytest.approx(record.seconds, abs=0.01)
    assert all(record.time[part] > 0 for part in ("start", "data", "compile", "train", "validate", "score", "measure"))
    assert {"peak_mib", "evaluation_mib", "process_mib", "state_bytes"} <= record.memory.keys()
