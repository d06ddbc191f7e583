"""What the core needs, checked in fresh processes."""

from __future__ import annotations

import subprocess
import sys

SETTINGS_ALONE = """
import sys
from cvae_core import TrialConfig
TrialConfig.from_settings({"beta": 1})
print(sorted({"torch", "torchvision", "sklearn", "numpy"} & set(sys.modules)))
"""
WITHOUT_OTHERS = """
import sys

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
from cvae_core import TrialConfig, fit, load_dataset
from cvae_core.evaluation.test_metrics import evaluate_probe

config, data = TrialConfig(model="cvae", epochs=1), load_dataset("digits")
result = fit(config, data, probe_every=1)
print(sorted({**result.history[0]["metrics"],
              **evaluate_probe(config, data, result.checkpoint.selected_weights)}))
"""


def output(script: str) -> str:
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def test_settings_are_read_without_pytorch() -> None:
    assert output(SETTINGS_ALONE) == "[]"


def test_a_model_is_trained_and_judged_without_the_sweeps_dependencies() -> None:
    metrics = output(WITHOUT_OTHERS)
    for name in ("train/contrastive", "val/probe_accuracy", "probe/accuracy"):
        assert f"'{name}'" in metrics
