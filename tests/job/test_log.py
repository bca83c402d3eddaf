"""The logger of runs: a run's file gets every line, and a user's own logging gets what it is configured to get."""

import logging

import pytest

from bench.job.log import also_to, log, logging_to


class Kept(logging.Handler):
    """Keeps what it is handed."""

    def __init__(self, level=logging.NOTSET):
        super().__init__(level)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@pytest.fixture
def root():
    """A handler of the user's on the root logger, whose level is WARNING as Python sets it."""
    handler, logger = Kept(), logging.getLogger()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


def say(*levels):
    for level in levels:
        log.log(level, logging.getLevelName(level))


ALL = (logging.DEBUG, logging.INFO, logging.WARNING)


def test_the_file_has_every_line_and_a_users_handler_what_its_level_lets_through(root, tmp_path):
    with logging_to(tmp_path / "run.log"):
        say(*ALL)
    lines = (tmp_path / "run.log").read_text().splitlines()
    assert [line.split()[-1] for line in lines] == ["DEBUG", "INFO", "WARNING"]
    assert root.lines == ["WARNING"]


def test_a_users_level_on_our_logger_is_respected_and_left(root, tmp_path):
    log.setLevel(logging.INFO)
    try:
        with logging_to(tmp_path / "run.log"):
            say(*ALL)
        assert log.level == logging.INFO
    finally:
        log.setLevel(logging.NOTSET)
    assert root.lines == ["INFO", "WARNING"]


def test_handlers_within_one_another_each_get_their_levels(root, tmp_path):
    outer, inner = Kept(logging.INFO), Kept(logging.DEBUG)
    with also_to(outer):
        say(*ALL)
        with also_to(inner):
            say(*ALL)
        say(logging.DEBUG)
    say(*ALL)
    assert outer.lines == ["INFO", "WARNING"] * 2
    assert inner.lines == ["DEBUG", "INFO", "WARNING"]
    assert root.lines == ["WARNING"] * 3


def test_where_nobody_has_configured_logging_nothing_is_printed(capsys):
    say(*ALL)
    assert capsys.readouterr() == ("", "")


def test_the_root_logger_gets_no_handler_and_our_lines_propagate(tmp_path):
    handlers = list(logging.getLogger().handlers)
    with logging_to(tmp_path / "run.log"):
        assert logging.getLogger().handlers == handlers
        assert log.propagate
    assert (log.level, log.filters) == (logging.NOTSET, [])
