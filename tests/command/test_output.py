"""Whatever becomes of stdout and stderr, a run is done and recorded, and its exit code is its own."""

import io
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from cli_tools import COPY, ROOT, last_of_each, records
from test_terminal import a_run

from bench.command.main import main
from bench.command.output import Lasting, lasting_output, lost
from bench.command.terminal import Terminal
from bench.job import execute as runner
from bench.train.interrupts import raise_at_signals

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


def full_disk():
    return open("/dev/full", "w")


def reader_that_has_left():
    end, begin = os.pipe()
    os.close(end)
    return open(begin, "w")


def lost_terminal():
    import pty

    ours, theirs = pty.openpty()
    stream = os.fdopen(theirs, "w")
    os.close(ours)
    return stream


def closed_file():
    with open(os.devnull, "w") as stream:
        return stream


LOST = [full_disk, reader_that_has_left, lost_terminal, closed_file, lambda: None]
NAMES = ["a full disk", "a reader that has left", "a lost terminal", "a closed file", "none"]


@contextmanager
def output_goes_to(make):
    """stdout and stderr that take nothing. In the test itself: pytest puts its own there after the fixtures."""
    before, streams = (sys.stdout, sys.stderr), (make(), make())
    sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        with open(os.devnull, "w") as null:
            for stream in streams:
                if stream is not None and not stream.closed:
                    os.dup2(null.fileno(), stream.fileno())  # so that it can be closed without an error


@pytest.mark.parametrize(
    ("make", "sweep"), [*((make, ()) for make in LOST), (full_disk, ("-m", "seed=0,1"))], ids=[*NAMES, "a sweep's"]
)
def test_a_run_is_done_and_recorded_and_its_exit_code_is_its_own(make, monkeypatch, tmp_path, sweep):
    monkeypatch.setattr(runner, "measure_speed", lambda *_: None)
    with output_goes_to(make):
        assert main(last_of_each([*sweep, *COPY, "evaluations=3", f"results_dir={tmp_path}"])) == 0
    assert {record["status"] for record in records(tmp_path)} == {"done"}


def test_a_bar_and_its_lines_on_a_lost_terminal_end_nothing(monkeypatch, tmp_path, capsys):
    class Lost(io.StringIO):
        def isatty(self):
            return True

        def write(self, text):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stderr", Lost())
    a_run(Terminal(refresh=0), tmp_path)
    assert "recall_accuracy" in capsys.readouterr().out


def test_what_arrives_later_is_written_again():
    """As on a disk where somebody makes room."""

    class FullAtFirst(io.StringIO):
        full = True

        def write(self, text):
            if self.full:
                raise OSError(28, "No space left on device")
            return super().write(text)

    stream = FullAtFirst()
    lasting = Lasting(stream)
    assert lasting.write("first\n") == 6
    assert lost(lasting).errno == 28
    stream.full = False
    lasting.write("second\n")
    assert stream.getvalue() == "second\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "gbk"])
def test_characters_that_an_encoding_lacks_are_replaced(encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    Lasting(stream).write("\u2501 5 \u00b5s \U0001f600\n")
    stream.flush()
    assert "5 " in stream.buffer.getvalue().decode(encoding)
    assert stream.buffer.getvalue().endswith(b"s ?\n")


def test_the_streams_are_as_before_after_the_block(capsys):
    before = sys.stdout, sys.stderr
    with lasting_output(), lasting_output():
        assert isinstance(sys.stdout, Lasting)
        assert not isinstance(sys.stdout._stream, Lasting)
    assert (sys.stdout, sys.stderr) == before


def shell(command):
    command = command.replace("BENCH", f"{sys.executable} -m bench")
    return subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("command", "code", "err"),
    [
        ("BENCH list >/dev/full", 1, "bench: cannot write to stdout: No space left on device\n"),
        ("BENCH list >/dev/full 2>/dev/full", 1, ""),
        ("BENCH nothing 2>/dev/full", 2, ""),
        ("BENCH nothing 2>&-", 2, ""),
        ("BENCH list | head -c 10; exit ${PIPESTATUS[0]}", 0, ""),
        ("BENCH list >&- 2>&- <&-", 0, ""),
    ],
)
def test_what_a_verb_printed_and_nobody_got_is_told(command, code, err):
    done = shell(command)
    assert (done.returncode, done.stderr) == (code, err)


def test_no_file_is_opened_in_the_place_of_a_closed_stderr():
    code = (
        "from bench.command.output import open_what_is_closed as mend; mend(); "
        "import sys; sys.exit(open('README.md').fileno() <= 2)"
    )
    assert shell(f'{sys.executable} -c "{code}" 2>&- <&-').returncode == 0


@pytest.fixture
def handlers():
    numbers = [signal.SIGTERM, signal.SIGHUP]
    before = [signal.getsignal(number) for number in numbers]
    yield numbers
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def test_signals_to_stop_interrupt_unless_they_are_ignored(handlers):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
    raise_at_signals()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
