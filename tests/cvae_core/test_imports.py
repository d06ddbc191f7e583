"""What the core needs, and what comes out the same in any process, seen in fresh ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
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
from tests.cvae_core.children import Run, children_of

pytestmark = pytest.mark.slow

SETTINGS_ALONE = """
import sys
from cvae_core import TrialConfig
TrialConfig.from_settings({"beta": 1})
print(sorted({"torch", "torchvision", "sklearn", "numpy"} & set(sys.modules)))
"""
DECLARATIONS_ALONE = """
import sys
from cvae_core.evaluation.metrics import METRICS
print(sorted({"torch", "torchvision", "sklearn", "numpy", "matplotlib"} & set(sys.modules)))
"""
EVALUATION_ALONE = """
import sys
from cvae_core.evaluation.parts import PARTS
for part in PARTS.values():
    __import__(part.module)
import cvae_core.evaluation.probes.validation
import cvae_core.evaluation.maps.shared_map
print([name for name in sys.modules if name.startswith("cvae_core.training")])
print({"umap", "numba", "matplotlib.pyplot"} & set(sys.modules))
"""
WITHOUT_OTHERS = """
import dataclasses
import sys
from pathlib import Path

class Blocked:
    names = {
        "pydantic", "umap", "pytorch_fid", "platformdirs", "ray", "mlflow", "optuna", "click",
        "rich", "yaml", "psutil", "orchestration",
    }
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
assert not Blocked.names & {name.split(".")[0] for name in sys.modules}, "here before it is blocked"
import torch
torch.set_num_threads(1)
import cvae_core.training.fit
assert not [name for name in sys.modules if name.startswith("cvae_core.evaluation")]
from cvae_core import TrialConfig, fit, load_dataset
from cvae_core.data import Dataset, Images
from cvae_core.errors import AbsentError
from cvae_core.evaluation.distances import classifier
from cvae_core.evaluation.parts import PARTS, measure
from cvae_core.evaluation.subject import Subject

classifier.MOST_EPOCHS = 1
small = {"channels": [4, 8], "latent_dim": 4}
config = TrialConfig.from_settings({"model": "cvae", "epochs": 1, "architecture": small})
digits = load_dataset("digits")
train, test = (
    Images(of.pixels[:count], of.labels[:count])
    for of, count in ((digits.train, 300), (digits.test, 60))
)
data = Dataset("digits", train, test, digits.classes)
fit(dataclasses.replace(config, precision="bfloat16"), data)
result = fit(config, data, probe_every=1)
from cvae_core.training.packs.pack import Pack
pack = Pack(data)
pack.add(config)
pack.run_epoch()
metrics = dict(result.history[0]["metrics"])
weights = result.checkpoint.selected_weights
subject = Subject(config, data, weights, epochs=result.history, cache=Path(sys.argv[1]))
for part, declared in sorted(PARTS.items(), key=lambda each: each[0] == "fid"):
    if part == "fid":  # torchvision, which it needs, imports the compiler itself
        assert "torch._dynamo" not in sys.modules, "it takes as long as torch"
    try:
        *_, findings = measure(part, subject, declared.settings())
        metrics |= findings.metrics
    except AbsentError as error:
        metrics[f"absent {part}"] = str(error)
assert "matplotlib.pyplot" not in sys.modules, "it would open windows"
print(sorted(metrics))
"""
SAME = """
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


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """In processes that have imported PyTorch, and nothing else of what is looked for."""
    with children_of("torch") as run:
        yield run


def output(run: Run, script: str, *arguments: str) -> str:
    status, out, err = run(script, *arguments)
    assert status == 0, err
    return out.strip()


@pytest.mark.parametrize("script", [SETTINGS_ALONE, DECLARATIONS_ALONE])
def test_settings_and_declarations_are_read_without_pytorch(script: str) -> None:
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == "[]"


def test_evaluation_needs_no_training_and_imports_what_is_slow_when_it_is_used(run: Run) -> None:
    assert output(run, EVALUATION_ALONE) == "[]\nset()"


@pytest.mark.program
def test_a_model_is_trained_and_judged_without_the_sweeps_dependencies(
    run: Run, tmp_path: Path
) -> None:
    """And trained without anything of the evaluation."""
    metrics = output(run, WITHOUT_OTHERS, str(tmp_path))
    for name in (
        "train/contrastive",
        "val/probe_accuracy",
        "probe/accuracy",
        "test/elbo",
        "fd/digits-cnn_n60",
        "absent umap",
        "absent fid",
    ):
        assert f"'{name}'" in metrics


@pytest.mark.program
def test_any_process_trains_classifies_and_maps_the_same(
    run: Run, small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything missing there of torchvision, which may be there in part."""
    settings = {"model": "cvae", "epochs": 1, "architecture": {"latent_dim": 4}}
    config = TrialConfig.from_settings({**settings, "batch_size": 64})
    pixels = torch.as_tensor(small.train.pixels[:200]).to(torch.float32)
    points = torch.nn.functional.avg_pool2d(pixels, 4).reshape(200, -1).numpy() / 64
    np.save(tmp_path / "points.npy", points)
    asked = output(run, SAME, str(tmp_path), json.dumps(config.to_settings()))
    there: dict[str, Any] = json.loads(asked)
    monkeypatch.setattr(classifier, "MOST_EPOCHS", 2)
    *_, trained = classifier.obtain(small, "digits-cnn", tmp_path / "here", None)
    assert isinstance(trained, classifier.Classifier)
    assert there["classifier"] == trained.digest
    weights = fit(config, small).checkpoint.model.values()
    assert there["weights"] == sha256(b"".join(w.numpy().tobytes() for w in weights))
    *_, found = reducer.reduce(points, 15, 0.1, [])
    # NaN-free and equal to the last bit.
    assert np.array_equal(np.load(tmp_path / "map.npy"), found)
