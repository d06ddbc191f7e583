"""Studies written into a storage of Optuna's, for its dashboard and its other tools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.engine import make_url

from orchestration.errors import UserError
from orchestration.ledger.at_work import is_at_work
from orchestration.ledger.documents import Ask, Study, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.machines import cpus_of
from orchestration.ledger.told_state import told_state
from orchestration.redact import without_credentials, without_secrets
from orchestration.spec.dimensions import Dimension
from orchestration.spec.search import Objective
from orchestration.sqlite import check_options
from orchestration.study.advisor import STATES, distribution_of, stored
from orchestration.study.outcomes import outcome_of

OWNER = "cvae_sweep"
"""User attribute of a study that was written here: the sweep's id and the study's key."""
EXAMPLES = "sqlite:///studies.db, postgresql+psycopg2://host/name, or a file such as studies.log"
SQLITE_SUFFIXES = (".db", ".sqlite", ".sqlite3")


def export_studies(url: str, ledger: Ledger) -> dict[str, int]:
    """Write a sweep's studies into a storage; what it wrote there before is replaced.

    Args:
        url: of the storage, as Optuna has it, or the path of a journal file.
        ledger: of the sweep. Replicates are no trials of a study, and stay behind.

    Returns:
        Trials by the study's name there, which is ``<sweep>/<study>``.

    Raises:
        UserError: the storage cannot be had, or has a study of that name from elsewhere; then
            nothing is changed. It fails while it is written to; then none of the studies stays.
    """
    sweep, alive = ledger.sweep, is_at_work(ledger.folder)
    studies = {f"{sweep.name}/{study.name}": study for study in ledger.planned_studies()}
    trials = {name: _trials(study, ledger, alive=alive) for name, study in studies.items()}
    with _errors(url):
        storage = _open(url)
        for existing in storage.get_all_studies():
            owner = str(existing.user_attrs.get(OWNER, ""))
            if existing.study_name in studies and not owner.startswith(f"{sweep.sweep_id}/"):
                raise UserError(
                    f"{without_credentials(url)}: has a study {existing.study_name!r} that is not "
                    "of this sweep, and is left alone; export to another storage, or delete it "
                    "there"
                )
        existing_names = {existing.study_name for existing in storage.get_all_studies()}
        for name in existing_names & studies.keys():
            optuna.delete_study(study_name=name, storage=storage)
        try:
            for name, study in studies.items():
                _write(storage, name, f"{sweep.sweep_id}/{study.key}", study, trials[name])
        except BaseException:
            for name in studies:
                with suppress(Exception):
                    optuna.delete_study(study_name=name, storage=storage)
            raise
    return {name: len(written) for name, written in trials.items()}


def _write(
    storage: BaseStorage, name: str, owner: str, study: Study, trials: list[FrozenTrial]
) -> None:
    objectives = _objectives(study)
    directions = [objective.direction or "maximize" for objective in objectives]
    new = optuna.create_study(storage=storage, study_name=name, directions=directions)
    new.set_user_attr(OWNER, owner)
    new.set_metric_names([objective.metric for objective in objectives])
    for attribute in ("fixed", "sampler", "seed", "startup"):
        new.set_user_attr(attribute, getattr(study, attribute))
    new.add_trials(trials)


def _trials(study: Study, ledger: Ledger, *, alive: bool) -> list[FrozenTrial]:
    """One per ask, under the same numbers; nothing runs in a storage that nobody will change."""
    cpus = float(ledger.sweep.spec.get("resources", {}).get("cpu", 1))
    dimensions = [Dimension.from_json(name, each) for name, each in study.space.items()]
    distributions = {dimension.name: distribution_of(dimension) for dimension in dimensions}
    frozen = []
    for ask in study.asks:
        trial = ledger.trials.get(ask.key) or Trial(key=ask.key, config={})
        outcome = outcome_of(trial, _objectives(study))
        waits = told_state(trial.state, alive=alive) == "pending"
        state = TrialState.WAITING if waits else STATES[outcome.state]
        exported = create_trial(
            state=state,
            params={name: stored(value) for name, value in ask.params.items()},
            distributions={name: distributions[name] for name in ask.params},
            values=list(outcome.values) or None,
            intermediate_values=dict(outcome.intermediate),
            user_attrs=_attributes(ask, trial, cpus),
        )
        if state is not TrialState.WAITING:
            exported.datetime_start = _time(trial.attempts[0].began if trial.attempts else 0.0)
        if state.is_finished():
            ended = trial.attempts[-1].ended if trial.attempts else None
            last = trial.epochs[-1].at if trial.epochs else None
            exported.datetime_complete = _time(ended or last) or exported.datetime_start
        frozen.append(exported)
    return frozen


def _attributes(ask: Ask, trial: Trial, cpus: float) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "key": trial.key,
        "origin": ask.origin,
        "duplicate_of": ask.duplicate_of,
        "epochs": trial.epoch,
        "cpu_s": trial.train_s * cpus_of(trial, cpus),
        "attempts": len(trial.attempts),
        "mlflow_run_id": trial.run_id,
        "error": trial.error.message if trial.error and trial.state == "failed" else None,
        "rung": trial.decisions[-1].rung if trial.state == "stopped" else None,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _objectives(study: Study) -> list[Objective]:
    return [Objective.model_validate(objective) for objective in study.objectives]


def _time(seconds: float | None) -> datetime | None:
    """Local time without a zone, as Optuna's own."""
    return None if seconds is None else datetime.fromtimestamp(seconds)


def _open(url: str) -> BaseStorage:
    if re.match(r"\w[\w+]*://", url):
        if not url.startswith("redis"):
            check_options(url)
            _check_database(url)
        return optuna.storages.get_storage(as_optuna_reads(url))
    path = Path(url)
    if path.suffix in SQLITE_SUFFIXES or re.match(r"\w+:", url):
        raise ValueError("neither a database's URL nor a journal's path")
    if path.exists() and path.stat().st_size:
        with path.open("rb") as file:
            if b'"op_code"' not in file.readline(10_000):
                raise ValueError("the file is there, and is no journal of Optuna's")
    return JournalStorage(JournalFileBackend(url))


def as_optuna_reads(url: str) -> str:
    """The URL of a storage, or a journal's path, for Optuna's own programs.

    In a URL Optuna fills in the number of its schema; other braces are of a folder's name.
    """
    if "://" in url:
        return re.sub(r"\{(?!SCHEMA_VERSION\})|(?<!\{SCHEMA_VERSION)\}", r"\g<0>\g<0>", url)
    return f"./{url}" if url.startswith("-") else url


def _check_database(url: str) -> None:
    """Refuse a database that Optuna would share with another program, or that nobody can open."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite" and address.database in (None, "", ":memory:"):
        raise ValueError("it would be in memory alone")
    engine = sqlalchemy.create_engine(address)
    try:
        tables = set(sqlalchemy.inspect(engine).get_table_names())
    finally:
        engine.dispose()
    # Both keep their version in a table of the same name; each then takes the other's for its own.
    if "alembic_version" in tables and "version_info" not in tables:
        raise ValueError("it is the database of another program, such as MLflow")


@contextmanager
def _errors(url: str) -> Iterator[None]:
    """Whatever a storage has to say becomes one line, without passwords."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reasons = [str(each).partition("\n")[0] for each in (error, error.__cause__) if each]
        said = without_secrets(": ".join(filter(None, reasons)) or type(error).__name__)
        raise UserError(
            f"{without_credentials(url)}: the studies cannot be written there ({said}); "
            f"storages are {EXAMPLES}"
        ) from None
