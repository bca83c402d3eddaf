"""Tokens have numbers by how often they occur."""

from hypothesis import given
from hypothesis import strategies as st

from bench.tasks.common.texts.vocabulary import UNKNOWN, Vocabulary

tokens = st.text("abc", min_size=1, max_size=2)
texts = st.lists(st.lists(tokens, min_size=1), min_size=1)


@given(texts, st.randoms(use_true_random=False))
def test_numbers_depend_on_how_often_words_occur_and_not_on_the_order_of_texts(given_texts, random):
    vocabulary = Vocabulary.of(given_texts)
    flat = [token for text in given_texts for token in text]
    counts = [flat.count(token) for token in vocabulary.tokens[1:]]
    assert counts == sorted(counts, reverse=True)
    random.shuffle(given_texts)
    assert Vocabulary.of(given_texts) == vocabulary


@given(texts)
def test_decoding_gives_back_what_was_encoded_and_unk_for_the_rest(given_texts):
    vocabulary = Vocabulary.of(given_texts)
    for text in given_texts:
        assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.decode(vocabulary.encode(["never seen"])) == [UNKNOWN]


@given(texts, st.integers(2, 6), st.integers(1, 3))
def test_the_vocabulary_is_cut_by_size_and_by_count(given_texts, size, least):
    cut, whole = Vocabulary.of(given_texts, size, least), Vocabulary.of(given_texts)
    flat = [token for text in given_texts for token in text]
    assert len(cut) <= size and cut.tokens == whole.tokens[: len(cut)]
    assert all(flat.count(token) >= least for token in cut.tokens[1:])
    dropped = whole.tokens[len(cut) :]
    assert len(cut) == size or all(flat.count(token) < least for token in dropped)


def test_an_unk_in_the_text_is_the_vocabularys_own():
    vocabulary = Vocabulary.of([["the", UNKNOWN, UNKNOWN, "ran"]])
    assert vocabulary.tokens == (UNKNOWN, "ran", "the") and vocabulary.encode([UNKNOWN]) == [0]


def test_texts_become_sequences_of_their_own_lengths():
    ragged = Vocabulary.of([["b", "b", "a"]]).encode_all([["a"], ["b", "c"]])
    assert [part.tolist() for part in ragged] == [[2], [1, 0]]
