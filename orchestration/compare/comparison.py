"""What ``compare`` shows of sweeps, and ``run`` at its end: rows or searches, then verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orchestration.commands import sweep_command
from orchestration.compare.answers import Answers, Question, answers, whole_name
from orchestration.compare.answers_view import answers_view, sentences
from orchestration.compare.figure_files import digest_of, place_of
from orchestration.compare.grid import comparison_document, comparison_table, decoder_lines
from orchestration.compare.measured import alike, measured_trials
from orchestration.compare.reported import reported_rows, reported_sheet
from orchestration.compare.searches import add_importances, search_comparison
from orchestration.compare.searches_view import ended_lines, search_view
from orchestration.compare.verdicts import UNDECIDED
from orchestration.errors import UserError
from orchestration.ledger.documents import TRAINED
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import SEARCH
from orchestration.status.status import status_document
from orchestration.status.view import warning_lines
from orchestration.terminal.tables import Sheet


def comparison_of(ledgers: Sequence[Ledger], question: Question | None = None) -> dict[str, Any]:
    """What ``compare --json`` prints.

    Args:
        ledgers: of the sweeps: one, or several grids.
        question: what stands side by side, and by which metrics it is judged.

    Raises:
        UserError: nothing differs in that setting, no trial has the metric, or the sweeps are of
            different kinds.
    """
    question = question or Question()
    by = whole_name(question.by, ledgers)
    if _is_search(ledgers):
        (ledger,) = ledgers
        document = search_comparison(ledger, by)
        add_importances(document, ledger)
        noted = ledger.sweep.evaluations.get(SEARCH)
        document["figures"] = [ref.path for ref in noted.artifacts] if noted is not None else []
        status = status_document(ledger)
        document["state"] = status["state"]
        document["baselines"] = comparison_document(status | {"trials": _baselines(status)})["rows"]
    else:
        status = _together(ledgers)
        document = comparison_document(status, by or "model")
    document["warnings"] = warning_lines(status)
    judged = {"verdicts": answers(ledgers, question).document()}
    return document | judged | {"paper": reported_rows(ledgers)}


def comparison_view(
    ledgers: Sequence[Ledger], question: Question | None = None
) -> list[Sheet | str]:
    """The same for a terminal.

    Raises:
        UserError: as ``comparison_of``.
    """
    question = question or Question()
    by = whole_name(question.by, ledgers)
    answered = answers(ledgers, question)
    elsewhere = reported_sheet(reported_rows(ledgers))
    end: list[Sheet | str] = answers_view(answered) + ([] if elsewhere is None else ["", elsewhere])
    if _is_search(ledgers):
        (ledger,) = ledgers
        document = search_comparison(ledger, by)
        add_importances(document, ledger)
        status = status_document(ledger)
        baselines = _baseline_sheets(status["trials"])
        shown = [*search_view(document), *baselines, *ended_lines(document), *_figure_lines(ledger)]
        return [*shown, *end, *warning_lines(status)]
    together = _together(ledgers)
    by = by or "model"
    asked = answered.tables if question.metrics else ()
    sheet = comparison_table(together["trials"], by, asked)
    if not sheet.names:
        return [f"{together['name']}: no trial has been trained yet"]
    decoders = decoder_lines(together["trials"], by, asked)
    return [sheet, *decoders, *end, *warning_lines(together)]


def asked_of(ledgers: Sequence[Ledger], question: Question) -> Answers:
    """The verdicts alone, refused where the whole comparison would be.

    Raises:
        UserError: as ``comparison_of``.
    """
    by = whole_name(question.by, ledgers)
    if _is_search(ledgers):
        search_comparison(ledgers[0], by)
    else:
        comparison_document(_together(ledgers), by or "model")
    return answers(ledgers, question)


def summary_view(ledger: Ledger, trials: list[dict[str, Any]]) -> list[Sheet | str]:
    """What a run says of its results at its end: of searches all that needs no Optuna.

    Args:
        ledger: of the sweep.
        trials: as in ``status --json``.
    """
    if not any(trial["state"] in TRAINED for trial in trials):
        return []
    answered = answers([ledger], Question())
    said = sentences(answered)
    if any(UNDECIDED in line or "no verdicts" in line for line in said):
        said = [*said, f"how many more seeds would tell: {sweep_command('compare', ledger.folder)}"]
    said = _spaced(said)
    if not ledger.planned_studies():
        return [comparison_table(_as_judged([ledger], trials)), *said]
    found = [*search_view(search_comparison(ledger)), *_baseline_sheets(trials)]
    return [*found, *_figure_lines(ledger), *said, ""]


def comparison_sheets(ledger: Ledger, trials: list[dict[str, Any]]) -> list[Sheet]:
    """The tables of one sweep without verdicts, for its report; of a search all but importances.

    Args:
        ledger: of the sweep.
        trials: as in ``status --json``.
    """
    if not any(trial["state"] in TRAINED for trial in trials):
        return []
    elsewhere = reported_sheet(reported_rows([ledger]))
    view: list[Sheet | str] = (
        [*search_view(search_comparison(ledger)), *_baseline_sheets(trials)]
        if ledger.planned_studies()
        else [comparison_table(_as_judged([ledger], trials))]
    )
    return [part for part in (*view, elsewhere) if isinstance(part, Sheet)]


def _baselines(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [trial for trial in document["trials"] if trial["baseline"]]


def _baseline_sheets(trials: list[dict[str, Any]]) -> list[Sheet | str]:
    """The baselines beside a search, which is about other trials; nothing before one is trained."""
    sheet = comparison_table([each for each in trials if each["baseline"]], title="Baselines")
    return ["", sheet] if sheet.names else []


def _is_search(ledgers: Sequence[Ledger]) -> bool:
    """Whether it is a search that is compared.

    Raises:
        UserError: a search stands beside other sweeps.
    """
    searches = [ledger.sweep.name for ledger in ledgers if ledger.planned_studies()]
    if searches and len(ledgers) > 1:
        raise UserError(
            f"{searches[0]} is a search, and searches are compared one at a time: each has its own "
            f"budget; to compare what it found, compare {searches[0]} alone"
        )
    return bool(searches)


def _together(ledgers: Sequence[Ledger]) -> dict[str, Any]:
    """Several grids as one ``status`` document: each trial once, its metrics as far as alike."""
    documents = [status_document(ledger) for ledger in ledgers]
    trials = {trial["key"]: trial for document in documents for trial in document["trials"]}
    trials |= {
        trial["key"]: trial
        for document in documents
        for trial in document["trials"]
        if trial["state"] == "finished"
    }
    return {
        "name": " + ".join(document["name"] for document in documents),
        "state": _worst([document["state"] for document in documents]),
        "counts": {
            state: sum(trial["state"] == state for trial in trials.values())
            for state in documents[0]["counts"]
        },
        "trials": _as_judged(ledgers, trials.values()),
    }


def _worst(states: Sequence[str]) -> str:
    """Of several sweeps' states the one that says most of what is to be done, or went wrong."""
    order = ("running", "interrupted", "failed")
    return next((state for state in order if state in states), states[0])


def _as_judged(ledgers: Sequence[Ledger], trials: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Trials of documents with those of their metrics alone that verdicts rest on."""
    metrics = {trial.key: trial.metrics for trial in alike(measured_trials(ledgers))[0]}
    return [t | {"metrics": metrics.get(t["key"], t["metrics"])} for t in trials]


def _spaced(lines: Sequence[str]) -> list[str]:
    return ["", *lines, ""] if lines else []


def _figure_lines(ledger: Ledger) -> list[str]:
    """Where the figures of a sweep's searches lie, and whether they show all that there is."""
    noted = ledger.sweep.evaluations.get(SEARCH)
    if noted is None or not noted.artifacts:
        return []
    old = noted.settings.get("digest") != digest_of(search_comparison(ledger))
    note = " (of an earlier state; the next run draws them anew)" if old else ""
    return [f"figures: {place_of(ledger)}{note}"]
