"""One walk over a user's folder: which files are read, whatever lies beside them."""

import string

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.tasks.common.files.folders import walk

LITTER = ("._{}", ".{}", ".ipynb_checkpoints/{}", "__MACOSX/._{}", "Thumbs.db", "desktop.ini", ".DS_Store", ".git/{}")


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")


def names(paths, folder):
    return [path.relative_to(folder).as_posix() for path in paths]


def test_the_files_of_a_kind_are_found_whatever_the_case_of_their_suffix(tmp_path):
    put(tmp_path, "b.TXT", "a.txt", "deep/er/c.Txt", "notes.md")
    found = walk(tmp_path, [".txt"])
    assert names(found.files, tmp_path) == ["a.txt", "b.TXT", "deep/er/c.Txt"]
    assert found.note() == f"{tmp_path}: read 3 files; left out 1 of another kind: notes.md"


def test_a_depth_bounds_the_walk(tmp_path):
    put(tmp_path, "a.txt", "one/b.txt", "one/two/c.txt")
    assert names(walk(tmp_path, [".txt"], depth=1).files, tmp_path) == ["a.txt"]
    assert names(walk(tmp_path, [".txt"], depth=2).files, tmp_path) == ["a.txt", "one/b.txt"]


@settings(max_examples=20, deadline=None)
@given(kinds=st.lists(st.sampled_from(LITTER), unique=True), name=st.text(string.ascii_lowercase, min_size=1))
def test_litter_beside_the_files_changes_nothing_and_is_counted(tmp_path_factory, kinds, name):
    folder = tmp_path_factory.mktemp("data")
    put(folder, f"{name}.txt")
    clean = walk(folder, [".txt"])
    litter = [kind.format(f"{name}.txt") for kind in kinds]
    put(folder, *litter)
    found = walk(folder, [".txt"])
    assert found.files == clean.files
    assert names(found.hidden, folder) == sorted(litter, key=lambda each: each.split("/"))
    assert (f"left out {len(litter)} hidden" in found.note()) == bool(litter)


def test_a_folder_that_links_to_itself_is_read_once_and_one_elsewhere_is_followed(tmp_path):
    put(tmp_path, "data/a.txt", "elsewhere/b.txt")
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "far").symlink_to(tmp_path / "elsewhere")
    assert names(walk(tmp_path / "data", [".txt"]).files, tmp_path / "data") == ["a.txt", "far/b.txt"]


def test_a_folder_within_a_hidden_one_is_read(tmp_path):
    put(tmp_path, ".cache/data/a.txt")
    assert names(walk(tmp_path / ".cache" / "data").files, tmp_path) == [".cache/data/a.txt"]
