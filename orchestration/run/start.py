"""What the ledger notes of a start: the plan in force, the flags, the code, the data."""

from __future__ import annotations

import subprocess
import time
import uuid
from contextlib import suppress
from pathlib import Path

from cvae_core.config import NUMERICS, TrialConfig
from cvae_core.errors import ConfigError
from orchestration import __version__
from orchestration.ledger import recovery
from orchestration.ledger.documents import Study, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.plan.plan import Plan
from orchestration.redact import without_credentials
from orchestration.run.finished_trials import of_any_length
from orchestration.run.request import Request
from orchestration.run.reusable import BY_EPOCH
from orchestration.spec.evaluation import Evaluation
from orchestration.spec.sweep import SweepSpec
from orchestration.study.cells import StudyPlan
from orchestration.terminal.console import Console
from orchestration.tracking.syncer import forget_signatures
from orchestration.words import count


def new_ledger(request: Request, fingerprints: dict[str, str]) -> Ledger:
    """The ledger of a sweep that begins."""
    sweep = Sweep(
        name=request.spec.name,
        sweep_id=uuid.uuid4().hex,
        created=time.time(),
        spec={},
        plan=[],
        data=fingerprints,
    )
    return Ledger.create(request.folder, sweep)


def mend(ledger: Ledger, console: Console) -> None:
    """Put damaged documents right before anything is written, and say so."""
    for path in recovery.mend(ledger.folder):
        console.warning(f"{path} was damaged; the version before it is used")


def say_new_plan(ledger: Ledger, plan: Plan, console: Console, *, takes_over: bool = True) -> None:
    """Say where the plan is not the one before; only what leaves it for good is a warning.

    Args:
        ledger: of the sweep, with the plan before.
        plan: the one in force now.
        console: where it is said.
        takes_over: whether a trial of more epochs begins where one of fewer has ended.
    """
    sweep = ledger.sweep
    before, now = {*sweep.plan, *sweep.studies}, {*plan.trials, *plan.studies}
    if not before or before == now:
        return
    gone, new = before - now, now - before
    longer = _lengthened(ledger, plan, gone) if takes_over else set()
    if longer and len(longer) == len(gone):
        have = "has" if len(longer) == 1 else "have"
        others = len(new - longer)
        also = f", and {others} {'is' if others == 1 else 'are'} new" if others else ""
        trials = count(len(longer), "trial")
        console.line(f"{trials} {have} more epochs than before{also}; what was trained stays")
        return
    what = "studies" if plan.studies else "trials"
    say = console.warning if gone else console.line
    say(
        f"the plan has changed: {len(new)} {what} are new, {len(gone)} have left it (their results "
        "stay); if that was not meant, press Ctrl-C and give the same file and --set as before"
    )


def say_new_rhythm(ledger: Ledger, plan: Plan, evaluation: Evaluation, console: Console) -> None:
    """Warn where trials of one sweep come to choose their best epoch among different ones.

    Args:
        ledger: of the sweep, with the plan before.
        plan: the one in force now.
        evaluation: the same.
        console: where it is said.
    """
    before = ledger.sweep.spec.get("evaluation", {})
    for rhythm, metrics in BY_EPOCH.items():
        then, now = before.get(rhythm), getattr(evaluation, rhythm)
        if then is None or then == now:
            continue
        choosing = {
            key
            for key, config in plan.trials.items()
            if config.selection.metric.startswith(metrics)
            and (config.selection.patience > 0 or config.selection.epoch == "best")
        }
        number = sum(key in ledger.trials and bool(ledger.trials[key].epochs) for key in choosing)
        trained = sum(key in ledger.trials and ledger.trials[key].is_trained for key in choosing)
        if number and trained < len(choosing):
            console.warning(
                f"{rhythm} was {then} and is {now} now: {count(number, 'trial')} with epochs on "
                "record had other ones to choose the best of than the trials to come; for a fair "
                f"comparison take {rhythm}={then}, or another name for the sweep"
            )


def _lengthened(ledger: Ledger, plan: Plan, gone: set[str]) -> set[str]:
    """Those of a plan that are finished trials which have left it, with more epochs."""
    left = {}
    for key in gone & ledger.trials.keys():
        if ledger.trials[key].state != "finished":
            continue
        with suppress(ConfigError):  # its settings are of another version
            config = TrialConfig.from_settings(ledger.trials[key].config)
            left[of_any_length(config)] = config.epochs
    return {
        key
        for key, config in plan.trials.items()
        if left.get(of_any_length(config), config.epochs) < config.epochs
    }


def enter_plan(ledger: Ledger, request: Request, plan: Plan, fingerprints: dict[str, str]) -> None:
    """Note the plan in force."""
    sweep = ledger.sweep
    # Before the plan that names them: what is planned is there, whenever this is cut off.
    for key, config in plan.trials.items():
        if key not in ledger.trials:
            ledger.save(Trial(key=key, config=config.to_settings()))
    for study in plan.studies.values():
        enter_study(ledger, request.spec, study)
    sweep.plan, sweep.studies = list(plan.trials), list(plan.studies)
    sweep.spec = request.spec.model_dump(mode="json")
    # What resumes or retries it says nothing of its file.
    command = sweep.flags.get("command") if request.stored_plan else request.command
    sweep.flags = request.flags.to_stored() | {"command": command}
    sweep.data |= fingerprints
    ledger.save_sweep()


def note_code(sweep: Sweep) -> None:
    """Note which code is at work, to be saved with the plan; where nothing is done, none is."""
    sweep.code = {"version": __version__, "git_commit": git_commit(), "numerics": str(NUMERICS)}


def enter_study(ledger: Ledger, spec: SweepSpec, plan: StudyPlan) -> None:
    """Note a study, or how many trials it is to have now."""
    known = ledger.studies.get(plan.key)
    if known is not None:
        if known.trials != plan.trials or known.name != plan.name:
            known.trials, known.name = plan.trials, plan.name
            ledger.save_study(known)
        return
    search = spec.search
    if search is None:
        raise ValueError("a study comes from a search")
    ledger.save_study(
        Study(
            key=plan.key,
            name=plan.name,
            fixed=plan.fixed,
            space={dimension.name: dimension.to_json() for dimension in plan.dimensions},
            objectives=[objective.model_dump(mode="json") for objective in plan.objectives],
            sampler=search.sampler,
            seed=plan.seed,
            startup=search.startup,
            trials=plan.trials,
            learns_from_diverged=True,
        )
    )


def note_tracking(ledger: Ledger, uri: str) -> None:
    """Note where MLflow is; one that is new to the sweep is to be told everything."""
    sweep = ledger.sweep
    shown = without_credentials(uri)
    if sweep.tracking_uri != shown:
        forget_signatures(ledger.folder)
        sweep.experiment_id = None
    sweep.tracking_uri = shown
    ledger.save_sweep()


def git_commit() -> str:
    """Commit of the checkout that this program runs from; empty where there is none."""
    try:
        result = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - whichever git is installed
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
