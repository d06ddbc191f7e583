from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.training.training import Training

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ROWS = {
    "vae, mnist": "1.3",
    "cvae, mnist, 2 views": "2.5",
    "cvae, mnist, 1 view": "-",
    "vae, cifar10": "-",
    "cvae, cifar10, 2 views": "-",
}
"""And what is asked of each ratio."""


@pytest.fixture
def threads_as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("threads_as_before")
def test_both_loops_agree_and_a_ratio_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    train_step = importlib.import_module("train_step")
    monkeypatch.setattr(train_step, "CHECKED_STEPS", {"mnist": 5, "cifar10": 1})
    monkeypatch.setattr(train_step, "WARM_UP_STEPS", 1)
    file = tmp_path / "a" / "figures.json"
    arguments = ["--steps", "2", "--repeats", "1", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", ["train_step.py", *arguments])
    assert train_step.main() == 0
    said = capsys.readouterr().out
    assert "made-up images" in said
    for model in ("vae", "cvae"):
        for steps in ("mnist: losses equal to {} over 5", "cifar10: losses equal to {} over 1"):
            line = steps.format(r"\d\.\de[-+]\d+")
            assert re.search(rf"^{model}, {line} steps$", said, re.M)
    figures = json.loads(file.read_text())["figures"]
    peak = figures["matrix_operations_per_s"]
    assert len(figures["rows"]) == len(ROWS)
    for (label, at_least), row in zip(ROWS.items(), figures["rows"], strict=True):
        line = rf"^{label} +[\d,]+/s +[\d,]+/s +(\S+) +{re.escape(at_least)} +(\d+)% +[\d,]+/s"
        found = re.search(rf"{line} +(\S+) +(\d+)% +(\S+)$", said, re.M)
        assert found is not None, said
        ratio, share, other, other_share, between = map(float, found.groups())
        assert ratio == pytest.approx(row["float32"] / row["plain"], abs=0.006)
        assert other == pytest.approx(row["bfloat16"] / row["plain"], abs=0.006)
        assert between == pytest.approx(row["bfloat16"] / row["float32"], abs=0.006)
        for name, said_share in (("float32", share), ("bfloat16", other_share)):
            used = row["operations"] * row[name] / peak[name]
            assert said_share == pytest.approx(100 * used, abs=0.6)


def test_operations_of_a_step_are_those_of_its_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted by hand: two for each product, once forwards and once for each gradient."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    rates, made_up = map(importlib.import_module, ("matrix_rate", "made_up"))
    shape = {"channels": [8, 16], "latent_dim": 10}
    config = TrialConfig.from_settings({"data": {"name": "mnist"}, "architecture": shape})
    training = Training(config, made_up.made_up("mnist", train=200))
    # Products of an image: positions × kernel × channels of both sides. The images themselves
    # get no gradient.
    first, second = 14 * 14 * 16 * 1 * 8, 7 * 7 * 16 * 8 * 16
    linear = 16 * 7 * 7 * 10
    by_hand = 2 * (2 * first + 3 * (first + 2 * second) + 3 * 3 * linear)
    assert rates.step_operations(training, torch.rand(32, 1, 28, 28)) == by_hand
