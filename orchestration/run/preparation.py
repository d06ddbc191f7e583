"""What ``run`` was asked to do, and what can be checked before it begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvae_core.baselines import BASELINES
from cvae_core.config import DataConfig
from cvae_core.errors import ConfigError, DataError
from cvae_core.evaluation.parts import PARTS
from cvae_core.sizes import check_batches, check_groups
from orchestration.errors import UserError
from orchestration.ledger.ledger import Ledger
from orchestration.plan import datasets
from orchestration.plan.data_view import also_in_train, twice_in_train
from orchestration.plan.memory import too_large, total_memory
from orchestration.plan.plan import Plan, make_plan
from orchestration.run.request import Request
from orchestration.spec.checks.fd_names import fd_of
from orchestration.terminal.console import Console
from orchestration.words import count

if TYPE_CHECKING:
    from cvae_core.data import Dataset


@dataclass(frozen=True)
class SweepData:
    """The data sets of a sweep, by ``DataConfig.dataset``."""

    sets: dict[str, Dataset]
    fingerprints: dict[str, str]

    @property
    def images(self) -> dict[str, dict[str, int]]:
        """How many images each has."""
        return {n: {"train": len(d.train), "test": len(d.test)} for n, d in self.sets.items()}

    @property
    def nbytes(self) -> int:
        """Bytes of all images, as workers share them."""
        return sum(d.train.pixels.nbytes + d.test.pixels.nbytes for d in self.sets.values())


def plan_of(request: Request, console: Console) -> Plan:
    """The trials of a request; the images of folders are looked at, because keys depend on them.

    Raises:
        UserError: a folder of images is missing or not as it should be.
    """
    known: dict[str | None, str] = {}

    def content(config: DataConfig) -> str:
        if config.path not in known:
            root = request.flags.root_of(config)
            try:
                known[config.path] = datasets.content(config, root, console)
            except UserError as error:
                moved = (
                    "where the folder was moved, run the sweep file with --set data.path=NEW; "
                    "finished trials stay finished"
                )
                raise UserError(*error.lines, *([moved] if request.stored_plan else [])) from None
        return known[config.path]

    return make_plan(request.spec, content)


def prepare(request: Request, plan: Plan, ledger: Ledger, console: Console) -> SweepData:
    """Load the data and check what can be checked before the sweep begins.

    Raises:
        UserError: the request cannot be carried out here.
    """
    from joblib import cpu_count

    if request.flags.address is not None:
        from orchestration.engine.ray_address import check_address

        check_address(request.flags.address)
    elif request.spec.resources.threads > cpu_count():
        raise UserError(
            f"resources.cpu: a trial asks for {request.spec.resources.cpu} CPUs, and this machine "
            f"has {cpu_count()}; lower it in the sweep file or with --set resources.cpu=1"
        )
    _check_pool(request)
    _check_gpus(request)
    loaded = {
        name: datasets.load(config, request.flags.root_of(config), console)
        for name, config in plan.datasets.items()
    }
    if request.wish is None:
        _check_files(request, plan, ledger)
        _check_images(plan, ledger, loaded)
        _check_metrics(request, plan, ledger, loaded, console)
    _check_models(request, plan, ledger, loaded)
    _say_left_out(plan, loaded, console)
    fingerprints = {name: dataset.fingerprint() for name, dataset in loaded.items()}
    for name, fingerprint in fingerprints.items():
        if ledger.sweep.data.get(name, fingerprint) != fingerprint:
            root = request.flags.root_of(plan.datasets[name])
            raise UserError(
                f"{name} under {root} is not the data that {request.folder} was begun with; "
                "name that data with --data-root, or give the sweep another name"
            )
    _warn_of_letters(request, loaded, console)
    return SweepData(loaded, fingerprints)


def _warn_of_letters(request: Request, sets: Mapping[str, Dataset], console: Console) -> None:
    """Say, once, which letters of names no font here has."""
    from cvae_core.evaluation.fonts import no_font_for

    names = [name for dataset in sets.values() for name in dataset.classes]
    boxes = no_font_for([request.spec.name, *names])
    if boxes is not None and request.spec.evaluation.wanted():
        console.warning(boxes)


def _check_files(request: Request, plan: Plan, ledger: Ledger) -> None:
    """Refuse files that evaluations name and that are not here; a cluster's nodes may have them.

    Raises:
        UserError: it names the setting.
    """
    evaluation = request.spec.evaluation
    named = [part for part in evaluation.wanted() if PARTS[part].paths]
    for part in [] if request.flags.address else named:
        trials = [ledger.trials.get(key) for key in (*plan.trials, *ledger.planned_keys())]
        if trials and all(t is not None and part in t.evaluations for t in trials):
            continue  # it is not needed any more
        for name in PARTS[part].paths:
            path = getattr(evaluation.settings_of(part), name)
            if path is None or _is_file(path):
                continue
            setting = f"evaluation.{part}.{name}"
            advice = "name the one that is meant, or leave the setting out"
            if request.stored_plan:
                advice = (
                    f"put it back, or run the sweep file with --set {setting}=NEW; finished trials "
                    "stay finished"
                )
            raise UserError(f"{setting}: {path} is not a file; {advice}")


def _is_file(path: str) -> bool:
    with suppress(OSError, RuntimeError):  # of a folder that is not there, or of nobody's home
        return Path(path).expanduser().is_file()
    return False


def _check_metrics(
    request: Request,
    plan: Plan,
    ledger: Ledger,
    loaded: Mapping[str, Dataset],
    console: Console,
) -> None:
    """Refuse to go by a distance on validation of another name than it comes to have.

    Of a folder of images it is known only now how many are held out, and so what is measured. A
    sweep that has begun goes on, as a name is part of its trials' keys.

    Raises:
        UserError: it names the metric, and the right one.
    """
    spec = request.spec
    n = spec.evaluation.settings_of("fd").n
    of_all = [("scheduler.metric", spec.scheduler.metric)] if spec.scheduler else []
    of_all += [
        ("search.objectives", o.metric) for o in (spec.search.objectives if spec.search else ())
    ]
    began = any(trial.attempts for trial in ledger.trials.values())
    for config in plan.configs:
        right = fd_of(config.data, n, len(loaded[config.data.dataset].train))
        for setting, metric in (*of_all, ("selection.metric", config.selection.metric)):
            if metric.startswith("val/fd_") and metric != right:
                said = f"{setting}: {metric} is not measured here; what is, is {right}"
                if not began:
                    raise UserError(said)
                console.warning(said)
                return


def _check_images(plan: Plan, ledger: Ledger, loaded: Mapping[str, Dataset]) -> None:
    """Refuse trials that cannot be trained on their images; of searches, what all would share.

    Raises:
        UserError: too few images to split, or to normalise over.
    """
    from cvae_core.data.splits import check_split, validation_count

    reasons: Counter[str] = Counter()
    examples = {study.key: study.example for study in plan.studies.values()}
    for key, config in (plan.trials | examples).items():
        trial = ledger.trials.get(key)
        if trial is not None and (trial.is_trained or trial.state == "failed"):
            continue
        data, share = loaded[config.data.dataset], config.data.validation_fraction
        try:
            check_split(len(data.train), share)
            if key not in examples:
                check_groups(config, data.image_shape)
            if key not in examples and (
                config.model not in BASELINES or config.model == "supervised"
            ):
                kept = len(data.train) - validation_count(len(data.train), share)
                check_batches(config, data.image_shape, kept)
        except (DataError, ConfigError) as error:
            reasons[str(error)] += 1
    if reasons:
        trials = count(len(plan.configs), "trial")
        raise UserError(
            *(f"{number} of {trials} cannot be trained: {said}" for said, number in reasons.items())
        )


def _check_models(
    request: Request, plan: Plan, ledger: Ledger, loaded: Mapping[str, Dataset]
) -> None:
    """Refuse what this machine could never train; elsewhere, and of searches, a worker finds out.

    Raises:
        UserError: there are trials still to be trained whose parameters exceed its memory.
    """
    local = request.flags.address is None and not request.spec.resources.gpu
    if not local or request.wish is not None:
        return
    memory = total_memory()
    reasons: Counter[str] = Counter()
    for key, config in plan.trials.items():
        trial = ledger.trials.get(key)
        ended = trial is not None and (trial.is_trained or trial.state == "failed")
        shape = loaded[config.data.dataset].image_shape
        if not ended and (reason := too_large(config, shape, memory)) is not None:
            reasons[reason] += 1
    if reasons:
        trials = count(len(plan.trials), "trial")
        raise UserError(
            *(
                f"{number} of {trials} cannot be trained on this machine: {reason}"
                for reason, number in reasons.items()
            )
        )


def _say_left_out(plan: Plan, loaded: Mapping[str, Dataset], console: Console) -> None:
    """Tell, once of each folder of images, what lies there and is not used, or is used twice."""
    folders = {plan.datasets[name].path: data for name, data in loaded.items()}
    for path, data in folders.items():
        for group in data.left_out:
            text = f"left out of {path or 'the folder of images'}: {group}"
            if group.advice:
                console.warning(f"{text}; {group.advice}")
            else:
                console.line(text)
        if data.also_in_train:
            repeated = also_in_train(data.also_in_train, len(data.test))
            console.warning(f"{path or 'the folder of images'}: {repeated}")
        if data.twice_in_train:
            repeated = twice_in_train(data.twice_in_train, len(data.train))
            console.warning(f"{path or 'the folder of images'}: {repeated}")


def _check_pool(request: Request) -> None:
    pool = request.spec.resources.pool
    if pool is not None and request.flags.address is None:
        raise UserError(
            f"resources.pool: {pool} names nodes of a cluster, and this run is on this machine "
            "alone; name the cluster with --address, or leave it out with --set resources.pool=null"
        )


def _check_gpus(request: Request) -> None:
    asked = request.spec.resources.gpu
    if not asked or request.flags.address is not None:
        return
    import torch

    there = torch.cuda.device_count()
    if asked > there:
        raise UserError(
            f"resources.gpu: a trial asks for {asked:g} GPUs, and PyTorch finds {there} on this "
            "machine; lower it in the sweep file or with --set resources.gpu=0"
        )
