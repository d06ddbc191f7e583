from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def threads_as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("threads_as_before")
def test_both_loops_agree_and_a_ratio_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    train_step = importlib.import_module("train_step")
    monkeypatch.setattr(train_step, "CHECKED_STEPS", 5)
    monkeypatch.setattr(train_step, "WARM_UP_STEPS", 1)
    monkeypatch.setattr(sys, "argv", ["train_step.py", "--steps", "2", "--repeats", "1"])
    assert train_step.main() == 0
    said = capsys.readouterr().out
    assert "made-up images" in said
    for model in ("vae", "cvae"):
        assert re.search(rf"^{model}: losses equal to \d\.\de-\d+ over 5 steps$", said, re.M)
    rows = {"vae": "1.3", "cvae": "2.5", "cvae, one view augmented": "-"}
    for label, at_least in rows.items():
        row = rf"^{label} +[\d,]+/s +[\d,]+/s +(\d+\.\d\d) +{re.escape(at_least)}$"
        found = re.search(row, said, re.M)
        assert found is not None, said
        assert float(found[1]) > 0
