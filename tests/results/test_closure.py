"""A plugin's code is what its files import, too: own files by content, installed distributions by version."""

import importlib
import sys
import tomllib

import pytest
from cli_tools import ROOT
from hypothesis import given
from hypothesis import strategies as st

from bench.cells.gru import GRU
from bench.config.catalogue import choices
from bench.config.packages import built_in
from bench.config.targets import load
from bench.results.closure import ENVIRONMENT, closure, closure_hash, closure_of, file_of, own_files
from bench.results.imports import imported_by

FILES = {
    "mine.py": "import helper\nfrom base import Base\nclass Mine(Base): pass\n",
    "helper.py": "import pkg.deep\n",
    "base.py": "class Base: pass\n",
    "pkg/__init__.py": "",
    "pkg/deep.py": "from . import sister\ndef late():\n    import lazy\n",
    "pkg/sister.py": "import json, torch\nimportlib = __import__('named')\n",
    "lazy.py": "X = 1\n",
    "named.py": "X = 1\n",
    "unrelated.py": "X = 1\n",
}
PARTS = sorted({*FILES} - {"unrelated.py"})


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a plugin in `mine.py`, on the search path; none of its modules stays imported."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    before = {*sys.modules}
    yield tmp_path
    for name in {*sys.modules} - before:
        del sys.modules[name]


def mine(project):
    """The class as a process that is started now finds it."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("helper", "base", "pkg", "lazy", "named")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    return load(f"{project / 'mine.py'}:Mine", "cell.target")


def test_a_closure_has_every_file_that_an_import_reaches_and_no_other(project):
    found = closure(mine(project))
    assert sorted(own_files(found)) == PARTS
    assert "torch" in found
    assert closure_of(project / "mine.py") == found, "without running the file it is the same"


@pytest.mark.parametrize("name", PARTS)
def test_an_edit_of_any_of_its_files_makes_other_code(project, name):
    before = closure_hash(closure(mine(project)))
    assert closure_hash(closure(mine(project))) == before
    (project / name).write_text(FILES[name] + "# edited\n")
    assert closure_hash(closure(mine(project))) != before


@pytest.mark.parametrize("edited", ["helper.py", "other/helper.py"])
def test_a_plugin_and_a_module_of_one_file_name_count_both(project, edited):
    (project / "other").mkdir()
    (project / "other" / "helper.py").write_text("import through\nclass Mine: pass\n")
    (project / "through.py").write_text("import helper\n")
    found = []
    for text in ("", "# 1\n", "# 2\n", "# 3\n", "# 4\n"):
        with (project / edited).open("a") as file:
            file.write(text)
        for name in ("helper", "through"):
            sys.modules.pop(name, None)
        importlib.import_module("helper")  # before the plugin, which else has itself by this name
        cls = load(f"{project / 'other' / 'helper.py'}:Mine", "cell.target")
        assert closure(cls) == closure_of(project / "other" / "helper.py")
        found.append(closure(cls)["helper.py"])
    assert len(set(found)) == 5


def test_an_edit_of_another_file_does_not(project):
    before = closure_hash(closure(mine(project)))
    (project / "unrelated.py").write_text("X = 2\n")
    assert closure_hash(closure(mine(project))) == before


def test_a_base_class_counts_that_no_import_names(project):
    (project / "base.py").write_text("class Base:\n    y = 1\n")
    base = load(f"{project / 'base.py'}:Base", "cell.target")
    assert "base.py" in closure(type("Child", (base,), {}))


def test_a_file_that_was_edited_after_its_import_counts_as_it_runs(project, caplog):
    before = closure(mine(project))
    (project / "helper.py").write_text("X = 'edited'\n")
    cls = load(f"{project / 'mine.py'}:Mine", "cell.target")  # its imports are there already
    assert closure(cls) == before
    assert "helper.py was edited after it was imported: this process runs and records the earlier code" in caplog.text


def test_a_distribution_counts_by_its_version(project):
    site = project / "site-packages"

    def install(version):
        (site / "theirs").mkdir(parents=True, exist_ok=True)
        (site / "theirs" / "__init__.py").write_text(f"X = {version[0]}\n")
        for old in site.glob("theirs-*"):
            (old / "METADATA").unlink()
            old.rmdir()
        (site / f"theirs-{version}.dist-info").mkdir()
        (site / f"theirs-{version}.dist-info" / "METADATA").write_text(f"Name: theirs\nVersion: {version}\n")

    def code():
        from bench.results import closure as module

        module._installed.cache_clear()
        return closure(mine(project))

    sys.path.insert(0, str(site))
    try:
        install("1.0")
        (project / "mine.py").write_text("import theirs\n" + FILES["mine.py"])
        first = code()
        install("1.1")
        second = code()
    finally:
        sys.path.remove(str(site))
    assert (first["theirs"], second["theirs"]) == ("1.0", "1.1")
    assert own_files(first) == own_files(second)
    assert closure_hash(first) != closure_hash(second)


def test_a_module_of_its_own_is_found_without_importing_it(project):
    assert file_of("pkg.deep") == project / "pkg" / "deep.py"
    assert file_of("torch.optim") is None
    assert file_of("pkg.nowhere") is None
    assert {"pkg/__init__.py", "pkg/deep.py", "pkg/sister.py"} <= closure_of("pkg.deep").keys()
    assert not {"pkg", "pkg.deep"} & sys.modules.keys()


def test_a_built_in_plugin_is_its_own_file_whatever_else_is_edited():
    assert own_files(closure(GRU)).keys() == {"bench/cells/__init__.py", "bench/cells/gru.py"}
    assert closure(int) == {}


def test_the_environment_is_what_the_package_needs():
    """So a new version of torch makes no other code of a plugin; the record states the versions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needs = {line.split(">")[0].lower() for line in project["dependencies"]}
    assert needs | {"bench", "pillow", "pyarrow"} == ENVIRONMENT, "which come with matplotlib and datasets"


def test_no_built_in_plugin_needs_more_than_the_environment():
    for group in ("cell", "task"):
        for path in (built_in().conf / group / f"{name}.yaml" for name in choices(group) if name != "custom"):
            text = path.read_text("utf-8")
            target = text.partition("_target_:")[2].split()[0]
            found = closure_of(target.rpartition(".")[0])
            assert {name for name in found if name not in own_files(found)} <= ENVIRONMENT, target


@pytest.mark.parametrize(
    ("source", "package", "modules"),
    [
        ("import a.b as c, d", "", ["a.b", "d"]),
        ("from a import b", "", ["a", "a.b"]),
        ("from . import b", "p.q", ["p.q", "p.q.b"]),
        ("from ..r import s", "p.q", ["p.r", "p.r.s"]),
        ("from ... import s", "p.q", []),
        ("from . import b", "", []),
        ("try:\n    import a\nexcept ImportError:\n    import b", "", ["a", "b"]),
        ("import importlib\nimportlib.import_module('a.b')", "", ["importlib", "a.b"]),
        ("def broken(:", "", []),
    ],
)
def test_imports_are_read_from_the_source(source, package, modules):
    assert imported_by(source.encode(), package) == modules


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read_for_imports(source):
    assert isinstance(imported_by(source, ""), list)
