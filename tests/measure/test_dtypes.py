"""A record states the dtypes that products had in fact, whatever the precision of the run promises."""

import pytest
import torch
from traces import made

from bench.job import counted
from bench.job.counted import products_of
from bench.measure.dtypes import Products, product_dtypes


@pytest.mark.parametrize(
    ("cell", "precision", "wanted"),
    [
        ("gru", "float32", ["float32"]),
        ("lstm", "float64", ["float64"]),
        ("lstm", "bfloat16", ["bfloat16"]),
        ("gru", "bfloat16", ["bfloat16"]),
        ("slstm", "bfloat16", ["bfloat16"]),
        ("exprnn", "bfloat16", ["bfloat16", "float32", "float64"]),  # it never rotates its state in bfloat16
    ],
)
def test_products_have_the_dtypes_that_they_had(cell, precision, wanted):
    for task in ("symbols", "features", "sequence"):
        setup = made({"task": task, "cell": cell, "hardware.precision": precision, "unroll": "auto"})
        assert product_dtypes(setup) == wanted


def test_a_fused_layer_of_another_dtype_is_seen():
    with Products() as products:
        torch.nn.LSTM(3, 4)(torch.ones(5, 2, 3))
        torch.nn.LSTM(3, 4).bfloat16()(torch.ones(5, 2, 3).bfloat16())
    assert products.seen == {torch.float32, torch.bfloat16}


def test_float16_in_a_run_of_bfloat16_is_told_and_a_cell_that_no_mode_sees_into_ends_no_run(monkeypatch, caplog):
    setup = made({"task": "symbols", "cell": "gru", "hardware.precision": "bfloat16"})
    monkeypatch.setattr(counted, "product_dtypes", lambda setup: ["bfloat16", "float16"])
    assert products_of(setup) == ["bfloat16", "float16"]
    assert "this device computes some products in float16" in caplog.text

    def dies(setup):
        raise NotImplementedError("no such mode")

    monkeypatch.setattr(counted, "product_dtypes", dies)
    assert products_of(setup) is None
    assert "the dtypes of products are not known: NotImplementedError: no such mode" in caplog.text
