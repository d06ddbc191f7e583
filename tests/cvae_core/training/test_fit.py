from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.evaluation.probes.validation import validation_judge
from cvae_core.training.checkpoint import Checkpoint
from cvae_core.training.training import Training

Configure = Callable[..., TrialConfig]
TERMS = {"vae": ("loss", "reconstruction", "kl")}
TERMS["cvae"] = (*TERMS["vae"], "contrastive")


@pytest.mark.parametrize("model", ["vae", "cvae"])
def test_each_epoch_is_reported_as_a_plain_dictionary(
    configure: Configure, small: Dataset, model: str
) -> None:
    records: list[dict[str, Any]] = []
    result = fit(configure(model=model), small, on_epoch=records.append, probe_every=2)
    assert records == result.history
    assert json.loads(json.dumps(records)) == records
    assert [record["epoch"] for record in records] == [1, 2, 3]
    expected = {f"{split}/{term}" for split in ("train", "val") for term in TERMS[model]}
    expected |= {"train/grad_norm", "train/clipped", "val/reconstruction_of_mean"}
    probed = {"val/probe_accuracy"}
    # Every second epoch, and after the last.
    assert [set(r["metrics"]) for r in records] == [expected, expected | probed, expected | probed]
    for record in records:
        assert all(type(value) is float for value in record["metrics"].values())
        assert record["images_per_s"] > 0
        assert record["epoch_s"] > 0


@pytest.mark.parametrize("model", ["vae", "cvae"])
def test_the_loss_falls(configure: Configure, digits: Dataset, model: str) -> None:
    history = fit(configure(model=model), digits).history
    for name in ("train/loss", "val/loss", "val/reconstruction"):
        values = [record["metrics"][name] for record in history]
        assert values == sorted(values, reverse=True), name
    if model == "cvae":
        first, last = (history[i]["metrics"]["val/contrastive"] for i in (0, -1))
        assert last < first


def test_the_loss_is_the_weighted_sum_of_its_terms(configure: Configure, small: Dataset) -> None:
    config = configure(model="cvae", epochs=1, beta=0.02, **{"lambda": 0.3})
    metrics = fit(config, small).history[0]["metrics"]
    for split in ("train", "val"):
        reconstruction, kl, contrastive = (metrics[f"{split}/{t}"] for t in TERMS["cvae"][1:])
        total = reconstruction + 0.02 * kl + 0.3 * contrastive
        assert metrics[f"{split}/loss"] == pytest.approx(total, rel=1e-6)


def test_metrics_are_means_over_images_ragged_batch_included(
    configure: Configure, small: Dataset
) -> None:
    training = Training(configure(epochs=1, batch_size=64), small)
    steps: list[tuple[int, float]] = []
    step = training.step

    def noted(unit: Any) -> Any:
        terms = step(unit)
        steps.append((len(unit), float(terms.reconstruction)))
        return terms

    training.step = noted  # type: ignore[method-assign]
    reported = training.run_epoch()["metrics"]["train/reconstruction"]
    assert [size for size, _ in steps] == [64, 64, 64, 64, 14]
    mean = sum(size * value for size, value in steps) / 270
    assert reported == pytest.approx(mean, rel=1e-9)


def test_an_epoch_sees_each_training_image_once_and_in_a_new_order(
    configure: Configure, small: Dataset
) -> None:
    training = Training(configure(epochs=2), small)
    seen: list[list[bytes]] = []
    step = training.step

    def noted(unit: Any) -> Any:
        seen[-1] += [image.numpy().tobytes() for image in unit]
        return step(unit)

    training.step = noted  # type: ignore[method-assign]
    for _ in range(2):
        seen.append([])
        training.run_epoch()
    assert sorted(seen[0]) == sorted(seen[1])
    assert len(set(seen[0])) == 270
    assert seen[0] != seen[1]


def test_validation_noise_is_the_same_every_epoch(configure: Configure, small: Dataset) -> None:
    # With steps too small to move a weight, only other noise or views could change the figures.
    config = configure(model="cvae", epochs=2, learning_rate=1e-30)
    first, second = (record["metrics"] for record in fit(config, small).history)
    for name, value in first.items():
        # Here no step is clipped.
        assert (value == second[name]) == name.startswith(("val/", "train/clipped")), name


def test_the_probe_reported_is_that_of_the_epochs_model(
    configure: Configure, small: Dataset
) -> None:
    config = configure(epochs=1)
    result = fit(config, small, probe_every=1)
    (metrics,) = (record["metrics"] for record in result.history)
    probed = validation_judge(config, small)(result.model)
    assert metrics | probed == metrics
    assert list(metrics)[-1:] == list(probed)


def test_images_of_one_class_are_trained_on_without_a_probe(
    configure: Configure, small: Dataset
) -> None:
    one = Images(small.train.pixels, np.zeros_like(small.train.labels))
    data = Dataset("digits", one, small.test, small.classes)
    (record,) = fit(configure(epochs=1), data, probe_every=1).history
    assert "val/probe_accuracy" not in record["metrics"]


def test_test_images_play_no_part_in_training(
    configure: Configure, small: Dataset, bits: Callable[[Checkpoint], dict[str, Any]]
) -> None:
    scrambled = np.random.default_rng(0).integers(0, 256, small.test.pixels.shape, dtype=np.uint8)
    other = Dataset("digits", small.train, Images(scrambled, 9 - small.test.labels), small.classes)
    config = configure(epochs=2, selection={"epoch": "best"})
    a, b = (fit(config, data, probe_every=1) for data in (small, other))
    assert [r["metrics"] for r in a.history] == [r["metrics"] for r in b.history]
    assert bits(a.checkpoint) == bits(b.checkpoint)
