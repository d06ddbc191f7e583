"""The data of a trial as MLflow's data set inputs: one for each split."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag

from cvae_core.config import TrialConfig
from cvae_core.data.splits import validation_count
from orchestration.ledger.documents import Sweep

CONTEXT = "mlflow.data.context"


def data_inputs(sweep: Sweep, config: TrialConfig) -> list[DatasetInput]:
    """Training, validation and test images; nothing where the ledger does not know the data.

    MLflow tells inputs apart by name and digest, so that a digest is that of a split: it begins
    with the data set's fingerprint, as ``cvae-sweep data`` prints it.
    """
    fingerprint = sweep.data.get(config.data.dataset)
    if fingerprint is None:
        return []
    split = f"{config.data.validation_fraction!r} {config.data.split_seed}"
    chosen = hashlib.sha256(split.encode()).hexdigest()[:8]
    source = {"data": config.data.dataset, "fingerprint": fingerprint}
    return [
        DatasetInput(
            Dataset(
                name=config.data.name,
                digest=f"{fingerprint[:12]}-{name}",
                source_type="cvae-sweep",
                source=json.dumps(source),
                profile=json.dumps(profile),
            ),
            [InputTag(CONTEXT, context)],
        )
        for context, name, profile in (
            ("training", f"train-{chosen}", _profile(sweep, config, "train")),
            ("validation", f"val-{chosen}", _profile(sweep, config, "validation")),
            ("test", "test", _profile(sweep, config, "test")),
        )
    ]


def _profile(sweep: Sweep, config: TrialConfig, split: str) -> dict[str, Any]:
    """What is known of a split: ledgers of 0.2 and before do not know how many images there are."""
    data = config.data
    profile: dict[str, Any] = {"split": split}
    images = sweep.images.get(data.dataset, {})
    if split == "test":
        return profile | ({"num_rows": images["test"]} if images else {})
    if images:
        held_out = validation_count(images["train"], data.validation_fraction)
        profile["num_rows"] = held_out if split == "validation" else images["train"] - held_out
    return profile | {
        "validation_fraction": data.validation_fraction,
        "split_seed": data.split_seed,
    }
