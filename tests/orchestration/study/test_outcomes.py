"""The ledger's states as a study is told them."""

from __future__ import annotations

from typing import Any

import pytest

from cvae_core.config import TrialConfig
from orchestration.ledger.documents import Decision, Epoch, Failure, Trial
from orchestration.spec.search import Objective
from orchestration.study.outcomes import Outcome, outcome_of

ACCURACY = Objective(metric="val/probe_accuracy", direction="maximize")
ERROR = Objective(metric="val/reconstruction", direction="minimize")


def trial(state: str, *epochs: dict[str, float], **settings: Any) -> Trial:
    config = TrialConfig.from_settings(settings).to_settings()
    records = [
        Epoch(epoch=number, metrics=metrics, images_per_s=1.0, epoch_s=1.0, at=float(number))
        for number, metrics in enumerate(epochs, start=1)
    ]
    return Trial(key="k", config=config, state=state, epochs=records)  # type: ignore[arg-type]


def accuracies(*values: float) -> list[dict[str, float]]:
    return [{"val/probe_accuracy": value} for value in values]


def stopped_at(epoch: int, found: Trial) -> Trial:
    for number, (at, stop) in enumerate(((1, False), (epoch, True))):
        found.decisions.append(
            Decision(
                number=number,
                epoch=at,
                rung=at,
                metric="val/probe_accuracy",
                value=0.0,
                stop=stop,
                scheduler="asha",
            )
        )
    return found


@pytest.mark.parametrize("state", ["pending", "running"])
def test_a_trial_under_way_has_no_value_yet(state: str) -> None:
    found = outcome_of(trial(state, *accuracies(0.3, 0.5)), [ACCURACY])
    assert found == Outcome("running", (), {1: 0.3, 2: 0.5})


def test_a_finished_trial_is_worth_what_its_weights_are() -> None:
    found = outcome_of(trial("finished", *accuracies(0.3, 0.7, 0.6)), [ACCURACY])
    assert found == Outcome("complete", (0.6,), {1: 0.3, 2: 0.7, 3: 0.6})


@pytest.mark.parametrize(("ended", "worth"), [(4, 0.8), (2, 0.7)])
def test_the_best_epoch_is_one_of_the_last_stage(ended: int, worth: float) -> None:
    losses = (1.0, 2.0, 4.0, 3.0)[:ended]
    records = [
        metrics | {"val/loss": loss}
        for metrics, loss in zip(accuracies(0.6, 0.7, 0.9, 0.8), losses, strict=False)
    ]
    settings = {"selection": {"epoch": "best"}, "stages": [{"epochs": 2, "beta": 1}, {}]}
    found = outcome_of(trial("finished", *records, **settings), [ACCURACY])
    assert found.values == (worth,)
    plain = outcome_of(trial("finished", *records, selection={"epoch": "best"}), [ACCURACY])
    assert plain.values == (0.6,)


def test_several_objectives_have_no_intermediate_values() -> None:
    last = {"val/probe_accuracy": 0.6, "val/reconstruction": 12.0}
    found = outcome_of(trial("finished", *accuracies(0.5), last), [ERROR, ACCURACY])
    assert found == Outcome("complete", (12.0, 0.6), {})


def test_finished_without_a_value_has_failed() -> None:
    finished = trial("finished", *accuracies(0.5))
    assert outcome_of(finished, [ERROR]) == Outcome("failed")
    assert outcome_of(finished, [ACCURACY, ERROR]) == Outcome("failed")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_no_number_gets_through_that_is_not_finite(bad: float) -> None:
    finished = trial("finished", *accuracies(0.5, bad))
    assert outcome_of(finished, [ACCURACY]) == Outcome("diverged", (), {1: 0.5})


def test_a_failed_trial_has_no_value_whatever_it_measured() -> None:
    found = outcome_of(trial("failed", *accuracies(0.9)), [ACCURACY])
    assert found == Outcome("failed", (), {1: 0.9})


def test_a_diverged_trial_is_told_from_one_that_failed() -> None:
    found = trial("failed", *accuracies(0.3))
    found.error = Failure(kind="error", message="m")
    assert outcome_of(found, [ACCURACY]).state == "failed"
    found.error = Failure(kind="loss not finite", message="m")
    assert outcome_of(found, [ACCURACY]) == Outcome("diverged", (), {1: 0.3})
    found.state = "pending"  # it is tried again
    assert outcome_of(found, [ACCURACY]).state == "running"


def test_a_stopped_trial_is_worth_what_it_had_at_its_rung() -> None:
    # It was told to stop after its third epoch; a fourth one had ended by then.
    found = outcome_of(stopped_at(3, trial("stopped", *accuracies(0.9, 0.2, 0.4, 0.8))), [ACCURACY])
    assert found == Outcome("pruned", (0.4,), {1: 0.9, 2: 0.2, 3: 0.4})


def test_a_stopped_trial_is_worth_the_last_value_measured_by_its_rung() -> None:
    epochs = [*accuracies(0.1, 0.3), {"val/reconstruction": 1.0}]
    found = outcome_of(stopped_at(3, trial("stopped", *epochs)), [ACCURACY])
    assert found == Outcome("pruned", (0.3,), {1: 0.1, 2: 0.3})


def test_a_stopped_trial_that_was_never_measured_has_no_value() -> None:
    assert outcome_of(stopped_at(1, trial("stopped", {})), [ACCURACY]) == Outcome("pruned")
