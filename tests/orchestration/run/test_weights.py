"""A file of weights that a sweep file names, seen by a worker that works elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.worker import Worker
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.processes import ProcessRecord
from orchestration.run.request import Flags, Request
from orchestration.run.runner import run_sweep
from orchestration.run.sweep_run import SweepRun
from orchestration.signals import ended_by_signals
from orchestration.spec.reading import load_spec
from orchestration.terminal.console import Console

SPEC = """\
name: small
baselines: false
base: {data: {name: digits}, epochs: 1, architecture: {channels: [4, 8], latent_dim: 4}}
evaluation:
  {probe: false, probe_every: 0, umap: false, fd: false, pictures: false, diagnostics: false,
   fid: {n: 50, weights: weights/inception.pth}}
"""


@pytest.mark.slow
def test_files_of_weights_lie_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_takes_everything: None
) -> None:
    weights = tmp_path / "weights" / "inception.pth"
    weights.parent.mkdir()
    weights.write_bytes(b"not what is expected")
    (tmp_path / "sweep.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)

    @contextmanager
    def elsewhere(run: SweepRun, processes: ProcessRecord) -> Iterator[InProcessEngine]:
        worker = Worker(run.data.sets, run.request.folder.resolve(), threads=1, gpu=False)
        with monkeypatch.context() as moved:
            moved.chdir(processes.temporary)
            yield InProcessEngine(worker)

    spec, out = load_spec(Path("sweep.yaml")), io.StringIO()
    with ended_by_signals() as signals:
        flags = Flags(directory=tmp_path)
        request = Request(spec, tmp_path / "runs", "by hand", flags)
        code = run_sweep(request, Console(out), signals, elsewhere)
    assert code == 1
    assert "evaluation (fid) failed: " in out.getvalue()
    (trial,) = Ledger.open(tmp_path / "runs" / "small").trials.values()
    part = trial.evaluations["fid"]
    assert trial.state == "finished"
    assert part.error is not None
    assert f"{weights} has SHA-256 " in part.error.message
    assert part.settings["weights"] == str(weights)
