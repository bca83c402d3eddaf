"""A SLURM cluster on this machine: a controller and two node daemons, from Debian's packages slurm-wlm and munge."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")


def is_installed() -> bool:
    """Whether a cluster can be started here: by root, who may run jobs as whoever submits them."""
    return os.name == "posix" and os.geteuid() == 0 and all(map(shutil.which, COMMANDS))


class Cluster:
    """The daemons of a cluster in a folder, whose nodes are called n1 and n2 and have two processors each."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._daemons = folder, dict[str, subprocess.Popen[bytes]]()
        self.configuration = folder / "slurm.conf"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which SLURM's commands find the cluster."""
        return {"SLURM_CONF": str(self.configuration)}

    def start(self) -> None:
        """Start all daemons, and wait until both nodes are idle."""
        self._configure()
        run = Path("/run/munge")
        run.mkdir(exist_ok=True)
        shutil.chown(run, "munge", "munge")
        if not (run / "munge.socket.2").exists() or subprocess.run(["munge", "-n"], capture_output=True).returncode:
            self._begin("munged", "runuser", "-u", "munge", "--", "munged", "--foreground", "--force")
        self._begin("slurmctld", "slurmctld", "-D", "-i")
        for node in ("n1", "n2"):
            self.start_node(node)
        self._wait_until_idle()

    def start_node(self, node: str) -> None:
        """Start the daemon of a node."""
        self._begin(node, "slurmd", "-D", "-N", node)

    def kill_node(self, node: str) -> None:
        """Kill the daemon of a node with all that runs on it, as where the power is cut. Something must run there."""
        jobs = self.says("squeue", "--noheader", "--nodelist", node, "--states", "RUNNING", "--format", "%A").split()
        assert jobs, f"no job runs on {node}: none could be lost"
        self._daemons.pop(node).kill()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (process / "cmdline").read_text(errors="replace")
                own = f"SLURMD_NODENAME={node}" in (process / "environ").read_text(errors="replace").split("\0")
                if own or any(f"slurmstepd: [{job}." in command for job in jobs):
                    os.kill(int(process.name), signal.SIGKILL)

    def stop(self) -> None:
        """Stop what was started."""
        for daemon in reversed([*self._daemons.values()]):
            daemon.terminate()
        for daemon in self._daemons.values():
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(10)
            daemon.kill()

    def says(self, *command: str) -> str:
        """What one of SLURM's commands prints."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    def _begin(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("wb") as log:
            environment = {**os.environ, **self.environment}
            self._daemons[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def _wait_until_idle(self, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(subprocess.CalledProcessError):
                if self.says("sinfo", "--noheader", "--Node", "--format", "%T").split() == ["idle", "idle"]:
                    return
            time.sleep(0.3)
        logs = "".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.out"))
        raise TimeoutError(f"the nodes are not idle after {seconds:g} s: {logs}")

    def _configure(self) -> None:
        host = socket.gethostname().partition(".")[0]
        for name in ("state", "spool-n1", "spool-n2"):
            (self.folder / name).mkdir()
        nodes = "".join(
            f"NodeName=n{k} NodeHostname={host} NodeAddr=127.0.0.1 Port={17000 + k} CPUs=2 RealMemory=2000\n"
            for k in (1, 2)
        )
        self.configuration.write_text(
            f"""\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SchedulerParameters=sched_interval=1,batch_sched_delay=0
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool-%n
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/slurmd-%n.pid
SlurmctldPort=16817
SlurmdTimeout=10
InactiveLimit=0
KillWait=5
OverTimeLimit=0
JobRequeue=1
ReturnToService=2
{nodes}PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""
        )


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster for the time of the block."""
    one = Cluster(folder)
    try:
        one.start()
        yield one
    finally:
        one.stop()
