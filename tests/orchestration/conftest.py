from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from filelock import FileLock
from numpy.typing import NDArray

from cvae_core.data import Dataset, Images, load_dataset
from cvae_core.evaluation.maps import reducer
from cvae_core.evaluation.parts import PARTS
from orchestration.cli.main import carry_out
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.listener import Listener
from orchestration.engine.queue import Queue
from orchestration.engine.reports import EpochReport, Report
from orchestration.engine.results import Results
from orchestration.engine.retention import Retention
from orchestration.engine.worker import Worker
from orchestration.ledger.documents import Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.recovery import recover
from orchestration.plan.evaluation_tasks import Wish
from orchestration.plan.plan import Plan, make_plan
from orchestration.plan.shared_map_tasks import missing
from orchestration.run.start import enter_study
from orchestration.spec.layers import Layers
from orchestration.spec.reading import load_spec, parse_spec
from orchestration.spec.sweep import SweepSpec
from orchestration.sqlite import sqlite_path
from orchestration.tracking.database import make_database
from tests.orchestration.clock import Clock
from tests.orchestration.written import Written

BASE: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 64,
    "learning_rate": 1e-3,
    "architecture": {"channels": [4, 8], "latent_dim": 4},
}
DRAWINGS = (
    *("diagnostics.part.kl_bars_png", "probes.part.confusion_png"),
    *("pictures.part.curves_png", "pictures.part.png", "maps.part.one_map"),
    *("maps.shared_map.many_maps", "distances.judge.sources_png"),
)
ONLY_PROBE = dict.fromkeys(PARTS, False) | {
    "probe": {"protocols": ["standard"], "neighbours": None}
}
"""One regression of the nine, and no neighbours: all of them are asked for where they matter."""


class LocalSweep:
    """A small sweep on digits, worked off in this process."""

    def __init__(self, folder: Path, data: Dataset, sections: dict[str, Any]) -> None:
        base = {**BASE, **sections.pop("base", {})}
        content = {
            "name": "small",
            "base": base,
            "checkpoints": {"min_interval_s": 0},
            "baselines": False,
            **sections,
            "evaluation": ONLY_PROBE | sections.get("evaluation", {}),
        }
        self.folder = folder
        self.spec: SweepSpec = parse_spec(Layers(Path("small.yaml"), content, {}))
        self.plan: Plan = make_plan(self.spec)
        self.keys = list(self.plan.trials)
        self.warnings: list[str] = []
        """What was warned of while it ran."""
        self._data = data

    def open(self) -> Ledger:
        """As a driver opens it: what was running is put back in line."""
        if Ledger.exists(self.folder):
            ledger = Ledger.open(self.folder)
        else:
            sweep = Sweep(name="small", sweep_id="1", created=0.0, spec={}, plan=[])
            ledger = Ledger.create(self.folder, sweep)
        for study in self.plan.studies.values():
            enter_study(ledger, self.spec, study)
        ledger.sweep.studies = list(self.plan.studies)
        if ledger.sweep.plan != self.keys or ledger.sweep.spec != self.spec.model_dump(mode="json"):
            ledger.sweep.plan = self.keys
            ledger.sweep.spec = self.spec.model_dump(mode="json")
            ledger.save_sweep()
        recover(ledger)
        return ledger

    def queue(self, ledger: Ledger, wish: Wish | None = None, **options: Any) -> Queue:
        """``slots`` and ``clock`` as options."""
        return Queue(self.spec, self.plan, ledger, wish, **options)

    def worker(self) -> Worker:
        return Worker({"digits": self._data}, self.folder, threads=1, gpu=False)

    def results(self, ledger: Ledger, queue: Queue, listener: Listener | None = None) -> Results:
        retention = Retention(self.spec, self.warnings.append)
        listener = listener or Listener()
        return Results(self.spec, ledger, queue, listener, retention)

    def run(self, *, stop_after: int | None = None) -> dict[str, Trial]:
        """Run or continue; at the end of so many epochs in all, everything is told to stop."""
        ledger = self.open()
        queue = self.queue(ledger)
        results = self.results(ledger, queue)
        epochs = 0

        class Interrupting(Worker):
            def step(self) -> Report:
                nonlocal epochs
                report = super().step()
                epochs += isinstance(report, EpochReport)
                if epochs == stop_after:
                    results.stopping = queue.closed = True
                return report

        worker = Interrupting({"digits": self._data}, self.folder, threads=1, gpu=False)
        InProcessEngine(worker).work(queue, results)
        return Ledger.open(self.folder).trials

    def evaluate(self, wish: Wish | None = None) -> dict[str, Trial]:
        """Add the evaluations that are wished for; train nothing."""
        wish = wish or Wish()
        ledger = self.open()
        evaluation = self.spec.evaluation
        ledger.forget_missing(missing(ledger, evaluation, wish))
        queue = self.queue(ledger, wish)
        InProcessEngine(self.worker()).work(queue, self.results(ledger, queue))
        return Ledger.open(self.folder).trials


