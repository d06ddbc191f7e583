from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from cvae_core import fit
from cvae_core.config import SelectionConfig, TrialConfig
from cvae_core.data import Dataset
from cvae_core.errors import ConfigError
from cvae_core.evaluation.metrics import METRICS
from cvae_core.evaluation.probes.validation import validation_judge
from cvae_core.training.selection import HIGHER, Selection
from cvae_core.training.training import Training, When

Configure = Callable[..., TrialConfig]


@pytest.mark.parametrize(("model", "metric"), [("cvae", "val/loss"), ("vae", "val/reconstruction")])
def test_the_best_epochs_weights_are_kept(
    configure: Configure, small: Dataset, getting_worse: Dataset, model: str, metric: str
) -> None:
    for data, best in ((small, 3), (getting_worse, 1)):
        config = configure(model=model, selection={"epoch": "best", "metric": metric})
        result = fit(config, data)
        values = [record["metrics"][metric] for record in result.history]
        assert values == sorted(values, reverse=data is small)
        assert result.checkpoint.selection["best_epoch"] == best
        assert result.checkpoint.selection["best"] == min(values)

        stopped_there = fit(configure(model=model, epochs=best), data).model.state_dict()
        selected = result.checkpoint.selected_weights
        assert all(torch.equal(tensor, selected[name]) for name, tensor in stopped_there.items())


def test_without_it_the_last_epochs_weights_are_selected(
    configure: Configure, small: Dataset
) -> None:
    result = fit(configure(epochs=2), small)
    last = result.model.state_dict()
    assert all(torch.equal(t, last[n]) for n, t in result.checkpoint.selected_weights.items())
    assert result.checkpoint.selection["best_weights"] is None


def test_early_stopping_stops_and_says_so(configure: Configure, small: Dataset) -> None:
    # Nothing improves by 10, so that only the first epoch counts as an improvement.
    config = configure(epochs=9, selection={"patience": 2, "min_delta": 10.0})
    result = fit(config, small)
    assert [record["epoch"] for record in result.history] == [1, 2, 3]
    assert result.checkpoint.stopped_early
    assert result.checkpoint.epoch == 3


def test_patience_of_zero_never_stops(configure: Configure, small: Dataset) -> None:
    result = fit(configure(epochs=4, selection={"min_delta": 10.0}), small)
    assert len(result.history) == 4
    assert not result.checkpoint.stopped_early


def test_patience_counts_epochs_in_a_row() -> None:
    selection = Selection(SelectionConfig(patience=2, min_delta=0.1))
    stops = []
    for epoch, value in enumerate([5.0, 4.95, 4.0, 4.0, 3.95, 1.0], start=1):
        selection.update(epoch, {"val/loss": value}, {})
        stops.append(selection.stop)
    assert stops == [False, False, False, False, True, False]
    assert (selection.best, selection.best_epoch) == (1.0, 6)


PROBE = "val/probe_accuracy"


def test_the_registry_says_which_way_is_better() -> None:
    measured = [m for m in METRICS if m.name.startswith("val/") and m.better is not None]
    assert [m.name for m in measured if m.better == "higher"] == list(HIGHER)


def test_of_an_accuracy_the_highest_is_best_and_epochs_without_one_do_not_count() -> None:
    selection = Selection(SelectionConfig(metric=PROBE, patience=2, min_delta=0.01))
    stops = []
    for epoch, value in enumerate([0.5, None, 0.505, None, 0.6, None, 0.6, None, 0.3], start=1):
        metrics = {"val/loss": 1.0} if value is None else {PROBE: value}
        selection.update(epoch, metrics, {})
        stops.append(selection.stop)
    assert stops == [False] * 8 + [True]
    assert (selection.best, selection.best_epoch) == (0.6, 5)


def test_the_probe_of_an_epoch_is_known_when_it_is_selected(
    configure: Configure, small: Dataset
) -> None:
    settings = {"selection": {"metric": PROBE, "epoch": "best"}, "epochs": 6}
    config = configure(**settings)
    result = fit(config, small, probe_every=2)
    probed = {r["epoch"]: r["metrics"][PROBE] for r in result.history if PROBE in r["metrics"]}
    assert list(probed) == [2, 4, 6]
    best = max(probed, key=lambda epoch: probed[epoch])
    assert result.checkpoint.selection["best_epoch"] == best
    assert result.checkpoint.selection["best"] == probed[best]


def test_what_is_measured_after_the_last_epoch_is_so_where_patience_ends(
    configure: Configure, small: Dataset
) -> None:
    patient = {"metric": PROBE, "patience": 1, "min_delta": 1.0}
    config = configure(epochs=9, selection=patient)
    judges = [
        (When(7), lambda _: {"val/fd_digits-cnn": 1.0}),
        (When(2), validation_judge(config, small)),
    ]
    training = Training(config, small, judges=judges)
    records = []
    while not training.finished:
        records.append(training.run_epoch()["metrics"])
    # The second probe is no improvement by 1, and the first one was one over none.
    assert [PROBE in record for record in records] == [False, True, False, True]
    assert ["val/fd_digits-cnn" in record for record in records] == [False] * 3 + [True]


def test_stages_are_selected_by_what_the_last_one_measures(
    configure: Configure, small: Dataset
) -> None:
    stages = [{"epochs": 2, "beta": 0, "weights": {"reconstruction": 0}}, {"lambda": 0}]
    selection = {"epoch": "best", "metric": "val/reconstruction"}
    found = fit(configure(model="cvae", epochs=4, stages=stages, selection=selection), small)
    assert found.checkpoint.selection["best_epoch"] in (3, 4)


def test_what_nobody_measures_is_refused(configure: Configure, small: Dataset) -> None:
    with pytest.raises(ConfigError, match="val/probe_accuracy is not measured here"):
        fit(configure(selection={"metric": PROBE}), small)
    with pytest.raises(ConfigError, match="val/contrastive is not measured here"):
        fit(configure(model="vae", selection={"metric": "val/contrastive"}), small)
    with pytest.raises(ConfigError, match="must be one of validation"):
        SelectionConfig(metric="train/loss")
