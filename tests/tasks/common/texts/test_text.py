"""A corpus is the text of its source and nothing else; a source that cannot be read says so in one line."""

import gzip
import hashlib
import logging
import platform
import sys

import pytest
from hub import hub

from bench.api import DataError
from bench.tasks.common.texts.text import Corpus, read_text


def failure(source, error=DataError, **options):
    """The one line with which reading `source` fails."""
    with pytest.raises(error) as caught:
        read_text(source, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_the_builtin_text_is_english_and_the_same_every_time():
    corpus = read_text("builtin")
    assert len(corpus.text) > 300_000 and "expression" in corpus.text
    assert corpus == read_text("builtin") and "PSF" in corpus.licence
    assert corpus.origin.startswith(f"pydoc_data.topics of Python {platform.python_version()} (")


def test_a_fingerprint_is_the_hash_of_the_text_alone():
    corpus = Corpus("one", "naïve", "here", "none")
    assert corpus.fingerprint == hashlib.sha256("naïve".encode()).hexdigest()
    assert corpus.fingerprint == Corpus("two", "naïve", "there", "some").fingerprint
    assert corpus.fingerprint != Corpus("one", "naive", "here", "none").fingerprint


def test_a_file_is_read_as_it_is(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\ntwo\r".encode())
    corpus = read_text(str(tmp_path / "a.txt"))
    assert corpus.text == "\ufeffone\r\ntwo\r" and corpus.name == "a.txt"


def test_a_path_is_relative_to_the_current_folder_or_to_home(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("text")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_text("a.txt").text == read_text("~/a.txt").text == "text"
    assert read_text(".").name == tmp_path.name


def test_several_sources_are_joined_in_the_order_given(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text(name.upper())
    corpus = read_text([str(tmp_path / "b"), str(tmp_path / "a")])
    assert corpus.text == "B\nA" and corpus.name == "b+a"
    assert corpus.licence.count("not stated") == 1 and corpus.notes == ()
    assert "all of 2. a is also in 1. a" in read_text([str(tmp_path / "a")] * 2).notes[0]


def test_a_folder_is_all_its_txt_files_by_path(tmp_path):
    (tmp_path / "sub.txt").mkdir()
    for name in ("b.txt", "a.txt", "sub.txt/c.txt", "other.md"):
        (tmp_path / name).write_text(name)
    assert read_text(str(tmp_path)).text == "a.txt\nb.txt\nsub.txt/c.txt"


def test_a_folder_says_what_was_read_and_what_was_left_out(tmp_path):
    (tmp_path / ".ipynb_checkpoints").mkdir()
    for name in ("B.TXT", "a.txt", ".ipynb_checkpoints/a-checkpoint.txt", "._a.txt", "other.md"):
        (tmp_path / name).write_text(f"the text of {name[0]}" * 9)
    corpus = read_text(str(tmp_path))
    assert corpus.text == "\n".join("the text of " + name + ("the text of " + name) * 8 for name in "Ba")
    (note,) = corpus.notes
    assert "read 2 files; left out 2 hidden: ._a.txt, .ipynb_checkpoints/a-checkpoint.txt; left out 1 of" in note
    (tmp_path / "copy.txt").write_bytes((tmp_path / "a.txt").read_bytes())
    assert any("all of copy.txt is also in a.txt" in note for note in read_text(str(tmp_path)).notes)


def test_a_packed_text_is_opened_under_any_encoding(tmp_path):
    (tmp_path / "a.txt").write_bytes(gzip.compress(b"caf\xe9"))
    assert read_text(str(tmp_path / "a.txt"), "latin-1").text == "café"


def test_what_makes_one_doubt_a_text_is_told(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffa long text \0".encode())
    for encoding, count in (("cp1252", 2), ("utf-8", 2), ("utf-8-sig", 1)):
        assert len(read_text(str(tmp_path / "a.txt"), encoding).notes) == count


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8-sig"])
def test_the_encoding_can_be_set(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes("déjà vu".encode(encoding))
    assert read_text(str(tmp_path / "a.txt"), encoding).text == "déjà vu"


@pytest.mark.parametrize(
    ("encoding", "head", "bad", "offset"),
    [
        ("utf-8", b"caf", b"\xe9 noir", 3),
        ("utf-8-sig", b"\xef\xbb\xbfcaf", b"\xe9 noir", 6),
        ("ascii", b"a", b"\xc3", 1),
    ],
)
def test_an_undecodable_byte_is_named_with_its_place_in_the_file(tmp_path, encoding, head, bad, offset):
    (tmp_path / "good.txt").write_bytes(head)
    (tmp_path / "odd.txt").write_bytes(head + bad)
    line = failure(str(tmp_path), encoding=encoding)
    assert f"odd.txt: byte {offset} (0x{bad[0]:02x})" in line and "task.encoding" in line


@pytest.mark.parametrize("encoding", ["utf-9", "hex", "undefined", ""])
def test_an_unknown_encoding_is_named_whatever_the_source(encoding):
    assert f"task.encoding={encoding}: not a text encoding" in failure("builtin", ValueError, encoding=encoding)


def test_a_missing_path_names_the_alternatives():
    line = failure("bulitin")
    assert "task.source=bulitin: no such file" in line and "builtin" in line and "hub:" in line
    assert "no such file" in failure("x" * 5000)


@pytest.mark.parametrize("source", ["", [], ["builtin", ""]])
def test_no_source_is_not_the_current_folder(source):
    assert "empty" in failure(source, ValueError)


def test_an_empty_file_a_folder_without_text_and_an_unreadable_file_are_named(tmp_path):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "folder").mkdir()
    assert "empty.txt: the text is empty" in failure(str(tmp_path / "empty.txt"))
    assert "the text is empty" in failure(["builtin", str(tmp_path)])
    assert "no *.txt file" in failure(str(tmp_path / "folder"))


def test_a_file_that_the_system_will_not_read_is_named(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "secret.txt").write_text("text")
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    assert "secret.txt: cannot be read (Permission denied)" in failure(str(tmp_path / "secret.txt"))


@pytest.mark.parametrize(
    ("source", "configuration", "revision"),
    [
        ("hub:some/texts", None, None),
        ("hub:some/texts@refs/convert/parquet", None, "refs/convert/parquet"),
        ("hub:some/texts/small@v1", "small", "v1"),
    ],
)
def test_the_hub_is_asked_for_the_train_split_at_the_revision(monkeypatch, source, configuration, revision):
    package = hub({"label": ("int64", [0, 1, 2]), "text": ("string", ["one", None, "two"])})
    monkeypatch.setitem(sys.modules, "datasets", package)
    corpus = read_text(source)
    assert (
        corpus.text == "one\ntwo" and corpus.licence == "mit" and "huggingface.co/datasets/some/texts" in corpus.origin
    )
    assert package.asked == (("some/texts", configuration), {"revision": revision, "split": "train"})


def test_an_unreachable_hub_says_how_to_use_a_local_file_and_nothing_else(monkeypatch, caplog):
    package = hub({}, fails=ConnectionError("Couldn't reach 'some/texts' on the Hub.\nmore lines"))
    monkeypatch.setitem(sys.modules, "datasets", package)
    caplog.set_level(logging.INFO, logger="huggingface_hub")
    line = failure("hub:some/texts")
    assert "hub:some/texts" in line and "Couldn't reach" in line and "task.source=path/to/file.txt" in line
    assert not caplog.records and logging.getLogger("huggingface_hub").level == logging.INFO


def test_a_data_set_without_text_lists_its_columns(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", hub({"text": ("int64", [1]), "prose": ("string", ["a"])}))
    assert "only text (int64), prose (string)" in failure("hub:some/texts")


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    line = failure("hub:some/texts")
    assert "pip install datasets" in line and "task.source=path" in line


def test_a_local_folder_is_never_taken_for_the_hubs(tmp_path, monkeypatch):
    (tmp_path / "some" / "texts").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "datasets", hub({"text": ("string", ["a"])}))
    assert "local some/texts" in failure("hub:some/texts")


@pytest.mark.parametrize("source", ["hub:", "hub:csv", "hub:a/b@", "hub:a/b/c/d"])
def test_an_ill_formed_hub_source_states_the_form(source):
    assert "hub:<owner>/<name>" in failure(source, ValueError)
