"""What has to come out the same in any process, computed once in a fresh one and once here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.evaluation.distances import classifier
from cvae_core.evaluation.maps import reducer
from cvae_core.training.checkpoint import sha256

pytestmark = pytest.mark.slow

SCRIPT = """
from cvae_core.data.vision import torchvision  # before anything else brings it in
import json, sys
from pathlib import Path
import numpy, torch
from torchvision.transforms import v2

image = torchvision.datasets.FakeData(1, (3, 32, 32))[0][0]
pixels = v2.functional.pil_to_tensor(image)
assert v2.RandomResizedCrop(24)(pixels).shape == (3, 24, 24)
assert torchvision.datasets.MNIST and torchvision.datasets.CIFAR10
with torch.no_grad():
    assert torchvision.models.squeezenet1_1()(torch.rand(1, 3, 64, 64)).shape == (1, 1000)

from cvae_core import TrialConfig, fit, load_dataset
from cvae_core.data import Dataset, Images
from cvae_core.evaluation.distances import classifier
from cvae_core.evaluation.maps import reducer
from cvae_core.training.checkpoint import sha256

folder = Path(sys.argv[1])
digits = load_dataset("digits")
small = Dataset(
    "digits",
    Images(digits.train.pixels[:300], digits.train.labels[:300]),
    Images(digits.test.pixels[:60], digits.test.labels[:60]),
    digits.classes,
)
torch.set_num_threads(2)  # a classifier is every worker's
classifier.MOST_EPOCHS = 2
*_, found = classifier.obtain(small, "digits-cnn", folder / "there", None)
torch.set_num_threads(1)
trained = fit(TrialConfig.from_settings(json.loads(sys.argv[2])), small).checkpoint
weights = b"".join(w.numpy().tobytes() for w in trained.model.values())
*_, points = reducer.reduce(numpy.load(folder / "points.npy"), 15, 0.1, [])
numpy.save(folder / "map.npy", points)
print(json.dumps({"classifier": found.digest, "weights": sha256(weights)}))
"""


def test_it_trains_classifies_and_maps_the_same(
    small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything missing there of torchvision, which may be there in part."""
    settings = {"model": "cvae", "epochs": 1, "architecture": {"latent_dim": 4}}
    config = TrialConfig.from_settings({**settings, "batch_size": 64})
    pixels = torch.as_tensor(small.train.pixels[:200]).to(torch.float32)
    points = torch.nn.functional.avg_pool2d(pixels, 4).reshape(200, -1).numpy() / 64
    np.save(tmp_path / "points.npy", points)
    arguments = [str(tmp_path), json.dumps(config.to_settings())]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    there: dict[str, Any] = json.loads(done.stdout)
    monkeypatch.setattr(classifier, "MOST_EPOCHS", 2)
    *_, trained = classifier.obtain(small, "digits-cnn", tmp_path / "here", None)
    assert isinstance(trained, classifier.Classifier)
    assert there["classifier"] == trained.digest
    weights = fit(config, small).checkpoint.model.values()
    assert there["weights"] == sha256(b"".join(w.numpy().tobytes() for w in weights))
    *_, found = reducer.reduce(points, 15, 0.1, [])
    # NaN-free and equal to the last bit.
    assert np.array_equal(np.load(tmp_path / "map.npy"), found)
