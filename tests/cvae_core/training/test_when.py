"""What is measured more often changes nothing else: neither weights nor any other figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.evaluation.probes.validation import validation_judge
from cvae_core.models import VAE
from cvae_core.training.checkpoint import Checkpoint
from cvae_core.training.training import Training, When

Configure = Callable[..., TrialConfig]
Bits = Callable[[Checkpoint], dict[str, Any]]
PROBE = "val/probe_accuracy"


def weight(model: VAE) -> float:
    return float(next(model.parameters()).detach().sum())


def trained(training: Training) -> list[dict[str, float]]:
    records = []
    while not training.finished:
        records.append(training.run_epoch()["metrics"])
    return records


def test_probes_at_named_epochs(configure: Configure, small: Dataset, bits: Bits) -> None:
    config = configure(model="cvae", epochs=4)
    usual, named, always = (
        Training(config, small, judges=[(When(every, at), validation_judge(config, small))])
        for every, at in ((3, ()), (3, (1, 3)), (1, ()))
    )
    expected, found = trained(usual), trained(named)
    assert [PROBE in metrics for metrics in expected] == [False, False, True, True]
    assert [PROBE in metrics for metrics in found] == [True, False, True, True]
    assert found[0].pop(PROBE) == always.run_epoch()["metrics"][PROBE]
    assert found == expected
    assert bits(named.checkpoint()) == bits(usual.checkpoint())


def test_what_a_scheduler_asks_for_has_no_part_in_selection(
    configure: Configure, small: Dataset
) -> None:
    """Else a search's trials would choose among other epochs than replicates and baselines."""
    selection = {"metric": PROBE, "epoch": "best", "patience": 2}
    config = configure(epochs=6, selection=selection)
    figures = {1: 0.9, 2: 0.1, 3: 0.2, 4: 0.1, 5: 0.1, 6: 0.1}
    chosen = []
    for at in ((), (1, 4, 5)):
        known = {epoch: figures[epoch] for epoch in figures if epoch % 3 == 0 or epoch in at}
        coming = iter(known.values())
        judge = (When(3, at), lambda model, coming=coming: {PROBE: next(coming)})
        training = Training(config, small, judges=[judge])
        records = []
        while not training.finished:
            records.append(training.run_epoch())
        assert records[-1]["best_epoch"] == 3
        assert [PROBE in record["metrics"] for record in records] == [
            epoch % 3 == 0 or epoch in at for epoch in range(1, 7)
        ]
        chosen.append(training.checkpoint().selection)
    assert [state["best_epoch"] for state in chosen] == [3, 3]
    assert [state["without_improvement"] for state in chosen] == [1, 1]


def test_named_epochs_alone(configure: Configure, small: Dataset) -> None:
    config = configure(epochs=4)
    judge = validation_judge(config, small)
    training = Training(config, small, judges=[(When(at=[2, 9]), judge)])
    assert [PROBE in metrics for metrics in trained(training)] == [False, True, False, False]


def test_judges_at_named_epochs(configure: Configure, small: Dataset) -> None:
    seen: list[tuple[str, int]] = []

    def judge(name: str) -> Callable[[VAE], dict[str, float]]:
        def look(model: VAE) -> dict[str, float]:
            seen.append((name, training.epoch))
            return {f"val/{name}": weight(model)}

        return look

    judges = [
        (When(3), judge("regular")),
        (When(0, [2]), judge("named")),
        (When(), judge("never")),
    ]
    training = Training(configure(epochs=4), small, judges=judges)
    records = trained(training)
    assert seen == [("named", 2), ("regular", 3), ("regular", 4)]
    assert records[-1]["val/regular"] == weight(training.model)
