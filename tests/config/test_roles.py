"""Every option has a role, and the roles are those by which runs were told apart when the tables here were made."""

from dataclasses import asdict, dataclass, fields, make_dataclass
from typing import Annotated

import pytest

from bench.config import roles
from bench.config.catalogue import GROUPS
from bench.config.role import Role
from bench.config.schema import Config
from bench.config.tree import flatten

OPTIONS = sorted(flatten(asdict(Config())))


def without_role(kind):
    """The options and groups of a schema that no role speaks of."""
    table = roles._roles_in(kind, "")
    return [field.name for field in fields(kind) if field.name not in table]


def test_every_option_has_a_role():
    assert without_role(Config) == []
    assert set(GROUPS) <= roles.all_roles().keys()


def test_an_option_without_a_role_is_noticed():
    lines = [("speed", int, 1), ("size", Annotated[int, Role("cell")], 1)]
    extended = make_dataclass("Extended", lines, bases=(Config,), frozen=True)
    assert without_role(extended) == ["speed"]


def groups_where(holds):
    """The first parts of the options whose role `holds`."""
    return {key.partition(".")[0] for key in OPTIONS if holds(roles.role_of(key))}


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        (
            lambda role: not role.decides,
            {"hard_seconds", "results_dir", "rerun", "retries", "checkpoint", "measure", "hardware"},
        ),
        (lambda role: role.neutral, {"resume", "chosen"}),
        (
            lambda role: role.stated,
            {"hard_seconds", "seed", "seeds", "results_dir", "rerun", "retries", "checkpoint", "measure", "hardware"},
        ),
        (
            lambda role: role.resumable,
            {
                "results_dir",
                "rerun",
                "retries",
                "resume",
                "checkpoint",
                "measure",
                "budget",
                "evaluations",
                "patience",
                "hardware",
                "hard_seconds",
                "chosen",
            },
        ),
        (lambda role: role.place, {"results_dir"}),
        (lambda role: role.heads, {"task", "cell", "bptt"}),
        (lambda role: role.shown_by_options, {"clip"}),
        (lambda role: role.of_class, {"task", "cell", "optimizer", "schedule"}),
        (lambda role: role.column == "task", {"task"}),
        (lambda role: role.column == "cell", {"cell", "model", "init", "match", "unroll"}),
        (lambda role: role.column == "budget", {"budget"}),
        (lambda role: role.column == "hardware", {"hardware"}),
        (
            lambda role: role.column is None,
            {"hard_seconds", "seed", "seeds", "results_dir", "rerun", "retries", "checkpoint", "measure"},
        ),
    ],
)
def test_the_roles_are_these(holds, expected):
    assert groups_where(holds) == expected


def test_what_a_column_shows_in_its_own_way_is_not_listed_in_it():
    listed = [key for key in (*OPTIONS, "task.target", "cell.target", "optimizer.target") if not roles.is_named(key)]
    assert listed == ["bptt.window", "task.target", "cell.target"]


def test_an_option_s_own_role_goes_before_its_group_s(monkeypatch):
    @dataclass(frozen=True)
    class Group:
        one: int = 1
        other: Annotated[int, Role(None, stated=True)] = 1

    extended = make_dataclass("Extended", [("group", Annotated[Group, Role("cell")], Group())])
    monkeypatch.setattr(roles, "all_roles", lambda: roles._roles_in(extended, ""))
    assert roles.role_of("group.one") == Role("cell")
    assert roles.role_of("group.other").stated


@pytest.mark.parametrize(("value", "decides"), [("auto", False), ("never", False), ("runs/another", True)])
def test_resume_decides_where_it_names_a_run(value, decides):
    assert roles.decides("resume", value) == decides


def test_an_option_that_is_not_known_decides():
    assert roles.decides("unheard", 1)
