"""How busy a machine is: read from whatever its system tells, and nothing else is made of what it does not."""

import os
import time

import pytest

from bench.hardware.load import Gauge, between

TICK = 1 / os.sysconf("SC_CLK_TCK")


def written(folder, **files):
    """Files of a system: `proc/stat` is called `proc__stat`."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Now:
    """A clock that the test sets."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def a_gauge(folder):
    return Gauge(folder / "proc", folder / "sys", Now(), Now())


def stat(user, system, idle, steal):
    return f"cpu  {user} 0 {system} {idle} 9 1 2 {steal} 5 0\ncpu0 1 2\ncpu1 3 4\nintr 5\n"


BEFORE = {
    "proc__stat": stat(1000, 500, 9000, 10),
    "proc__loadavg": "0.25 0.5 0.7 1/90 1234\n",
    "proc__pressure__cpu": "some avg10=1.50 avg60=0.00 avg300=0.00 total=3000000\nfull avg10=0.00 total=0\n",
    "proc__self__cgroup": "0::/some/group\n",
    "proc__self__task__7__schedstat": "100 2000000000 3\n",
    "proc__self__task__8__schedstat": "100 500000000 3\n",
    "sys__fs__cgroup__some__group__cpu.stat": "usage_usec 5\nthrottled_usec 100000\n",
    "sys__devices__system__cpu__cpu0__cpufreq__scaling_cur_freq": "2000000\n",
    "sys__devices__system__cpu__cpu1__cpufreq__scaling_cur_freq": "3000000\n",
}
AFTER = BEFORE | {
    "proc__stat": stat(1000 + 1.5 / TICK, 500 + 0.2 / TICK, 9000, 10 + 0.3 / TICK).replace(".0", ""),
    "proc__loadavg": "1.5 0.5 0.7 1/90 1234\n",
    "proc__pressure__cpu": "some avg10=40.00 avg60=0.00 avg300=0.00 total=3750000\n",
    "proc__self__task__7__schedstat": "100 2250000000 3\n",
    "sys__fs__cgroup__some__group__cpu.stat": "throttled_usec 150000\n",
    "sys__devices__system__cpu__cpu0__cpufreq__scaling_cur_freq": "1000000\n",
}


def test_a_stretch_of_work_has_what_each_counter_of_linux_says_of_it(tmp_path):
    gauge = a_gauge(tmp_path)
    written(tmp_path, **BEFORE)
    before = gauge.read()
    written(tmp_path, **AFTER)
    gauge.clock.now, gauge.cpu.now = 2.0, 0.9
    load = between(before, gauge.read(), gauge.cores)
    assert load == {
        "wall_s": 2.0,
        "cpu_s": 0.9,
        "waited_s": 0.25,
        "throttled_s": 0.05,
        "cores": 2,
        "others": pytest.approx((1.7 - 0.9 - 4 * TICK) / 2, abs=0.01),
        "stolen": pytest.approx(0.15),
        "pressure": [0.015, 0.375, 0.4],
        "load": [0.25, 1.5],
        "mhz": [2500, 2000],
    }


def test_a_system_without_these_files_tells_what_python_knows(tmp_path):
    load = between(*(a_gauge(tmp_path).read() for _ in range(2)), cores=a_gauge(tmp_path).cores)
    unknown = {name for name, value in load.items() if value is None}
    assert unknown == {"waited_s", "throttled_s", "others", "stolen"}
    assert (load["pressure"], load["mhz"], load["cores"]) == ([None] * 3, [None] * 2, os.cpu_count())
    assert all(each >= 0 for each in load["load"])


@pytest.mark.parametrize(
    "place", ["sys__fs__cgroup__cpu.stat", "sys__fs__cgroup__cpu__cpu.stat"], ids=["in a container", "version 1"]
)
def test_a_limit_is_read_wherever_the_group_has_its_counters(tmp_path, place):
    nanoseconds = "cgroup__cpu__" in place
    written(tmp_path, **{place: "throttled_time 2500000000\n" if nanoseconds else "throttled_usec 2500000\n"})
    assert a_gauge(tmp_path).read().throttled == 2.5


def test_counters_that_fall_or_are_broken_off_are_no_load(tmp_path):
    """A thread that ends takes its waits with it."""
    gauge = a_gauge(tmp_path)
    written(tmp_path, **BEFORE)
    before = gauge.read()
    (tmp_path / "proc/self/task/7/schedstat").unlink()
    written(tmp_path, proc__self__task__8__schedstat="\n", proc__stat="", proc__pressure__cpu="")
    assert between(before, gauge.read(), 2)["waited_s"] is None
    written(tmp_path, proc__self__task__8__schedstat="1 1 1\n")
    assert between(before, gauge.read(), 2)["waited_s"] == 0


def test_this_machine_has_cores_and_a_clock():
    gauge = Gauge()
    first = gauge.read()
    time.sleep(0.001)
    assert gauge.read().wall > first.wall and gauge.cores >= 1 <= gauge.own_cores