@pytest.fixture(autouse=True, scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What workers share lies in a folder of the tests: small classifiers are trained once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CVAE_SWEEP_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True, scope="module")  # the core's tests may run in the same process
def classifiers_are_hardly_trained() -> Iterator[None]:
    """How good FD's own classifier becomes is tested with the core; here it need only be one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvae_core.evaluation.distances.classifier.MOST_EPOCHS", 2)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_power_is_cut() -> Iterator[None]:
    """What is written is there for whoever reads it here; disks take their time to keep it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def databases_are_copied(shared_folder: Callable[[str], Path]) -> Iterator[None]:
    """MLflow makes an empty database in a second, by all the migrations that it ever had: once.

    And what it asks these for whenever it opens one, which is which is the last, once as well.
    """
    tracker = sys.modules.get("orchestration.tracking.tracker")
    if tracker is None:
        yield
        return
    template = shared_folder("mlflow") / "empty.db"

    def make(path: Path, create: Callable[[str], object]) -> None:
        with FileLock(template.with_suffix(".lock")):
            make_database(template, create)
        make_database(path, lambda uri: shutil.copyfile(template, str(sqlite_path(uri))))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracker, "make_database", make)
        from mlflow.store.db import utils

        last = cache(utils._get_latest_schema_revision)
        patch.setattr(utils, "_get_latest_schema_revision", last)
        yield


@pytest.fixture(autouse=True, scope="session")
def sqlite_waits_for_no_disk() -> Iterator[Callable[..., None] | None]:
    """As nothing else does here, see ``no_power_is_cut``; what it does at each connection."""
    if "sqlalchemy" not in sys.modules:
        yield None
        return
    from sqlalchemy import Engine, event

    def trust(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", trust)
    yield trust
    event.remove(Engine, "connect", trust)


@pytest.fixture(autouse=True, scope="module")
def threads_as_before() -> Iterator[None]:
    """Workers hold this process to one thread; other tests are to find what they had."""
    threads, environment = torch.get_num_threads(), dict(os.environ)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    os.environ.clear()
    os.environ.update(environment)
    if "numba" in sys.modules:
        # Once its threads run, it compiles nothing more under another number.
        os.environ["NUMBA_NUM_THREADS"] = str(sys.modules["numba"].config.NUMBA_NUM_THREADS)


@pytest.fixture(autouse=True, scope="module")
def drawn_in_no_time() -> Iterator[None]:
    """Pictures of a trial are two thirds of what its small sweep takes; what is on them is tested
    with the core, and that real ones arrive, end to end."""

    def png(*_: object, **__: object) -> bytes:
        return b"picture"

    with pytest.MonkeyPatch.context() as patch:
        for drawing in DRAWINGS:
            patch.setattr(f"cvae_core.evaluation.{drawing}", png)
        yield


@pytest.fixture(autouse=True, scope="module")
def laid_out_in_no_time() -> Iterator[None]:
    """A map is what it always refuses, and else two latents: UMAP is tested with the core."""
    real = reducer.reduce

    def reduce(
        points: NDArray[np.float32], *arguments: Any
    ) -> Iterator[float | NDArray[np.float32]]:
        yield next(real(points, *arguments))
        yield points[:, :2]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reducer, "reduce", reduce)
        yield


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importances of a search from four trees, not 64: how good they are is tested with studies."""
    from optuna.importance import FanovaImportanceEvaluator

    evaluator = partial(FanovaImportanceEvaluator, n_trees=4)
    monkeypatch.setattr("orchestration.study.advisor.FanovaImportanceEvaluator", evaluator)


@pytest.fixture(scope="session")
def small() -> Dataset:
    """160 digits to train on: an epoch takes some hundredths of a second."""
    digits = load_dataset("digits")
    return Dataset(
        "digits",
        Images(digits.train.pixels[:160], digits.train.labels[:160]),
        Images(digits.test.pixels[:100], digits.test.labels[:100]),
        digits.classes,
    )


@pytest.fixture(scope="session")
def sweep_in(small: Dataset) -> Callable[..., LocalSweep]:
    """``sweep_in(folder, grid=…)``: sections of the sweep file by name."""

    def make(folder: Path, *, data: Dataset | None = None, **sections: Any) -> LocalSweep:
        return LocalSweep(folder, data or small, sections)

    return make


@pytest.fixture
def local_sweep(tmp_path: Path, sweep_in: Callable[..., LocalSweep]) -> Callable[..., LocalSweep]:
    """``local_sweep("folder", grid=…)``: the same in a folder of the test's own."""

    def make(folder: str = "sweep", **sections: Any) -> LocalSweep:
        return sweep_in(tmp_path / folder, **sections)

    return make


