"""Completion: what the last word of a command may become, and the shell's side of it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from cli_tools import ROOT, bench

from bench.command.complete import completions


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("sp", ["speed"]),
        ("task=co", ["task=copy", "task=copy_bai", "task=copy_s4"]),
        ("-m task=copy cell=gru,ls", ["cell=gru,lstm"]),
        ("task=copy task.del", ["task.delay="]),
        ("task.del", []),
        ("cell=lstm,gru cell.peep", ["cell.peepholes="]),
        ("model.hid", ["model.hidden="]),
        ("+exp", ["+experiment="]),
        ("+tuned=van", ["+tuned=vanilla"]),
        ("hardware.precision=t", ["hardware.precision=tf32"]),
        ("model.tie=", ["model.tie=false", "model.tie=true"]),
        ("model.hidden=", []),
        ("speed cell=gru,ls", ["cell=gru,lstm"]),
        ("plot --ag", ["--against"]),
        ("list lst", ["lstm"]),
        ("new c", ["cell"]),
        ("new cell ", []),
        ("show ru", ["run-1"]),
        ("rm run-1 o", ["other"]),
        ("--ver", ["--version"]),
        ("-m seed=0,1 --sh", ["--shard"]),
        ("-m seed=0,1 --shard ", []),
        ("plan seed=0,1 --sh", ["--shard"]),
        ("nothing-like-it", []),
    ],
)
def test_a_word_is_completed(typed, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("run-1", "other", ".hidden"):
        (tmp_path / "results" / "runs" / name).mkdir(parents=True)
    assert completions(typed.split(" ")) == found


def test_nothing_typed_is_every_verb_and_option():
    assert {"leaderboard", "task=", "model.hidden=", "seed="} <= {*completions([])}


@pytest.mark.parametrize(
    ("line", "replies", "space"),
    [
        ("bench lea", ["leaderboard"], True),
        ("bench task=char", ["charlm"], True),
        ("bench model.hid", ["model.hidden="], False),
    ],
)
def test_bash_asks_and_gets_what_follows_the_last_equals_sign(line, replies, space, tmp_path, capsys):
    """`=` divides words in bash: a reply is what comes after it."""
    script = bench(capsys, "completion", "bash").out
    (tmp_path / "bench").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bench "$@"\n')
    (tmp_path / "bench").chmod(0o755)
    asked = f"""{script}
compopt() {{ echo "compopt $*"; }}
COMP_LINE={line!r} COMP_POINT=${{#COMP_LINE}}
_bench
printf '%s\\n' "${{COMPREPLY[@]}}" """
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.stdout.split("\n")[:-1] == ["compopt +o nospace"] * space + replies, done.stderr
