"""The job script of `deploy/`, with the parts of Slurm that it calls put in place by stand-ins.

They do what Slurm does as far as the script can tell: `srun` starts its command on another host,
with that one's environment, and `scontrol` takes note of what it is asked.
"""

from __future__ import annotations

import shlex
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from orchestration.ledger.documents import Trial
from tests.cluster.conftest import BIN, SWEEP, make_used, trials_of, wait_until
from tests.cluster.hosts import Host, Network, NoNamespacesError
from tests.cluster.test_sweeps import hosts_of

pytestmark = pytest.mark.timeout(1800)  # several hosts, on a machine that may be busy

SCRIPT = Path(__file__).parents[2] / "deploy" / "slurm.sh"
JOB = "4711"
EPOCHS = 40
TWO = (
    SWEEP.replace("epochs: 20", f"epochs: {EPOCHS}")
    .replace("beta: [1e-3, 1e-5]", "beta: [1e-3]")
    .replace("seeds: [0, 1, 2]", "seeds: [0]")
)


class Job:
    """A job of two hosts, started as Slurm starts it: its script on the first one."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.folder = folder
        self.asked = folder / "scontrol.txt"
        self.log = folder / "job.log"
        programs = folder / "bin"
        programs.mkdir()
        path = f"{programs}:{BIN}:/usr/sbin:/usr/bin:/sbin:/bin"
        self.first, self.second = (
            network.add({"PATH": path, "CVAE_SWEEP_CACHE": str(folder / "cache")}) for _ in range(2)
        )
        for name, value in self._environment(self.first).items():
            self.first.environment[name] = value
        self._write(programs / "srun", self._srun())
        self._write(programs / "scontrol", f'#!/bin/sh\necho "$@" >>{shlex.quote(str(self.asked))}')
        (folder / "small.yaml").write_text(TWO)

    def _environment(self, host: Host) -> dict[str, str]:
        """What Slurm says to processes on a host."""
        return {
            "SLURM_JOB_ID": JOB,
            "SLURM_JOB_NUM_NODES": "2",
            "SLURM_CPUS_ON_NODE": "1",
            "SLURMD_NODENAME": host.name,
        }

    def _srun(self) -> str:
        own = self._environment(self.second) | {
            name: self.second.environment[name] for name in ("HOME", "TMPDIR")
        }
        there = ["env", *(f"{name}={value}" for name, value in own.items()), *self.second.command()]
        lines = (
            "#!/bin/sh",
            'while [ "${1#--}" != "$1" ]; do shift; done',
            f'exec {shlex.join(there)} "$@"',
        )
        return "\n".join(lines)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text + "\n")
        path.chmod(0o755)

    def start(self) -> subprocess.Popen[str]:
        """Start the script, also again."""
        command = ("bash", str(SCRIPT), "small.yaml", "--storage", str(self.storage))
        return self.first.start(*command, cwd=self.folder, log=self.log)

    @property
    def storage(self) -> Path:
        return self.folder / "runs"

    @property
    def token(self) -> Path:
        return Path(self.first.environment["HOME"], f".cvae-sweep-slurm-{JOB}", "token")

    def trials(self) -> dict[str, Trial]:
        """Of the ledger, by key; empty where there is none yet."""
        return trials_of(self.storage / "small")

    def left_behind(self) -> list[str]:
        """Processes and temporary files of both hosts."""
        hosts = (self.first, self.second)
        processes = [each for host in hosts for each in host.processes()]
        files = [path for host in hosts for path in host.temporary.rglob("*ray-*")]
        private = self.token.parents[1].glob(".cvae-sweep-slurm-*")
        return [str(each) for each in (*processes, *files, *private)]


@pytest.fixture
def job(network: Network, tmp_path: Path, empty_database: Path) -> Job:
    try:
        made = Job(network, tmp_path)
    except NoNamespacesError as error:
        pytest.skip(f"no hosts can be made here: {error}")
    make_used(made.storage, empty_database)
    return made


def test_a_job_that_is_pre_empted_goes_on_when_it_is_started_again(job: Job) -> None:
    process = job.start()
    both = {job.first.name, job.second.name}
    wait_until(
        lambda: hosts_of(job.trials()) == both or process.poll() is not None, "epoch on each host"
    )
    assert process.poll() is None, job.log.read_text()
    assert stat.S_IMODE(job.token.stat().st_mode) == 0o600
    assert stat.S_IMODE(job.token.parent.stat().st_mode) == 0o700
    process.send_signal(signal.SIGUSR1)
    assert process.wait(300) == 130, job.log.read_text()
    said = job.log.read_text()
    assert "2 trials at a time" in said
    assert "To continue:" in said
    assert job.asked.read_text() == f"requeue {JOB}\n"
    assert job.left_behind() == []
    before = job.trials()
    assert {trial.state for trial in before.values()} == {"pending"}

    process = job.start()
    assert process.wait(900) == 0, job.log.read_text()
    after = job.trials()
    assert {trial.state for trial in after.values()} == {"finished"}
    for key, trial in after.items():
        kept = before[key].epochs
        assert trial.epochs[: len(kept)] == kept, "nothing was trained again"
        assert len(trial.epochs) == EPOCHS
    assert job.asked.read_text() == f"requeue {JOB}\n", "it was finished"
    assert job.left_behind() == []
