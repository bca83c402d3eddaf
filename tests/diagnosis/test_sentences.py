"""Sentences as vectors: the state after the last symbol, the nearest other one, and what cannot be compared."""

import pytest
import torch
from cli_tools import COPY, bench, the_line
from hypothesis import given
from hypothesis import strategies as st

from bench.api import leaves
from bench.cells.gru import GRU
from bench.diagnosis import sentence_vectors
from bench.errors import ConfigError
from bench.model.sequence import SequenceModel
from bench.tasks.hello import Hello


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = SequenceModel(Hello.spec, GRU, 5)
    model.choose_unroll("eager")
    return model.eval()


@given(st.lists(st.text("helo", min_size=1, max_size=6), min_size=2, max_size=6, unique=True))
def test_a_vector_is_the_state_after_the_last_letter_and_the_nearest_has_the_least_angle(model, words):
    table = sentence_vectors(model, Hello(), words)
    vectors_NH = torch.tensor(table.filter(regex=r"^v\d+$").to_numpy())
    for word, vector_H in zip(words, vectors_NH, strict=True):
        state = model.initial_state(1)
        for letter in Hello().encode(word):
            _, state = model.step(torch.tensor([letter]), state)
        torch.testing.assert_close(vector_H.float(), leaves(state[0])[0][0].detach(), atol=1e-5, rtol=0)
    cosine_NN = torch.nn.functional.cosine_similarity(vectors_NH[:, None], vectors_NH[None], dim=-1)
    for i, row in enumerate(table.itertuples()):
        others = [cosine_NN[i, j].item() for j in range(len(words)) if j != i]
        assert row.cosine == pytest.approx(max(others)) and row.nearest != row.sentence
        assert cosine_NN[i, words.index(row.nearest)].item() == pytest.approx(row.cosine)


@pytest.mark.parametrize(
    ("sentences", "words"), [(["h"], "two or more"), (["h", "h"], "each of them once"), (["h", ""], "no symbol")]
)
def test_what_cannot_be_compared_is_refused(model, sentences, words):
    with pytest.raises(ConfigError, match=words):
        sentence_vectors(model, Hello(), sentences)


def test_a_run_that_is_no_text_is_refused(capsys, tmp_path):
    assert bench(capsys, *COPY, f"results_dir={tmp_path}").code == 0
    said = bench(capsys, "diagnose", "copy", "--sentences", "none.txt", f"results_dir={tmp_path}")
    assert said.code == 2 and "is no task over text; choose a run of one" in the_line(said)
