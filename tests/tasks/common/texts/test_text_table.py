"""Tables of texts are read as they were meant, in any dialect, or refused by line; no text is cut."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.api import DataError
from bench.tasks.common.texts.text_table import read_text_table

WORDS = st.sampled_from(["good", 'a "fine"', "film,", "it's", "; or |", "naïve", '"quoted"'])
TEXTS = st.lists(WORDS, min_size=2, max_size=4).map(" ".join)


def texts_of(path):
    return [(row.text, row.label) for row in read_text_table(path, [])[0]]


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=8, max_size=8),
    separator=st.sampled_from(",\t;|"),
    names=st.sampled_from([("Text", "label"), ("sentence", "Class"), ("Utterance", "intent of it"), None]),
    label_first=st.booleans(),
    index=st.booleans(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_every_dialect_is_read_as_it_was_written(
    tmp_path_factory, texts, separator, names, label_first, index, quoting, end
):
    texts = [f"{n} {text}" for n, text in enumerate(texts)]
    labels = [f"kind{n % 2}" for n in range(len(texts))]
    written = io.StringIO()
    table = csv.writer(written, delimiter=separator, quoting=quoting, lineterminator=end)
    for n, pair in enumerate(zip(texts, labels, strict=True)):
        if n == 0 and names:
            table.writerow([""] * index + list(reversed(names) if label_first else names))
        table.writerow([n] * index + list(reversed(pair) if label_first else pair))
    path = tmp_path_factory.mktemp("table") / "a.csv"
    path.write_text("\ufeff" + written.getvalue(), "utf-8", newline="")
    assert texts_of(path) == list(zip(texts, labels, strict=True))


def test_quotes_that_nobody_closed_are_part_of_a_text_between_tabs(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text('sentence\tlabel\n"a fine film\t1\nit "works"\t0\nno "\t0\n')
    assert texts_of(path) == [('"a fine film', "1"), ('it "works"', "0"), ('no "', "0")]


def test_title_and_description_are_one_text(tmp_path):
    rows = [f'"{n % 4 + 1}","Title {n}","Some news, {n}"' for n in range(12)]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    (tmp_path / "b.csv").write_text("\n".join(["Class Index,Title,Description", *rows]))
    assert texts_of(tmp_path / "a.csv") == texts_of(tmp_path / "b.csv")
    assert texts_of(tmp_path / "a.csv")[5] == ("Title 5 Some news, 5", "2")
    columns = read_text_table(tmp_path / "a.csv", [])[1]
    assert columns.note() == "no header: text from columns 2 and 3, label from column 1"
    assert (
        read_text_table(tmp_path / "b.csv", [])[1].note()
        == "text from 'Title' and 'Description', label from 'Class Index'"
    )


def test_a_column_that_no_name_tells_is_told_by_what_it_holds(tmp_path):
    rows = "".join(f"{n % 3},say {n} words,{n % 2}\n" for n in range(9))
    (tmp_path / "a.csv").write_text(f"user,utterance,label\n{rows}")
    assert texts_of(tmp_path / "a.csv")[4] == ("say 4 words", "0")
    (tmp_path / "a.csv").write_text("".join(f"{n % 2},東京に{n}\n" for n in range(9)), "utf-8")
    assert texts_of(tmp_path / "a.csv")[4] == ("東京に4", "0")
    (tmp_path / "a.csv").write_text(f"user,utterance,kind\n{rows}")
    with pytest.raises(DataError, match="has the columns user, utterance, kind; name two of them"):
        texts_of(tmp_path / "a.csv")


def test_a_table_as_windows_writes_it_is_told(tmp_path):
    (tmp_path / "a.csv").write_bytes("SEP=;\ntext;label\nein Café;1\nein Tee;0\n".encode("cp1252"))
    notes = []
    assert read_text_table(tmp_path / "a.csv", notes)[0][0] == ("ein Café", "1", f"{tmp_path / 'a.csv'}:3")
    assert notes == ["a.csv is not UTF-8 and is read as cp1252", "text from 'text', label from 'label'"]


def test_of_several_names_for_a_text_one_is_taken_whatever_spaces_are_around_it(tmp_path):
    rows = "".join(f"a, b {n};other text {n};{n % 2}\n" for n in range(9))
    (tmp_path / "a.csv").write_text(f"text ; sentence; label\n{rows}")
    assert texts_of(tmp_path / "a.csv")[3] == ("a, b 3", "1")


def test_texts_and_labels_are_told_apart_at_their_bounds(tmp_path):
    """Of four rows two labels are few enough, and texts of two words are long enough; two texts are no text."""
    (tmp_path / "a.csv").write_text("say,kind\na b,x\na c,y\na d,x\na e,y\n")
    assert texts_of(tmp_path / "a.csv")[0] == ("a b", "x")
    (tmp_path / "a.csv").write_text("say,kind\na b,x\na c,y\na b,x\na c,y\n")
    with pytest.raises(DataError, match="has the columns say, kind"):
        texts_of(tmp_path / "a.csv")


def test_of_several_labels_the_one_named_so_is_taken_or_without_names_that_of_zeros_and_ones(tmp_path):
    tweets = "".join(f'{n},{"ab"[n % 2]},{"xy"[n // 2 % 2]},"so, so {n}"\n' for n in range(12))
    (tmp_path / "a.csv").write_text(f"id,airline_sentiment,airline,text\n{tweets}")
    assert texts_of(tmp_path / "a.csv")[1] == ("so, so 1", "b")
    cola = [f"{'gb'[n % 3 % 2]}c04\t{n % 2}\t{'*' * (1 - n % 2)}\tit is {n}\n" for n in range(12)]
    (tmp_path / "train.tsv").write_text("".join(cola))
    notes = []
    assert read_text_table(tmp_path / "train.tsv", notes)[0][1][:2] == ("it is 1", "1")
    assert notes == ["no header: text from column 4, label from column 2"]
    (tmp_path / "test.tsv").write_text("index\tsentence\n0\tit is\n")
    columns = read_text_table(tmp_path / "train.tsv", [])[1]
    assert read_text_table(tmp_path / "test.tsv", [], columns)[1].label is None


def test_lines_may_end_as_on_an_old_macintosh_and_a_return_within_a_field_is_part_of_it_or_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"text,label\ra b,0\rc d,1\r")
    assert texts_of(tmp_path / "a.csv") == [("a b", "0"), ("c d", "1")]
    (tmp_path / "a.csv").write_bytes(b"text,label\na\rb,0\nc d,1\n")
    with pytest.raises(DataError, match="a.csv:2: is no csv"):
        texts_of(tmp_path / "a.csv")


def test_a_held_out_table_has_trains_columns_by_name_or_else_by_place(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\na b,x\n")
    _, columns = read_text_table(tmp_path / "train.csv", [])
    for content in (
        "label,text\ny,c d\n", "c d,y\n", "id,text\n3,c d\n", "Text,LABEL\nc d,y\n", "Sentiment,Review\ny,c d\n"
    ):  # fmt: skip
        (tmp_path / "test.csv").write_text(content)
        rows, theirs = read_text_table(tmp_path / "test.csv", [], columns)
        assert [row.text for row in rows] == ["c d"] and (theirs.label is None) == content.startswith("id")
        assert rows[0].label == ("" if content.startswith("id") else "y")


def test_a_held_out_header_with_unknown_names_is_no_row(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\na b,x\n")
    _, columns = read_text_table(tmp_path / "train.csv", [])
    for first, count in (("utterance,intent", 4), ("c d,y", 5)):
        (tmp_path / "test.csv").write_text(f"{first}\nc d,y\nd e,y\ne f,x\nf g,x\n")
        notes = []
        assert len(read_text_table(tmp_path / "test.csv", notes, columns)[0]) == count
        assert notes == ["test.csv: the first line is read as a header: utterance, intent"] * (count == 4)


def test_a_row_without_its_text_has_an_empty_one(tmp_path):
    (tmp_path / "a.csv").write_text("label,text\n0\n1,fine\n\n0,\n")
    assert texts_of(tmp_path / "a.csv") == [("", "0"), ("fine", "1"), ("", "0")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("label,text\n0,fine\n1,well, no\n", "a.csv:3: has 3 fields between commas, the first line 2"),
        ("text;label\nso so;0\nwell; no;1\n", "a.csv:3: has 3 fields between semicolons, the first line 2"),
        ('text,label\nso so,0\n"no,1\n', "a.csv:3: is no csv (unexpected end of data"),
        ("sep=,\n", "a.csv: has no line"),
        ("name,stars\na b,1\nc d,2\n", "has the columns name, stars; name two of them text and label"),
    ],
)
def test_a_table_that_could_only_be_guessed_at_is_refused_by_line(tmp_path, content, says):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DataError) as caught:
        read_text_table(tmp_path / "a.csv", [])
    assert says in str(caught.value) and "\n" not in str(caught.value)