@pytest.fixture(scope="session")
def kept(
    tmp_path_factory: pytest.TempPathFactory, sweep_in: Callable[..., LocalSweep]
) -> Callable[..., Path]:
    """``kept(grid=…, stop_after=4)``: the folder of such a sweep, run once, as the first to ask
    has it: so ask before anything is patched, and write nothing there."""
    found: dict[str, Path] = {}

    def run(*, stop_after: int | None = None, **sections: Any) -> Path:
        wanted = json.dumps([sections, stop_after], sort_keys=True)
        if wanted not in found:
            folder = tmp_path_factory.mktemp("kept") / "sweep"
            sweep_in(folder, **sections).run(stop_after=stop_after)
            found[wanted] = folder
        return found[wanted]

    return run


@pytest.fixture
def ran(
    tmp_path: Path, sweep_in: Callable[..., LocalSweep], kept: Callable[..., Path]
) -> Callable[..., LocalSweep]:
    """``ran("folder", grid=…, stop_after=4)``: as ``local_sweep``, but run: a kept one, copied."""

    def make(
        folder: str = "sweep", *, stop_after: int | None = None, **sections: Any
    ) -> LocalSweep:
        shutil.copytree(kept(stop_after=stop_after, **sections), tmp_path / folder)
        return sweep_in(tmp_path / folder, **sections)

    return make


@pytest.fixture(scope="session")
def undisturbed(kept: Callable[..., Path]) -> Callable[..., dict[str, Trial]]:
    """``undisturbed(grid=…)``: what came of such a sweep that nothing happened to, run once."""
    return lambda **sections: Ledger.open(kept(**sections)).trials


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Written]:
    """``written("name")``: a ledger of that name, of trials that nobody has trained."""
    return lambda name="mine": Written(tmp_path / name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., SweepSpec]:
    """``load(text, "key=value", …)``: a sweep file of this text, validated."""

    def read(text: str, *overrides: str) -> SweepSpec:
        path = tmp_path / "sweep.yaml"
        path.write_text(text)
        return load_spec(path, overrides)

    return read


class Done(NamedTuple):
    """What came of a command, as of a process."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """``command(folder, "plan", …)``: the command line in this process, at work in a folder.

    A process of its own takes seconds for its imports, and is for what this cannot show: the
    installed program, what it imports, its streams and its signals.
    """

    def call(folder: Path, *arguments: str) -> Done:
        for name in os.environ:
            if name.startswith("MLFLOW"):
                monkeypatch.delenv(name)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["cvae-sweep", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            carry_out()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parents[2]
