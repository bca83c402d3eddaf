"""Grids of speeds that cannot be compared: a call is given once."""

import pytest
from speed_grids import a_grid

from bench.errors import ConfigError
from bench.tables.comparable import refuse_twice

ONE = a_grid(({"cell": "a"}, [1.0, 2.0, 1.5]), ({"cell": "b"}, [3.0, 2.0]))
OTHER = a_grid(({"cell": "a"}, [1.0, 2.0, 1.6]))


def test_two_files_of_one_call_are_refused_whatever_their_names_and_members():
    refuse_twice([("a.json", ONE), ("b.json", OTHER)])
    part = a_grid(({"cell": "a"}, [9.0]), ({"cell": "b"}, [3.0, 2.0]))
    for copy in (ONE, part):
        with pytest.raises(ConfigError, match="^a.json and c.json have the same samples, so that they are one call"):
            refuse_twice([("a.json", ONE), ("b.json", OTHER), ("c.json", copy)])
