"""What a run says before it begins: its size, the scores to beat, and whatever is in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from bench.hardware.advice import against_threads
from bench.hardware.load import Gauge
from bench.job.log import log
from bench.job.prepared import Prepared
from bench.measure.flops import parameter_count
from bench.results.labels import as_percent
from bench.tables.closing import to_beat
from bench.train.bptt import window_note
from bench.train.optimizer import decay_note, form_note


def say_what_begins(prepared: Prepared) -> None:
    """Log the size of the run that begins, the scores to beat, and what is in doubt."""
    setup = prepared.setup
    assert setup is not None
    params, metric = parameter_count(setup.model), setup.task.spec.metric
    log.info(f"{prepared.stem}: {params:,} parameters, {setup.unroll} unroll, on {setup.machine.label}")
    direction = "higher" if metric.direction == "max" else "lower"
    log.info(f"{metric.name} in {metric.unit}, {direction} is better: {to_beat(asdict(metric))}")
    for line in setup.task.spec.notes:
        log.info(f"  {line}")
    if prepared.unstated:
        files = ", ".join(map(str, prepared.unstated))
        log.warning(f"{prepared.task_id} reads {files} and states no fingerprint: bench counts the data by content")
    for line in resource_doubts(prepared, Gauge()):
        log.warning(line)
    if note := form_note(setup.optimizer):
        log.info(note)
    if setup.model.form.told:
        log.warning(setup.model.form.refused)
    if note := decay_note(setup.optimizer, setup.model):
        log.info(note)
    if prepared.untrained:
        log.warning(
            f"{as_percent(prepared.untrained)} of the losses are not trained on: those before the first full "
            f"bptt.horizon={setup.config.bptt.horizon} of each batch; bptt.head=grow trains them"
        )
    if note := window_note(setup.config.bptt, prepared.steps_in_a_batch):
        log.info(note)


def resource_doubts(prepared: Prepared, gauge: Gauge) -> Iterator[str]:
    """That the model has more threads than processors, or is likely to run out of memory, a line each."""
    assert prepared.setup is not None
    machine = prepared.setup.machine
    if machine.device.type == "cpu":
        yield from (f"{finding}: {remedy}" for finding, remedy in against_threads(gauge, machine.threads))
    if prepared.crowded:
        yield prepared.crowded
