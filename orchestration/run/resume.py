"""``resume`` and ``retry``: a sweep continued from what its ledger keeps, without its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from cvae_core.errors import ConfigError
from orchestration import __version__
from orchestration.commands import command_line, own_command, sweep_command
from orchestration.errors import UserError
from orchestration.ledger.chosen import chosen
from orchestration.ledger.documents import Sweep
from orchestration.ledger.folders import sweep_folder
from orchestration.ledger.ledger import Ledger
from orchestration.plan.evaluation_tasks import Wish, check_wish
from orchestration.plan.plan import Plan
from orchestration.redact import without_credentials
from orchestration.run.numerics import check_numerics
from orchestration.run.request import Flags, Request
from orchestration.run.restart import deaths, noted_in
from orchestration.run.start import git_commit
from orchestration.spec.sweep import SweepSpec
from orchestration.terminal.console import Console
from orchestration.tracking.config import load_mlflow_config
from orchestration.words import count


def stored_request(
    name: str,
    storage: Path,
    flags: Flags,
    *,
    retry: tuple[str, ...] | None = None,
    wish: Wish | None = None,
) -> Request:
    """The request that a sweep was last started with.

    Args:
        name: of the sweep.
        storage: folder of all sweeps.
        flags: from the command line; each that is given wins over the stored one.
        retry: failed trials to be trained again, by the beginnings of their keys; empty: all of
            them; None: none.
        wish: evaluations to be added, without training; None: the sweep itself.

    Raises:
        UserError: there is no such sweep or trial, or it was begun by another version.
    """
    ledger = Ledger.open(sweep_folder(name, storage))
    spec = _stored_spec(ledger)
    check_numerics(ledger)
    if retry is not None and not deaths():  # they may have been trained meanwhile
        retry = chosen(ledger, retry)
        _check_failed(ledger, retry)
    # Begun anew after Ray's death, a retry has put its trials back already.
    begun_anew = retry is not None and deaths() > 0
    if wish is not None:
        wish = replace(wish, trials=chosen(ledger, wish.trials))
        check_wish(wish, ledger)
    return Request(
        spec=spec,
        storage=storage,
        command=sweep_command("resume", ledger.folder) if begun_anew else own_command(),
        flags=flags.over(stored_flags(ledger.sweep)),
        stored_plan=True,
        retry=retry if _anything_to_retry(ledger, retry) and not deaths() else None,
        wish=wish,
    )


def noted_spec() -> SweepSpec | None:
    """The sweep file as this command read it before Ray died under it: it may be another by now.

    None: that has not happened, or no plan was noted yet.
    """
    folder = noted_in()
    if folder is None or not Ledger.exists(folder):
        return None
    return _stored_spec(Ledger.open(folder))


def _stored_spec(ledger: Ledger) -> SweepSpec:
    """The sweep file that the ledger keeps, as this version reads it."""
    sweep = ledger.sweep
    if not sweep.plan and not sweep.studies:
        raise UserError(
            f"{ledger.folder}: the sweep was cut off before its plan was noted; "
            "run its sweep file again"
        )
    try:
        # A sweep of a version that had no baselines goes on without them.
        spec = SweepSpec.model_validate({"baselines": False, **sweep.spec})
        spec.evaluation.wanted()
    except (ValidationError, ConfigError) as error:
        many = count(error.error_count() if isinstance(error, ValidationError) else 1, "setting")
        raise UserError(
            f"{ledger.folder}: its plan was noted by cvae-sweep {sweep.code.get('version')}, and "
            f"this one ({__version__}) cannot read it ({many} not known or not valid here); "
            "run its sweep file again, or use that version"
        ) from None
    check_name(ledger.folder, ledger.sweep.name)
    return spec.model_copy(update={"name": ledger.sweep.name})


def check_name(folder: Path, name: str) -> None:
    """Refuse a sweep in a folder of another name: MLflow's runs are of the sweep's own.

    Args:
        folder: of the sweep.
        name: of the sweep.

    Raises:
        UserError: the folder was renamed, or copied.
    """
    if folder.name == name:
        return
    raise UserError(
        f"{folder}: holds the sweep {name!r}, or a copy of it; a sweep's folder has its name. "
        f"Rename it to {name}, or move it away; a new sweep {folder.name!r} can take over what "
        f"{name} has trained"
    )


def _anything_to_retry(ledger: Ledger, keys: tuple[str, ...] | None) -> bool:
    named = (ledger.trials[key] for key in keys or () if key in ledger.trials)
    return ledger.has_failures or any(map(ledger.is_damaged, named))


def _check_failed(ledger: Ledger, keys: tuple[str, ...]) -> None:
    name = ledger.sweep.name
    for key in keys:
        trial = ledger.trials.get(key)
        if trial is None or trial.has_failures or not trial.is_trained:
            continue
        if not ledger.is_damaged(trial):
            raise UserError(f"trial {key} of {name} has not failed: it is {trial.state}")


def stored_flags(sweep: Sweep) -> Flags:
    """The flags that a sweep was last started with, as far as they are not better known here."""
    stored = Flags.from_stored(sweep.flags)
    here = load_mlflow_config().tracking_uri
    if here is not None and without_credentials(here) == stored.tracking_uri:
        # The stored address has no user and no password; the one in force here may have both.
        return replace(stored, tracking_uri=None)
    return stored


def check_stored_plan(ledger: Ledger, plan: Plan) -> None:
    """Refuse to continue with other trials than those that the ledger has planned.

    Raises:
        UserError: the images of a folder have changed, or this version reads the plan differently.
    """
    sweep = ledger.sweep
    noted, now = {*sweep.plan, *sweep.studies}, {*plan.trials, *plan.studies}
    if noted == now:
        return
    raise UserError(
        f"{sweep.name}: its plan cannot be continued as it was noted: of "
        f"{count(len(noted), 'study' if sweep.studies else 'trial')} {len(noted & now)} would be "
        "the same now. "
        + (
            "The images in the folder have changed since. Put them back, or train on the new ones: "
            if any(config.name == "folder" for config in plan.datasets.values())
            else "This version has other defaults. Use the version that began it, or accept them: "
        )
        + f"{command_line('run')} and its sweep file"
    )


def say_what_changed(ledger: Ledger, console: Console) -> None:
    """A line where the code is not the one that the sweep was last run with."""
    noted = ledger.sweep.code
    version, commit = noted.get("version", ""), noted.get("git_commit", "")
    now = git_commit()
    if version != __version__:
        console.line(f"the code has changed since: version {version} then, {__version__} now")
    elif commit and now and commit != now:
        console.line(f"the code has changed since: commit {commit[:10]} then, {now[:10]} now")
