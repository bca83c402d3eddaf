"""What a command prints reaches any terminal: a character that its encoding lacks is replaced."""

import io
import sys

import pytest
from factories import publish

from bench.command.main import main
from bench.results.store import Store

ENCODINGS = {"ascii": "?s/step", "gbk": "?s/step", "cp932": "?s/step", "latin-1": "µs/step"}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_character_that_the_encoding_lacks_is_replaced(encoding, tmp_path, monkeypatch):
    publish(Store(tmp_path), "run")
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["leaderboard", f"results_dir={tmp_path}"]) == 0
    stream.seek(0)
    assert ENCODINGS[encoding] in stream.read()


def test_an_error_with_such_a_character_is_a_line_too(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stderr", stream)
    assert main(["größe"]) == 2
    stream.seek(0)
    assert stream.read().startswith("bench: gr??e: there is no such verb")
