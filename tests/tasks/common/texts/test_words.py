"""A text comes apart into words the same way however it was written, in any script."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.tasks.common.texts.words import SPLITTERS, composed, composed_note, unspaced_note, words

ASCII_WORD = re.compile(r"n't\b|'(?:s|m|d|re|ve|ll)\b|\w+?(?=n't\b)|\w+|[^\w\s]")
SCRIPTS = ("aéñ\u0301ệ", "\u0438\u0439\u0308", "कखिी\u094d\u0902", "กำ\u0e49", "بَّ", "한\u1112글")
in_a_script = st.sampled_from(SCRIPTS).flatmap(lambda letters: st.text(letters, max_size=6).map(letters[0].__add__))


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("It's good, isn't it?", "it 's good , is n't it ?"),
        ("WON'T they've we'll I'd I'm you're", "wo n't they 've we 'll i 'd i 'm you 're"),
        ("a feel-good film...", "a feel - good film . . ."),
        ("'quoted' crème brûlée", "' quoted ' crème brûlée"),
        ("  \t ", ""),
        ("3.14 m² 2½ foo_bar", "3 . 14 m² 2½ foo_bar"),
        ("हिन्दी विकिपीडिया में ।", "हिन्दी विकिपीडिया में ।"),
        ("น้ำ ภาษาไทย", "น้ำ ภาษาไทย"),
        ("بِسْمِ اللَّهِ", "بِسْمِ اللَّهِ"),
        ("نمی\u200cشود co\u00adop", "نمی\u200cشود co\u00adop"),
        ("東京タワーに", "東 京 タワー に"),
        ("ភាសា\u200bខ្មែរ", "ភាសា ខ្មែរ"),
        ("❤️👩\u200d👧", "❤️ 👩\u200d👧"),
    ],
)
def test_words_are_lower_case_with_punctuation_and_contractions_apart(text, split):
    assert words(text) == split.split(" ") * bool(split)


@given(st.text("aBn't's ,.", max_size=30))
def test_splitting_what_was_split_changes_nothing(text):
    assert words(" ".join(words(text))) == words(text)


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=40))
@example("don't\x1ccan't\x85isn't've 2½ m² \u00ad")
def test_text_in_latin_letters_is_cut_as_a_word_s_letters_say(text):
    text = text.replace("\u00ad", "-").replace("\u0130", "I")  # whose hyphen, and whose dot, are within a word
    assert words(text) == ASCII_WORD.findall(text.lower())


@given(st.lists(in_a_script, min_size=1, max_size=8))
def test_no_word_is_cut_at_its_marks_and_all_spellings_of_a_text_have_the_same_words(written):
    for form in ("NFC", "NFD"):
        text = " ".join(unicodedata.normalize(form, word) for word in written)
        assert words(composed(text)) == [composed(word) for word in written]


def test_a_text_is_also_its_characters_or_what_stands_between_spaces():
    assert list(SPLITTERS["character"]("a B")) == ["a", " ", "B"]
    assert SPLITTERS["space"]("It's  a-b .") == ["It's", "a-b", "."]


def test_notes_speak_of_what_is_in_the_text():
    assert composed_note("café") == unspaced_note("café") == unspaced_note("") == []
    assert "not in NFC" in composed_note("cafe\u0301")[0]
    assert "single character" in unspaced_note("東京 and more")[0] and "two spaces" in unspaced_note("ภาษาไทย")[0]
