"""A batch says which lanes start a new sequence: all of them, unless it is told otherwise."""

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from bench.api import Batch

INPUTS, TARGETS, WEIGHT = torch.zeros(4, 3, 2), torch.zeros(4, 3, dtype=torch.int64), torch.ones(4, 3)


@pytest.mark.parametrize("inputs", [INPUTS, INPUTS[..., 0].long(), INPUTS[:, :1], INPUTS[:1]])
def test_every_lane_is_fresh_by_default(inputs):
    fresh = Batch(inputs, TARGETS, WEIGHT).fresh
    assert (fresh.dtype, fresh.tolist()) == (torch.bool, [True] * inputs.shape[1])


def test_the_flags_lie_where_the_inputs_do():
    assert Batch(INPUTS.to("meta"), TARGETS, WEIGHT).fresh.device.type == "meta"


def test_given_flags_are_kept_by_position_and_by_name():
    flags, lengths = torch.tensor([True, False, True]), torch.tensor([4, 2, 1])
    for batch in (Batch(INPUTS, TARGETS, WEIGHT, flags, lengths), Batch(INPUTS, TARGETS, WEIGHT, fresh=flags)):
        assert batch.fresh is flags
    assert Batch(INPUTS, TARGETS, WEIGHT, flags, lengths).lengths is lengths


def test_flags_are_carried_to_copies_and_to_the_first_span_alone():
    batch = Batch(INPUTS, TARGETS, WEIGHT, torch.tensor([True, False, True]))
    for copy in (replace(batch, weight=WEIGHT * 2), batch.span(0, 2), pickle.loads(pickle.dumps(batch))):
        assert copy.fresh.tolist() == [True, False, True]
    assert not batch.span(2, 4).fresh.any() and not Batch(INPUTS, TARGETS, WEIGHT).span(2, 4).fresh.any()


def test_a_batch_does_not_change():
    with pytest.raises(FrozenInstanceError):
        Batch(INPUTS, TARGETS, WEIGHT).fresh = None
