"""What products are computed in: a run sets it whatever the process had, and the process has it back afterwards."""

from functools import partial

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from bench.config.schema import HardwareConfig
from bench.hardware.arithmetic import REDUCTIONS, arithmetic, arithmetic_kept, places, set_arithmetic
from bench.hardware.machine import Machine, choose_machine
from bench.hardware.settings import torch_settings_kept

MATMUL, CUDNN = torch.backends.cuda.matmul, torch.backends.cudnn
PLACES = [(name, value) for name in places() for value in ("none", "ieee", "tf32")]
WAYS = {
    **{f"matmul {value}": partial(torch.set_float32_matmul_precision, value) for value in ("high", "medium")},
    **{f"cuBLAS {value}": partial(setattr, MATMUL, "allow_tf32", value) for value in (True, False)},
    **{f"cuDNN {value}": partial(setattr, CUDNN, "allow_tf32", value) for value in (True, False)},
    **{f"{name} {value}": partial(setattr, places()[name], "fp32_precision", value) for name, value in PLACES},
    **{f"{name} {value}": partial(setattr, MATMUL, name, value) for name in REDUCTIONS for value in (True, False)},
    "no split sums": partial(setattr, MATMUL, REDUCTIONS[0], (False, False)),
}
"""Ways in which a user may have set torch: the first three are torch's older ones."""


def read(setting):
    """The value of a setting; torch refuses to read an older one that contradicts a newer one."""
    try:
        return setting()
    except RuntimeError as error:
        return type(error)


def settings():
    older = [torch.get_float32_matmul_precision, lambda: MATMUL.allow_tf32, lambda: CUDNN.allow_tf32]
    parts = {name: place.fp32_precision for name, place in places().items()}
    split = [getattr(MATMUL, f"{name}_split_k") for name in REDUCTIONS if name.endswith("reduction")]
    return {"older": [read(each) for each in older], **parts, **arithmetic(), "split": split}


@pytest.fixture(autouse=True)
def _kept():
    with arithmetic_kept():
        yield


@given(st.lists(st.sampled_from(sorted(WAYS)), max_size=6))
@example(["cuda.matmul tf32"])  # the newer setting alone: torch refuses to read the older one
@example(["all tf32", "cudnn.rnn none"])  # inherited from the setting of all
@example(["cuDNN True", "cudnn.conv ieee", "matmul high", "allow_bf16_reduced_precision_reduction True"])
def test_a_run_computes_in_float32_whatever_the_process_had_and_leaves_that_as_it_was(ways):
    for way in ways:
        WAYS[way]()
    before = settings()
    with torch_settings_kept():
        assert settings()["older"] == ["highest", False, False]
        assert set(arithmetic().values()) == {"ieee", False}
        set_arithmetic("tf32")
    assert settings() == before


def test_a_setting_that_was_inherited_still_follows_its_parent_afterwards():
    WAYS["cudnn.rnn none"](), WAYS["cudnn none"](), WAYS["all tf32"]()
    with torch_settings_kept():
        pass
    assert CUDNN.rnn.fp32_precision == "tf32"
    WAYS["all ieee"]()
    assert CUDNN.rnn.fp32_precision == "ieee"


def test_tf32_is_set_for_the_products_of_all_cells_alike_and_on_no_cpu():
    set_arithmetic("tf32")
    assert arithmetic() == {
        "cuda.matmul.fp32_precision": "tf32",
        "cudnn.conv.fp32_precision": "tf32",
        "cudnn.rnn.fp32_precision": "tf32",
        "mkldnn.matmul.fp32_precision": "ieee",
        "mkldnn.conv.fp32_precision": "ieee",
        "mkldnn.rnn.fp32_precision": "ieee",
        **{f"cuda.matmul.{name}": False for name in REDUCTIONS},
    }
    assert settings()["older"] == ["high", True, True], "torch refuses to read settings that contradict each other"


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float64"])
def test_the_arithmetic_of_a_run_before_is_not_that_of_the_next(precision):
    set_arithmetic("tf32")
    choose_machine(HardwareConfig(device="cpu", precision=precision))
    assert set(arithmetic().values()) == {"ieee", False}


def test_the_record_states_the_arithmetic_in_force_and_the_label_its_name():
    assert Machine(torch.device("cpu"), "float32", 1).facts()["arithmetic"] == arithmetic()
    assert Machine(torch.device("cpu"), "tf32", 1).label.endswith(" tf32")
