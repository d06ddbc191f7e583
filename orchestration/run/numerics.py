"""Whether this version computes what the one that trained a sweep did."""

from __future__ import annotations

from cvae_core.config import NUMERICS, TrialConfig
from cvae_core.errors import ConfigError
from orchestration.errors import UserError
from orchestration.ledger.documents import Sweep
from orchestration.ledger.ledger import Ledger
from orchestration.spec.trial_key import trial_key


def check_numerics(ledger: Ledger) -> None:
    """Refuse to add trials or evaluations to those that were computed otherwise.

    Raises:
        UserError: the sweep was trained by a version of other numerics.
    """
    sweep = ledger.sweep
    noted = sweep.code.get("numerics")
    if noted == str(NUMERICS) or (noted is None and not _of_other_keys(ledger)):
        return
    raise UserError(
        f"{sweep.name}: it was trained by {_version(sweep)} of cvae-sweep, and this one computes "
        f"otherwise (numerics {NUMERICS}), so that its trials could not be compared with new ones. "
        "Give the sweep another name, which trains all of it with this version, or continue with "
        "that one; status, compare, report and export work as they did"
    )


def _version(sweep: Sweep) -> str:
    noted = sweep.code.get("numerics")
    return (
        "an early version"
        if noted is None
        else f"version {sweep.code.get('version')} (numerics {noted})"
    )


def _of_other_keys(ledger: Ledger) -> bool:
    """Whether a trial's settings would have another key now: early ledgers note no numerics."""
    for trial in ledger.planned():
        try:
            if trial_key(TrialConfig.from_settings(trial.config)) != trial.key:
                return True
        except ConfigError:  # its settings are of another version
            return True
    return False
