"""What a sweep would do, without running it: which runs are done, and what the others will take.

`bench plan task=copy,charlm cell=lstm,gru seed=0,1,2` takes the words of the sweep. Every configuration is prepared as
for a run, so that one that cannot run is told now. What a run takes is known from runs like it that are done; where
there are none, a few steps are trained, and nothing is kept.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.command.parser import Parser
from bench.printable import UNLIMITED, printable, screen_width

if TYPE_CHECKING:
    from bench.tables.plans import Planned


def arguments(parser: Parser) -> None:
    """The words of the sweep."""
    parser.add_argument("overrides", nargs="*", metavar="OPTION=VALUE,...", help="options, some with several values")
    parser.add_argument("-m", "--multirun", action="store_true", help="as in the sweep's command; it changes nothing")
    parser.add_argument("--shard", metavar="I/N", help="of this part of the sweep alone, as in the sweep's command")
    parser.add_argument("--json", action="store_true", help="the plan as JSON")


def run(options: Namespace) -> int:
    """Print the plan; 1 where some runs of it cannot run."""
    from bench.config.sweeps.members import compose_sweep
    from bench.config.sweeps.shard import Shard
    from bench.study.plan import plan
    from bench.tables.plans import to_text

    shard = None if options.shard is None else Shard.parse(options.shard)
    members = compose_sweep(options.overrides, shard)
    plans = plan(members, lambda line: print(printable(line), file=sys.stderr, flush=True))
    if options.json:
        print(json.dumps([*map(_as_json, plans)], indent=1))
    else:
        print(*map(printable, to_text(plans, screen_width(UNLIMITED)).splitlines()), sep="\n")
    return int(any(each.refused for each in plans))


def _as_json(each: Planned) -> dict[str, Any]:
    statuses = {str(drawn).removeprefix("seed "): status for drawn, status in each.statuses.items()}
    return {**asdict(each), "statuses": statuses, "to_do": each.to_do, "seconds": each.seconds}
