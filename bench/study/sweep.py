"""A sweep: what becomes of its members, in whatever process they run, and the tables at its end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.command.terminal import Reporter
from bench.config.compose import Composed
from bench.errors import BenchError
from bench.job.execute import execute
from bench.results.store import Store
from bench.tables import files, tabulate, text

_FATE = "run.json"


def run_member(composed: Composed, bar: bool) -> None:
    """Run one member and leave in its folder what became of it; an error that has no record spoils no other member."""
    folder = composed.sweep_folder
    assert folder is not None
    member = f"{int(folder.name) + 1}" + f"/{composed.members}" * bool(composed.members)
    try:
        record = execute(composed, Reporter(member, bar))
        fate = {"id": record.id, "status": record.status, "reason": record.reason}
    except BenchError as error:
        print(f"[{member}] failed, {error}", flush=True)
        fate = {"id": f"member {member}", "status": "failed", "reason": str(error)}
    (folder / _FATE).write_text(json.dumps(fate), encoding="utf-8")


def finish(folder: Path) -> int:
    """Write all tables, print the sweep's own and what went wrong in it; 0 where all members are done, else 1."""
    results = folder.parent.parent
    members = [path for path in folder.iterdir() if path.is_dir()]
    fates = [json.loads(path.read_text("utf-8")) for member in members if (path := member / _FATE).is_file()]
    done = [fate for fate in fates if fate["status"] == "done"]
    files.write(results)
    rows, _ = Store(results).rows()
    frame = tabulate.tabulate(tabulate.select(rows, {fate["id"] for fate in fates}))
    print(f"\n{text.to_text(frame)}\n")
    for fate in sorted((fate for fate in fates if fate not in done), key=lambda fate: fate["id"]):
        print(f"bench: {fate['id']} {fate['status']}: {fate['reason']}", file=sys.stderr)
    print(f"{len(done)} of {len(members)} runs done; tables of all runs in {results / 'leaderboard.csv'}")
    return int(len(done) < len(members))
