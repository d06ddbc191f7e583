"""What the core needs, checked in fresh processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
    Images(of.pixels[:300], of.labels[:300]) for of in (digits.train, digits.test)
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


def output(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


@pytest.mark.parametrize("script", [SETTINGS_ALONE, DECLARATIONS_ALONE])
def test_settings_and_declarations_are_read_without_pytorch(script: str) -> None:
    assert output(script) == "[]"


def test_evaluation_needs_no_training_and_imports_what_is_slow_when_it_is_used() -> None:
    assert output(EVALUATION_ALONE) == "[]\nset()"


def test_a_model_is_trained_and_judged_without_the_sweeps_dependencies(tmp_path: Path) -> None:
    """And trained without anything of the evaluation."""
    metrics = output(WITHOUT_OTHERS, str(tmp_path))
    for name in (
        "train/contrastive",
        "val/probe_accuracy",
        "probe/accuracy",
        "test/elbo",
        "fd/digits-cnn_n300",
        "absent umap",
        "absent fid",
    ):
        assert f"'{name}'" in metrics
