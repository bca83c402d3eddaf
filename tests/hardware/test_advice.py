"""What makes speeds unreliable is said with its remedy, and a machine without a fault has nothing said of it."""

import pytest
from counters import Scripted

from bench.hardware.advice import advice, container_limit, governors, on_battery
from bench.hardware.load import Gauge, between
from bench.stats.bootstrap import Ratio

GOVERNOR = "devices/system/cpu/cpu0/cpufreq/scaling_governor"
EQUAL = Ratio(1.0, 0.99, 1.01)


class OfTwoCores(Gauge):
    """A machine whose files are in a folder."""

    own_cores = property(lambda _: 2)


def findings(folder, files=(), rises=(), threads=1, same=EQUAL, marks=()):
    for name, text in dict(files).items():
        path = folder / "sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    counters = Scripted({"own": 0.0, **dict(rises)})
    idle = between(counters.read(), counters.read(), 2)
    found = list(advice(OfTwoCores(folder / "proc", folder / "sys"), idle, threads, same, dict(marks)))
    assert all(each.remedy for each in found)
    return [each.finding for each in found]


def test_a_machine_without_a_fault_has_nothing_said_of_it(tmp_path):
    files = {
        GOVERNOR: "performance\n",
        "class/power_supply/BAT0/status": "Charging\n",
        "fs/cgroup/cpu.max": "max 100000\n",
    }
    assert findings(tmp_path, files) == []


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        ({"rises": {"busy": 1.5}}, "others had 1.5 of 2 cores"),
        ({"marks": {"contended": "why"}}, "while the timer was tested: why"),
        ({"marks": {"unsettled": "it changed"}}, "it changed"),
        (
            {"files": {"devices/system/cpu/cpu1/cpufreq/scaling_governor": "powersave\n"}},
            "the clock's governor is powersave",
        ),
        ({"files": {"class/power_supply/BAT0/status": "Discharging\n"}}, "the machine runs on its battery"),
        ({"files": {"fs/cgroup/cpu.max": "150000 100000\n"}, "threads": 2}, "the container may use 1.5 processors"),
        ({"threads": 3}, "hardware.threads=3 on 2 processors"),
        ({"rises": {"busy": None}}, "this system does not tell what other processes do"),
        ({"same": Ratio(1.04, 1.03, 1.05)}, "the same work, measured twice, differs by +4.0% ±1.0%"),
        ({"same": Ratio(1.0, 0.9, 1.1)}, "the same work, measured twice, differs by +0.0% ±10.0%"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fault_is_found(tmp_path, fault, finding):
    (found,) = findings(tmp_path, **fault)
    assert found.startswith(finding)


def test_limits_of_both_versions_of_control_groups_are_read(tmp_path):
    gauge = Gauge(tmp_path / "proc", tmp_path / "sys")
    assert (container_limit(gauge), governors(gauge.sys), on_battery(gauge.sys)) == (None, set(), False)
    folder = tmp_path / "sys/fs/cgroup/cpu"
    folder.mkdir(parents=True)
    for quota, limit in (("-1", None), ("50000", 0.5)):
        (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        (folder / "cpu.cfs_period_us").write_text("100000\n")
        assert container_limit(gauge) == limit
