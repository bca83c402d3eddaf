"""The overview and the CSV files of 100,000 runs: from their records alone, from the index, and after one more run.

    python -m pytest tests/benchmarks/test_hundred_thousand.py -n0 -s

It writes 1.6 GB of synthetic records, in minutes. Processor times are those of the whole command, imports included;
`start` is that of a command that imports the same and reads nothing.
"""

import os
import subprocess
import sys
from pathlib import Path

from many_runs import fill

TASKS, CELLS, BUDGETS, SEEDS = 10, 20, 50, 10
COMMAND = ["leaderboard", "--show=overview", "budget=1000 steps"]
START = "import bench.tables.overview, bench.tables.files, scipy.special, pyarrow.parquet"


def spent(*words):
    """The processor seconds and the most MiB of a Python process."""
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2])
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def test_an_overview_of_a_hundred_thousand_runs(tmp_path):
    assert fill(tmp_path, TASKS, CELLS, BUDGETS, SEEDS) == 100_000
    command = ("-m", "bench", *COMMAND, f"results_dir={tmp_path}")
    scratch, most = spent(*command)
    index = min(spent(*command)[0] for _ in range(3))
    start = min(spent("-c", START)[0] for _ in range(3))
    first = next((tmp_path / "runs").glob("task0_0_0_s0"))
    first.rename(first.with_name("task0_0_0_s0-2"))
    (tmp_path / "leaderboard.csv").unlink()
    one_more, most_again = spent(*command)
    print(f"\nfrom records {scratch:.1f} s, {most:.0f} MiB; after one more run {one_more:.1f} s, {most_again:.0f} MiB")
    print(f"from the index {index:.2f} s, of which {start:.2f} s start Python and import")
    assert (tmp_path / "leaderboard.csv").is_file()
    assert scratch < 60 and max(most, most_again) < 1024
    assert index - start < 1
