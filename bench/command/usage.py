"""The help of the whole command, from the files of the verbs and the comments in `conf/`."""

from __future__ import annotations

from bench.command.registry import every_verb
from bench.config import catalogue, packages
from bench.config.role import PRESETS

_USAGE = """\
Usage: python -m bench [OPTION=VALUE ...]   train, score and measure one run
       python -m bench -m OPTION=A,B ...    all combinations, or --shard I/N
       python -m bench VERB ...             one of the verbs below

For example
  python -m bench task=copy cell=gru
  python -m bench -m task=copy,charlm cell=vanilla,lstm,gru seed=0,1,2
  python -m bench leaderboard

Verbs; python -m bench VERB --help describes one"""


def usage() -> str:
    """Usage, verbs, options and choices."""
    lines = [_USAGE]
    lines += [catalogue.entry(f"  {name}", 21, verb.summary) for name, verb in every_verb().items()]
    lines += ["", "Options of every run, with their defaults"]
    for key, value, comment in catalogue.options(packages.built_in().conf / "config.yaml"):
        lines.append(catalogue.entry(f"  {key}={value}", 32, comment))
    for group in catalogue.GROUPS:
        lines += ["", f"{'+' * (group in PRESETS)}{group}=NAME, where NAME is one of"]
        lines += [catalogue.entry(f"  {name}", 21, str(choice)) for name, choice in catalogue.choices(group).items()]
    lines += [
        "",
        "python -m bench list NAME shows the options of each; --cfg job prints a",
        "composed configuration. The documents begin at docs/README.md in the sources.",
    ]
    return "\n".join(lines)
