"""A trial's model, for use elsewhere: as a folder of MLflow's, and in its registry."""

from __future__ import annotations

from pathlib import Path

from cvae_core.config import TrialConfig
from cvae_core.errors import CheckpointError
from orchestration.commands import sweep_command
from orchestration.compare.loaded import LoadedSweep
from orchestration.errors import UserError
from orchestration.redact import without_credentials
from orchestration.run.resume import stored_flags
from orchestration.terminal.console import Console
from orchestration.tracking.config import load_mlflow_config, resolved_uri
from orchestration.tracking.reachable import check_reachable

BEST_BY = "probe/accuracy"


def key_of(sweep: LoadedSweep, given: str | None) -> str:
    """The key of the trial that is meant: its beginning is enough; None: that of the best probe.

    Baselines are exported by their keys alone.

    Raises:
        UserError: there is no such trial, or more than one, or no probe has been measured.
    """
    name = sweep.ledger.sweep.name
    if given is None:
        probed = [t for t in sweep.trials if BEST_BY in t["metrics"] and not t["baseline"]]
        if not probed:
            raise UserError(
                f"no trial of {name} has {BEST_BY} yet, so none is the best; name one by its key"
            )
        best = max(probed, key=lambda trial: float(trial["metrics"][BEST_BY]))
        return str(best["key"])
    keys = [trial["key"] for trial in sweep.trials if trial["key"].startswith(given)]
    if len(keys) != 1:
        status = sweep_command("status", sweep.folder)
        what = f"{', '.join(keys)} begin so" if keys else "there is none"
        raise UserError(f"trial {given!r} of {name}: {what}; see {status}")
    return str(keys[0])


def export(
    sweep: LoadedSweep, key: str, folder: Path, register: str | None, console: Console
) -> None:
    """Write a trial's model, and register it where a name is given.

    Args:
        sweep: that it is of.
        key: of the trial.
        folder: that is made.
        register: name in MLflow's registry; None: it is not registered.
        console: told where it is.

    Raises:
        UserError: the trial has no checkpoint, the folder is there, or MLflow does not answer.
    """
    ledger = sweep.ledger
    trial = ledger.trials[key]
    uri = where = ""
    if register is not None:
        if trial.run_id is None:
            sync = sweep_command("sync", sweep.folder)
            raise UserError(f"MLflow has no run of trial {key} yet; {sync} brings it there")
        config = load_mlflow_config(stored_flags(ledger.sweep).tracking_uri)
        uri = resolved_uri(config, sweep.folder.parent)
        where = without_credentials(uri)
        check_reachable(uri)
    with console.busy("writing the model", plain=False):
        from orchestration.tracking.model import make_sure_of, register_model, save_model

        if folder.exists():
            raise UserError(f"{folder}: is there already; name another folder with --to")
        try:
            model = sweep.model(key)
        except CheckpointError as error:
            again = sweep_command("retry", sweep.folder, "--trial", key)
            raise UserError(
                f"trial {key} of {ledger.sweep.name}: {error}; {again} trains it again"
            ) from error
        if register is not None:
            make_sure_of(uri, register)  # before a file is written: its name may be refused
        facts = {"sweep": ledger.sweep.name, "trial_key": key, "config": trial.config}
        save_model(model, TrialConfig.from_settings(trial.config), folder, facts)
        if register is not None and trial.run_id is not None:
            number = register_model(uri, trial.run_id, folder, register)
    if register is not None:
        console.line(f"{register} version {number}: trial {key} of {ledger.sweep.name}, in {where}")
    else:
        console.line(f"trial {key} of {ledger.sweep.name}: {folder.resolve()}")
        console.line(f'in Python: mlflow.pytorch.load_model("{folder}"), or mlflow.pyfunc')
