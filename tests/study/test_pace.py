"""The time that a sweep still takes, by the members that ran in this process."""

from pathlib import Path

from bench.config.options import Member
from bench.study.pace import Pace


def test_what_is_left_is_the_rest_of_this_member_and_the_mean_for_each_that_follows():
    now = [0.0]
    pace = Pace(lambda: now[0])
    pace.next(Member(1, 3, Path()))
    assert pace.left(0.5) is None  # its training has not begun
    pace.begun()
    now[0] = 10
    assert pace.left(0) is None
    assert pace.left(0.5) == 10 + 2 * 20
    now[0] = 30
    pace.ended()
    pace.next(Member(2, 3, Path()))
    pace.ended()  # done already: it takes no time, and is no measure of the others
    pace.next(Member(2, 3, Path()))
    pace.begun()
    now[0] = 40
    assert pace.left(0.5) == 10 + (30 + 20) / 2


def test_nothing_is_said_of_the_last_member_or_where_their_number_is_not_known():
    for member in (Member(3, 3, Path()), Member(1, None, Path())):
        pace = Pace(iter([0.0, 10.0]).__next__)
        pace.next(member)
        pace.begun()
        assert pace.left(0.5) is None
