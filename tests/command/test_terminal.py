"""What a run says: to a person at a terminal, to a file, and to its own log."""

import io
import os
import re
import subprocess
import sys

import pytest
from cli_tools import COPY, ROOT, last_of_each
from factories import a_failure, a_record, a_score
from hypothesis import given
from hypothesis import strategies as st

from bench.command.terminal import Terminal
from bench.errors import ConfigError
from bench.job.log import log, logging_to
from bench.tables.closing import summary, title
from bench.tables.formats import four_digits, with_prefix
from bench.train.progress import Progress
from bench.train.validation import Validation


def a_run(terminal, folder, record=None, steps=3):
    """A run of `steps` steps and one validation, as the job tells of it."""
    record = record or a_record()
    with terminal:
        with logging_to(folder / "run.log"):
            log.info("a-run: 1,234 parameters, vendor unroll, on a processor")
            terminal.started()
            for step in range(1, steps + 1):
                terminal.step(Progress(steps=step, tokens=step * 1000, seconds=step / 100), step / steps, 2.0 / step)
            terminal.validated(a_validation(step=steps, score=0.25), "recall_accuracy")
            log.info(f"step {steps:>6}  train loss 0.5000  valid recall_accuracy 0.25")
            terminal.step(Progress(steps=steps, tokens=1000, seconds=0.01), 1.0, 0.5)
            terminal.measuring()
            log.info("measuring speed and memory")
            terminal.ended()
            for line in summary(record).splitlines():
                log.debug(line)
        terminal.stored(record, folder)


def a_validation(step, score):
    figures = dict.fromkeys(Validation._fields, 0.5) | {"step": step, "score": score}
    return Validation(**figures | {"scores": {"recall_accuracy": score}, "best": True})


def logged(folder):
    """The log's lines without their times, which must all be there."""
    lines = (folder / "run.log").read_text("utf-8").splitlines()
    return [re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.*)", line)[1] for line in lines]


class Pieces(io.StringIO):
    """Keeps what each call wrote, as a pipe without a buffer gets it."""

    def __init__(self):
        super().__init__()
        self.written = []

    def write(self, text):
        self.written += [text] if text else []
        return len(text)


@pytest.mark.parametrize("record", [a_record(), a_failure()], ids=["done", "failed"])
def test_a_member_s_line_is_written_in_one_piece(monkeypatch, tmp_path, record):
    """Members in other processes write to the same pipe: with PYTHONUNBUFFERED `print` lets their lines mix."""
    out, err = Pieces(), Pieces()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with Terminal("1/2", bar=False) as terminal:
        log.warning("a warning")
        terminal.stored(record, tmp_path)
        terminal.refused(ConfigError("no such thing"))
    assert [len(piece.splitlines()) for piece in (*out.written, *err.written)] == [1, 1, 1]
    assert all(piece.endswith("\n") for piece in (*out.written, *err.written))


def test_every_line_on_the_screen_is_in_the_log_and_the_closing_table_too(tmp_path, capsys):
    a_run(Terminal(), tmp_path)
    out, err = capsys.readouterr()
    assert logged(tmp_path) == [*err.splitlines(), *out.splitlines()[:-1]]
    assert out.splitlines()[-1].split() == ["record", str(tmp_path)]


def test_of_a_sweep_s_member_the_screen_shows_warnings_and_no_other_line(capsys):
    with Terminal("2/3", bar=False):
        log.info("a-run: 1,234 parameters")
        log.warning("3 of 40 recordings are corrupt and left out")
    assert capsys.readouterr() == ("", "[2/3] 3 of 40 recordings are corrupt and left out\n")


def test_a_file_gets_no_control_characters(tmp_path, capsys):
    a_run(Terminal(), tmp_path)
    out, err = capsys.readouterr()
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", out + err)


def test_a_member_of_a_sweep_is_one_line_on_the_screen_and_all_in_the_log(tmp_path, capsys):
    a_run(Terminal("3/12"), tmp_path)
    out, err = capsys.readouterr()
    assert err == ""
    assert out == f"[3/12] {title(a_record())}: done, test recall_accuracy 0.97, valid 0.98 after 31.2 s\n"
    assert "recall_accuracy 0.25" in "\n".join(logged(tmp_path))


@pytest.mark.parametrize("status", ["failed", "diverged", "interrupted"])
def test_a_run_that_did_not_get_through_is_one_line_on_stderr_with_its_reason_and_log(tmp_path, capsys, status):
    Terminal().stored(a_failure(status=status, reason="it was so"), tmp_path)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"bench: copy-gru {status}: it was so (see {tmp_path / 'run.log'})\n"


