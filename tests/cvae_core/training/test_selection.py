from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from cvae_core import fit
from cvae_core.config import SelectionConfig, TrialConfig
from cvae_core.data import Dataset
from cvae_core.training.selection import Selection

Configure = Callable[..., TrialConfig]


@pytest.mark.parametrize("metric", ["val/loss", "val/reconstruction"])
def test_the_best_epochs_weights_are_kept(
    configure: Configure, small: Dataset, getting_worse: Dataset, metric: str
) -> None:
    for data, best in ((small, 3), (getting_worse, 1)):
        config = configure(model="cvae", selection={"epoch": "best", "metric": metric})
        result = fit(config, data)
        values = [record["metrics"][metric] for record in result.history]
        assert values == sorted(values, reverse=data is small)
        assert result.checkpoint.selection["best_epoch"] == best
        assert result.checkpoint.selection["best"] == min(values)

        stopped_there = fit(configure(model="cvae", epochs=best), data).model.state_dict()
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
