"""Runs whose cells go by generated kernels."""

from tiny import Given, a_batch, a_setup, truncated

from bench.measure.memory import measure_memory

KERNELS = {"unroll": "kernels", "cell": "bench.cells.lstm.LSTM"}


def test_checkpoints_give_back_what_a_backward_pass_needs():
    task = Given(train=[a_batch(200, 8)])
    whole, few = (
        measure_memory(a_setup(task, bptt=truncated(None, checkpoint=recompute), **KERNELS))["activations_mib"]
        for recompute in (False, True)
    )
    assert few < whole / 4