def test_a_traceback_goes_to_the_log_and_nowhere_else(tmp_path, capsys):
    with Terminal(), logging_to(tmp_path / "run.log"):
        log.debug("the run failed", exc_info=ValueError("deep inside"))
    assert "ValueError: deep inside" in (tmp_path / "run.log").read_text()
    assert capsys.readouterr() == ("", "")


def test_runs_after_one_another_do_not_write_into_each_others_logs(tmp_path, capsys):
    for name in "ab":
        (tmp_path / name).mkdir()
        with Terminal(), logging_to(tmp_path / name / "run.log"):
            log.info(name)
    assert (logged(tmp_path / "a"), logged(tmp_path / "b")) == (["a"], ["b"])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_log_that_the_disk_does_not_take_is_not_a_traceback(tmp_path, capsys):
    (tmp_path / "run.log").symlink_to("/dev/full")
    a_run(Terminal(), tmp_path)
    assert "Traceback" not in capsys.readouterr().err


class Screen(io.StringIO):
    def isatty(self):
        return True


def screen(printed):
    """The lines that a terminal shows in the end, and every state of the line with the bar."""
    lines, bars, row, column = [""], [], 0, 0
    for token in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", printed):
        if token == "\r":
            column = 0
        elif token == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif token == "\x1b[2K":
            bars.append(lines[row])
            lines[row] = ""
        elif token == "\x1b[1A":
            row -= 1
        elif token.startswith("\x1b"):
            assert token[-1] in "mhl", token  # colours, and hiding the cursor
        else:
            lines[row] = lines[row][:column].ljust(column) + token + lines[row][column + len(token) :]
            column += len(token)
    return [line for line in lines if line], [bar for bar in bars if "loss" in bar]


def test_on_a_terminal_a_bar_shows_loss_score_speed_and_time_left_and_then_goes(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", Screen())
    a_run(Terminal(refresh=0), tmp_path)
    lines, bars = screen(sys.stderr.getvalue())
    table = capsys.readouterr().out.splitlines()
    assert lines == [line for line in logged(tmp_path) if line not in table]
    for part in ("100%", "step 3", "loss 0.5000", "recall_accuracy 0.25", "100k tokens/s", "left"):
        assert part in bars[-1]
    assert sys.stderr.getvalue().count("\x1b[?25h") == sys.stderr.getvalue().count("\x1b[?25l") == 1


def test_where_processes_share_a_terminal_there_is_no_bar(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Screen())
    a_run(Terminal("1/2", bar=False), tmp_path)
    assert sys.stderr.getvalue() == ""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")
def test_a_real_terminal_is_left_clean(tmp_path):
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "bench", *last_of_each([*COPY, "budget.steps=200"]), f"results_dir={tmp_path}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=theirs, stdout=theirs):
        os.close(theirs)
        printed = b""
        while chunk := read(ours):
            printed += chunk
    lines, bars = screen(printed.decode())
    assert any("tokens/s" in bar for bar in bars)
    first = [line.split()[0] for line in lines]
    after_training = first.index("best")  # a processor of a long name takes two lines before it
    assert first[after_training - 1 : after_training + 3] == ["step", "best", "measuring", "copy-v1(held_out=20)"]
    assert not any("━" in line for line in lines)


def read(terminal):
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # on Linux, its end
        return b""


def test_the_closing_table_puts_the_score_among_those_to_beat():
    lines = summary(a_record()).splitlines()
    assert lines[0] == "copy-v1  gru  full  1500 steps  seed 0: done after 31.2 s"
    assert "  test       recall_accuracy 0.97" in lines
    assert "  to beat    chance 0.2, majority 0.21, solved 1; gap closed 96.2%" in lines
    assert "  memory     peak 12.5 MiB in a training step, 75.25 MiB in the process" in lines


def test_what_a_run_did_not_get_to_is_left_out_of_its_table():
    failed = summary(a_failure(reason="why"))
    assert failed == "copy-v1  gru  full  1500 steps  seed 0: failed\n  reason     why"
    no_test = summary(a_record(metric=a_score(None), scores={"valid": {"recall_accuracy": 0.98}}))
    assert "gap closed 97.5%" in no_test
    assert "test" not in no_test


@given(st.floats(min_value=1e-3, max_value=9e11))
def test_a_speed_in_words_is_right_to_three_digits(value):
    text = with_prefix(value)
    scale = {"k": 1e3, "M": 1e6, "G": 1e9}.get(text[-1], 1)
    assert float(text.rstrip("kMG")) * scale == pytest.approx(value, rel=5e-3)
    assert len(re.sub(r"[.kMG]|^0\.0*", "", text.partition("e")[0])) <= 3


def test_where_there_is_no_figure_there_is_a_dash():
    assert four_digits(None) == with_prefix(None) == "-"
