"""What MPS does not do, or does wrong in silence, is avoided there. No Mac is needed."""

from unittest.mock import Mock

import pytest
import torch
from tiny import a_config, a_model

from bench.api import Batch
from bench.cells.exprnn import _exponential
from bench.config.schema import BPTTConfig, ModelConfig
from bench.errors import ConfigError
from bench.hardware.machine import Machine
from bench.job.build import refuse_other_masks
from bench.train.optimizer import build_optimizer, form_note

MPS, CPU = (Machine(torch.device(name), "float32", 1) for name in ("mps", "cpu"))


@pytest.mark.parametrize(("device", "goes_on"), [("mps", False), ("cuda", True), ("cuda:1", True)])
def test_the_host_goes_on_while_a_batch_is_copied_on_cuda_alone(monkeypatch, device, goes_on):
    copies = []
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *to, **how: copies.append((*to, how)) or tensor)
    inputs_TB = torch.zeros(3, 2, dtype=torch.int64)
    Batch(inputs_TB, inputs_TB, torch.ones(3, 2)).to(torch.device(device))
    assert copies == [(torch.device(device), {"non_blocking": goes_on})] * 4


@pytest.mark.parametrize(("device", "on_cpu"), [("mps", True), ("cuda", False)])
def test_the_exponential_of_a_matrix_is_computed_where_there_is_one_and_is_brought_back(monkeypatch, device, on_cpu):
    matrix_HH, exponential = Mock(device=torch.device(device)), Mock()
    monkeypatch.setattr(torch.linalg, "matrix_exp", exponential)
    assert _exponential(matrix_HH) is exponential().to(matrix_HH)
    there_HH = matrix_HH.cpu() if on_cpu else matrix_HH
    exponential.assert_any_call(there_HH.double())


@pytest.mark.parametrize("name", ["adagrad", "adam", "sgd"])
def test_an_optimiser_without_a_fused_form_on_the_device_takes_its_plain_one_and_says_so(monkeypatch, name):
    def no_kernel(*_, **__):
        raise NotImplementedError(f"The operator 'aten::_fused_{name}_' is not currently implemented for the device")

    options = {"_target_": f"torch.optim.{ {'adagrad': 'Adagrad', 'adam': 'Adam', 'sgd': 'SGD'}[name] }", "lr": 0.1}
    model = a_model()
    assert form_note(build_optimizer(options, model)) is None
    monkeypatch.setattr(torch, f"_fused_{name}_", no_kernel)
    optimizer = build_optimizer(options, model)
    assert f"has no fused form on {model.like.device.type}: updates take its plain form" in form_note(optimizer)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()


@pytest.mark.parametrize("drop", ["dropout", "input_dropout", "recurrent_dropout", "zoneout"])
def test_a_second_forward_pass_that_would_draw_other_masks_is_refused(drop):
    config = a_config(model=ModelConfig(**{drop: 0.5}), bptt=BPTTConfig(checkpoint=True))
    refuse_other_masks(config, CPU)
    refuse_other_masks(a_config(model=ModelConfig(**{drop: 0.5})), MPS)
    refuse_other_masks(a_config(bptt=BPTTConfig(checkpoint=True)), MPS)
    with pytest.raises(ConfigError, match=f"bptt.checkpoint=true: on MPS .* other masks of model.{drop} .*; set"):
        refuse_other_masks(config, MPS)
