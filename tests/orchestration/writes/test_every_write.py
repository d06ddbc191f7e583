"""A small sweep, cut off at each of its writes in turn, continues as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cvae_core.data import Dataset, Images
from cvae_core.evaluation.parts import PARTS
from orchestration import store
from orchestration.errors import UserError
from orchestration.ledger.documents import Evaluated, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import DRAWN
from orchestration.ledger.paths import HOLDER, PROCESSES
from tests.orchestration.writes.disk import Cut, Disk, Files, Record
from tests.orchestration.writes.driver import Driver, Work
from tests.orchestration.writes.sources import calls, tells_store

pytestmark = [pytest.mark.slow, pytest.mark.cuts]

NAME = "small"
OFF: dict[str, Any] = dict.fromkeys(PARTS, False)
BASE = {
    "epochs": 3,
    "batch_size": 128,
    "learning_rate": 1e-3,
    "architecture": {"channels": [4, 8], "latent_dim": 4},
}
SWEEPS: dict[str, dict[str, Any]] = {
    "search": {
        "base": {**BASE, "epochs": 2, "model": "cvae"},
        "search": {
            "trials": 2,
            "startup": 1,
            "replicates": 1,
            "space": {"beta": {"log": [1e-8, 1e-1]}},
            "objectives": [{"metric": "val/reconstruction", "direction": "minimize"}],
        },
        "scheduler": {
            "name": "asha",
            "metric": "val/reconstruction",
            "grace_epochs": 1,
            "reduction": 2,
        },
        "evaluation": {**OFF, "probe_every": 0, "diagnostics": True},
    },
    # The last of its trials fails.
    "grid": {
        "base": BASE,
        "grid": {"learning_rate": [1e-3, 1e30]},
        "baselines": ["untrained"],
        "checkpoints": {"every_epochs": 2, "keep": 1},
        "evaluation": {
            **OFF,
            "probe_every": 2,
            "probe": {"protocols": ["standard"], "neighbours": None},
            "pictures": True,
            "fd": {"n": 50, "sources": ["prior"], "manifold": False},
        },
    },
}
BY_CHANCE = {"created", "began", "ended", "sweep_id"}
"""Of documents, what is another one each time: nothing goes by it."""
BLOCKS = 3
"""Tests that each sweep's cuts are dealt to."""
EVERY = 12
"""Of so many continuations one is cut off as well, at two instants."""
KINDS = {
    "artifacts",
    "checkpoints",
    "extractors",
    "holder.json",
    "logs",
    "processes.json",
    "studies",
    "sweep.json",
    "tracking.json",
    "trials",
}
"""What is written below a sweep's folder, by the first part of its path."""
APPENDED = {"lock", "logs/ray.log"}
"""What is opened elsewhere: the lock, which stays empty, and what Ray prints."""
OTHERS = {
    "doctor.filesystem._try": "tries a folder out",
    "engine.node_checks._asked": "a word for every node of a cluster, taken away again",
    "engine.results.Results.stop": "asks workers for checkpoints, by a file that goes again",
    "engine.results.Results._pack_reported": "tells a worker which trial has left its pack",
    "ledger.recovery.mend": "puts the version before in the place of a damaged document",
    "ledger.recovery.remove_unfinished": "what lost workers have left: none here",
    "cli.report.command": "a page that a person has asked for",
    "ledger.ledger.Ledger.link": "what other sweeps have trained: cut off in a test of its own",
    "ledger.ledger.Ledger.write": "the same",
    "run.rescue.begin_anew": "what a program leaves behind under which Ray has died",
    "run.end.ended_early": "the traceback of an error of cvae-sweep itself",
    "tracking.database.make_database": "MLflow's, whose making is cut off in a test of its own",
    "ledger.lock.made_and_locked": "removes the folder of a sweep that never began",
    "compare.drawn.note_drawn": "removes figures that later results leave out",
    "run.stop.stop_sweep": "asks, from another process, for an end",
    "run.stop.stoppable.look": "drops that request",
    "ledger.processes._temporary_folder": "removes one in which nothing can be written",
    "tracking.model.save_model": "removes what an export that was cut off has left",
    "ledger.lock.note_ending": "says that it was heard",
}
"""Functions that call the store and are not reached here, and what they do with it."""


@dataclass
class Undisturbed:
    """A sweep that nothing happened to, with all that could have been cut off."""

    driver: Driver
    folder: Path
    code: int
    work: Work
    record: Record


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, small: Dataset, disk: Disk, figures: None
) -> dict[str, Undisturbed]:
    train, test = small.train, small.test
    data = Dataset(
        "digits",
        Images(train.pixels[:120], train.labels[:120]),
        Images(test.pixels[:60], test.labels[:60]),
        small.classes,
    )
    found = {}
    for name, sections in SWEEPS.items():
        checkpoints = sections.get("checkpoints", {}) | {"min_interval_s": 0}
        driver = Driver(data, sections | {"name": NAME, "checkpoints": checkpoints})
        storage = tmp_path_factory.mktemp(name)
        with disk.watching(storage / NAME) as record:
            code = driver.run(storage)
        found[name] = Undisturbed(driver, storage / NAME, code, driver.work, record)
    return found


