"""All cells of a model go through time in one form, so that a record's one word for it is true."""

import pytest
from encoder_decoders import a_model as an_encoder_decoder
from tiny import a_model

from bench.cells.gru import GRU
from bench.errors import ConfigError
from bench.unroll.eager import unroll_eager


def wrong_for(width):
    """A cell whose own form is wrong where it reads so many features."""

    class WrongForm(GRU):
        def vendor(self):
            return None

        def unroll(self, x_TBF, state):
            y_TBH, last = unroll_eager(self, x_TBF, state)
            return (y_TBH * 1.1 if self.input_size == width else y_TBH), last

    return WrongForm


@pytest.mark.form_by_rule
def test_where_one_layer_goes_by_the_loop_all_do():
    right, one_wrong = a_model(wrong_for(99), layers=2), a_model(wrong_for(5), layers=2)
    assert (right.choose_unroll("auto"), right.form.told) == ("parallel", False)
    assert one_wrong.choose_unroll("auto") == "eager"
    assert "not parallel: outputs of WrongForm differ" in one_wrong.form.refused
    assert {unroll.func for of_layer in one_wrong._unrolls for unroll in of_layer} == {unroll_eager}
    with pytest.raises(ConfigError, match="unroll=parallel: outputs of WrongForm differ from its step loop by"):
        one_wrong.choose_unroll("parallel")


@pytest.mark.form_by_rule
@pytest.mark.parametrize("width", [4, 5])
def test_where_one_half_of_an_encoder_decoder_goes_by_the_loop_both_do(width):
    """Without embeddings the encoder reads 4 features, and the decoder 5."""
    model = an_encoder_decoder(wrong_for(width), embedding=0, layers=1)
    assert model.choose_unroll("auto") == "eager"
    assert "not parallel: outputs of WrongForm differ" in model.form.refused
    halves = (*model._unrolls, *model.reader._unrolls)
    assert {unroll.func for of_layer in halves for unroll in of_layer} == {unroll_eager}


def test_a_choice_that_is_made_again_forgets_the_refusal_before():
    model = a_model(wrong_for(5), layers=2)
    model.choose_unroll("auto")
    model.choose_unroll("eager")
    assert model.form.refused is None
