"""One measurement at a time: whoever comes second waits, but not for ever, and a lock that cannot be stops nobody."""

import logging
import os
import threading

import pytest

from bench.hardware import turn as module
from bench.hardware.turn import lock_file, turn


def test_who_comes_second_waits_for_the_first_to_end(tmp_path):
    events, inside = [], threading.Event()

    def second():
        inside.wait()
        with turn(tmp_path / "lock"):
            events.append("second")

    other = threading.Thread(target=second)
    other.start()
    with turn(tmp_path / "lock") as waited:
        inside.set()
        other.join(0.1)
        events.append("first")
    other.join()
    assert events == ["first", "second"] and waited < 1


def test_after_the_limit_it_goes_on_and_says_so(tmp_path, caplog):
    with turn(tmp_path / "lock"), caplog.at_level(logging.INFO), turn(tmp_path / "lock", limit=0.05) as waited:
        assert waited >= 0.05
    said = [record.getMessage() for record in caplog.records if record.name == "bench"]
    assert said == [
        "another run measures on this machine: waiting for its end, at most 0.05 s",
        "another run still measures on this machine after 0.05 s: this one measures beside it",
    ]


@pytest.mark.parametrize("error", [None, ValueError])
def test_the_turn_ends_with_the_block_however_that_ends(tmp_path, error):
    try:
        with turn(tmp_path / "lock"):
            if error:
                raise error
    except ValueError:
        pass
    with turn(tmp_path / "lock", limit=0.0) as waited:
        assert waited < 1


def test_where_no_lock_can_be_made_it_measures_at_once(tmp_path):
    with turn(tmp_path / "there is" / "no such folder" / "lock") as waited:
        assert waited < 1


def test_runs_of_one_user_have_one_lock_outside_of_all_results(monkeypatch, tmp_path):
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path))
    assert lock_file() == tmp_path / f"bench-measures-{os.getuid()}.lock"