@pytest.fixture(scope="module")
def figures() -> Iterator[None]:
    """Drawn in no time, as are the pictures of trials."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "orchestration.compare.figure_files.search_figures",
            lambda _: {"a.png": b"picture", "b.png": b"picture"},
        )
        patch.setattr(
            "orchestration.report.report_file.report_of", lambda *_, **__: "<!doctype html>"
        )
        yield


def told(folder: Path) -> dict[str, Any]:
    """All that was asked, decided, measured and kept; neither times nor attempts."""
    ledger = Ledger.open(folder)
    trials = {
        key: {
            "state": trial.state,
            "config": trial.config,
            "epochs": [(epoch.epoch, epoch.metrics) for epoch in trial.epochs],
            "decisions": [decision.model_dump() for decision in trial.decisions],
            "checkpoints": [(ref.epoch, ref.sha256) for ref in trial.checkpoints],
            "evaluations": evaluations(trial.evaluations),
            "error": trial.error and (trial.error.kind, trial.error.message),
            "run": trial.run_id,
        }
        for key, trial in ledger.trials.items()
    }
    sweep = ledger.sweep
    return {
        "trials": trials,
        "studies": {key: study.model_dump() for key, study in ledger.studies.items()},
        "plan": (sweep.plan, sweep.studies, sweep.spec),
        "sweep": (sweep.outcome, sweep.parent_run_id, evaluations(sweep.evaluations)),
    }


def evaluations(parts: dict[str, Evaluated]) -> dict[str, Any]:
    found = {}
    for entry, part in parts.items():
        # A comparison of searches, and the report, also say what they took.
        same = [part.settings, part.artifacts] if entry not in DRAWN else []
        paths = [ref.path for ref in part.artifacts]
        found[entry] = (part.state, part.metrics, part.facts, part.warnings, paths, *same)
    return found


def check_files(folder: Path) -> None:
    """Every file that is named is there and whole; of checkpoints and artifacts no others are."""
    ledger = Ledger.open(folder)
    named: dict[str, str] = {}
    for trial in ledger.trials.values():
        named |= {ref.path: ref.sha256 for ref in trial.checkpoints}
    for parts in (ledger.sweep, *ledger.trials.values()):
        for part in parts.evaluations.values():
            named |= {ref.path: ref.sha256 for ref in part.artifacts}
    for path, digest in named.items():
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == digest, path
    there = {path.relative_to(folder).as_posix() for path in files_of(folder)}
    assert not [path for path in there if path.endswith(store.PART)]
    for path in files_of(folder):
        if path.name.endswith(store.PREVIOUS) and path.parent.name == "trials":
            before = Trial.model_validate(store.read_document(path))
            named |= {ref.path: ref.sha256 for ref in before.checkpoints[-1:]}
    assert {p for p in there if p.startswith(("checkpoints/", "artifacts/"))} == set(named)


def files_of(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def names(folder: Path) -> set[str]:
    """Documents and results of a sweep, whatever the numbers of the attempts that made them."""
    found = [p.relative_to(folder).as_posix() for p in files_of(folder)]
    return {re.sub(r"\ba\d+\b", "a", name) for name in found if not name.endswith(store.PREVIOUS)}


def left_to_do(whole: Undisturbed, folder: Path) -> tuple[Counter[Any], Counter[Any]]:
    """What a continuation has to do: what is finished is not done again, and of what is not
    finished only what comes after the last checkpoint that the ledger names."""
    try:
        trials = Ledger.open(folder).trials
    except UserError:  # it was cut off before there was a ledger
        trials = {}
    epochs = Counter(
        (key, epoch)
        for key, epoch in whole.work.trained
        if epoch > (_trained(trials[key]) if key in trials else 0)
    )
    ended = Counter(
        (key, entry)
        for key, entry in whole.work.ended
        if not (key in trials and _has_ended(trials[key], entry))
    )
    return epochs, ended


def _trained(trial: Trial) -> float:
    if trial.state in ("finished", "stopped", "failed"):
        return float("inf")
    return max((ref.epoch for ref in trial.checkpoints), default=0)


def _has_ended(trial: Trial, entry: str) -> bool:
    if not entry:
        return trial.state == "failed"
    # What a baseline has not is absent, and not asked for again.
    ended = ("finished", "absent")
    return entry in trial.evaluations and trial.evaluations[entry].state in ended


def put(files: Files, folder: Path) -> None:
    """Make a folder what it was at a cut."""
    if folder.exists():
        shutil.rmtree(folder)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class Seen(BaseException):
    """From here on it was continued before."""


class Continuing:
    """Continues from cuts, each state of the disk once: many cuts recover to the same."""

    def __init__(self, whole: Undisturbed, storage: Path, disk: Disk) -> None:
        self._whole = whole
        self._disk = disk
        self._told = told(whole.folder)
        self._names = names(whole.folder)
        self._storage = storage
        self._seen: set[str] = set()
        self.folder = storage / NAME

    def after(self, cut: Cut, *, watched: bool = False) -> Record | None:
        """Continue; it has to come out as if undisturbed.

        Returns:
            What the continuation changed, if it was ``watched``; None where it would have been
            one that was there before.
        """
        put(cut.files, self.folder)
        left = left_to_do(self._whole, self.folder)
        driver = self._whole.driver
        watching = self._disk.watching(self.folder) if watched else nullcontext(Record())
        try:
            with watching as record:
                code = driver.run(self._storage, self._recovered)
        except Seen:
            return None
        assert code == self._whole.code
        assert told(self.folder) == self._told
        check_files(self.folder)
        assert names(self.folder) == self._names
        assert (Counter(driver.work.trained), Counter(driver.work.ended)) == left
        return record

    def _recovered(self) -> None:
        digest = state_of(self.folder)
        if digest in self._seen:
            raise Seen
        self._seen.add(digest)


def state_of(folder: Path) -> str:
    """A hash of what a continuation can see: nothing of the present driver, no times, no drawn
    ids, and of previous versions, which count where a document is damaged, the checkpoints alone.
    """
    digest = hashlib.sha256()
    for path in files_of(folder):
        if path.name in (PROCESSES, HOLDER) or path.name.endswith(store.PREVIOUS):
            continue
        try:
            content = json.dumps(_without_chance(store.read_document(path))).encode()
        except UserError:
            content = path.read_bytes()
        digest.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _without_chance(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _without_chance(v) for name, v in content.items() if name not in BY_CHANCE}
    return [_without_chance(each) for each in content] if isinstance(content, list) else content


def kind_of(cut: Cut) -> str:
    """A change by what is done and in which part of the folder."""
    what, _, names = cut.label.rpartition(" of " if " of " in cut.label else " in ")
    parts = (re.split(r"[/.]", name.removeprefix("."))[0] for name in names.split())
    return " ".join((what, *parts))


def chosen(cuts: list[Cut]) -> list[Cut]:
    """Of each kind of change one by chance, and the last; all of them with EVERY_CUT, as `make e2e`
    sets it."""
    if os.environ.get("EVERY_CUT"):
        return cuts
    kinds: dict[str, list[int]] = {}
    for number, cut in enumerate(cuts):
        kinds.setdefault(kind_of(cut), []).append(number)
    drawn = {random.Random(kind).choice(numbers) for kind, numbers in kinds.items()}
    return [cuts[number] for number in sorted(drawn | {len(cuts) - 1})]


@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.parametrize("name", SWEEPS)
def test_cut_off_at_every_write_it_goes_on_as_if_nothing_had_happened(
    runs: dict[str, Undisturbed], tmp_path: Path, disk: Disk, name: str, block: int
) -> None:
    """Some are cut off once more while they continue."""
    cuts = chosen(runs[name].record.cuts)
    size = -(-len(cuts) // BLOCKS)
    continuing = Continuing(runs[name], tmp_path, disk)
    chance = random.Random(block)
    for number, cut in enumerate(cuts[block * size : (block + 1) * size]):
        again = continuing.after(cut, watched=number % EVERY == 0)
        for second in chance.sample(again.cuts, 2) if again and again.cuts else []:
            continuing.after(second)


def test_every_function_that_writes_is_reached(
    runs: dict[str, Undisturbed], tmp_path: Path, disk: Disk
) -> None:
    whole = runs["search"]
    cuts = whole.record.cuts
    written = [n for n, cut in enumerate(cuts) if cut.label.startswith("half-way in checkpoints")]
    # Half a checkpoint is there, or a whole one that no document names yet.
    records = [whole.record for whole in runs.values()]
    for number in (written[-1], written[-1] + 1):
        continued = Continuing(whole, tmp_path, disk).after(cuts[number], watched=True)
        assert continued is not None
        records.append(continued)
    written = {path.removesuffix(store.PREVIOUS) for r in records for path in r.written}
    assert {path.partition("/")[0] for path in written} == KINDS
    assert set().union(*(record.elsewhere for record in records)) == APPENDED
    reached = set().union(*(record.writers for record in records))
    assert reached.isdisjoint(OTHERS)
    assert reached | set(OTHERS) == calls(tells_store, "orchestration")
