"""What a person sees while a sweep runs."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.reports import EvaluationReport
from orchestration.engine.worker import Worker
from orchestration.status.live import plain_view as progress
from orchestration.status.live.board import Board
from orchestration.status.live.plain_view import PlainView
from orchestration.terminal.console import Console
from orchestration.words import duration


def lines_of(sweep: Any, small: Any) -> list[str]:
    ledger, out = sweep.open(), StringIO()
    queue = sweep.queue(ledger)
    view = PlainView(Console(out), Board(ledger, 1, sweep.spec.evaluation))
    results = sweep.results(ledger, queue, view)
    worker = Worker({"digits": small}, sweep.folder, threads=1, gpu=False)
    InProcessEngine(worker).work(queue, results)
    return out.getvalue().splitlines()


def test_a_whole_sweep(
    local_sweep: Callable[..., Any], small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "QUIET_S", 0.0)
    sweep = local_sweep(grid={"model": ["vae", "cvae"]})
    lines = lines_of(sweep, small)
    vae, cvae = sweep.keys
    assert [line.split()[0] for line in lines] == [vae] * 5 + [cvae] * 5
    assert lines[0].split()[1:] == ["vae", "begins"], "only the model varies"
    assert lines[0].endswith("begins")
    assert lines[5].split()[1:] == ["cvae", "begins"]
    for part in ("epoch 2/3", "loss 0.", "val 0.", "images/s", "left", "sweep 0:"):
        assert part in lines[2], part
    assert "epoch 3/3" in lines[3]
    assert "trained in" in lines[3]
    assert "probe/accuracy 0." in lines[4]
    assert lines[9].endswith("(2 of 2 trials done)")


def test_of_raw_pixels_no_speed_is_said(local_sweep: Callable[..., Any], small: Any) -> None:
    lines = lines_of(local_sweep(baselines=["pca", "pixels"]), small)
    said = {line.split()[1]: "images/s" in line for line in lines if "epoch" in line}
    assert said == {"vae": True, "pca": True, "pixels": False}


def test_few_lines_between_the_first_and_the_last(
    local_sweep: Callable[..., Any], small: Any
) -> None:
    lines = lines_of(local_sweep(base={"epochs": 6, "batch_size": 270}), small)
    assert sum("epoch " in line for line in lines) <= 3
    assert any("epoch 6/6" in line for line in lines)


def test_continuing_and_failing_are_said(local_sweep: Callable[..., Any], small: Any) -> None:
    sweep = local_sweep()
    sweep.run(stop_after=2)
    lines = lines_of(sweep, small)
    assert lines[0].endswith("continues after epoch 2 (attempt 2)")
    failing = local_sweep("failing", base={"learning_rate": 1e30, "clip_norm": None})
    assert any("failed: the loss is not finite" in line for line in lines_of(failing, small))


def test_a_checkpoint_that_is_not_used_is_noted_once(
    local_sweep: Callable[..., Any], small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "QUIET_S", 0.0)
    sweep = local_sweep()
    (trial,) = sweep.run(stop_after=1).values()
    (sweep.folder / trial.checkpoints[0].path).write_bytes(b"torn")
    lines = lines_of(sweep, small)
    assert [("checkpoint of epoch 1 was not used" in line) for line in lines].count(True) == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (3723, "1:02:03")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_line_leaves_sources_and_their_smaller_n_to_tables() -> None:
    names = ["fd/mnist-cnn", "kid/mnist-cnn", "precision/mnist-cnn_n1024"]
    names += ["fd/mnist-cnn_n1024_decoder_share", "test/reconstruction_mse"]
    left_out = ["fd/mnist-cnn_floor_halves", "kid/mnist-cnn_se", "extractor/mnist-cnn_accuracy"]
    for family in ("fd", "kid"):
        left_out += [f"{family}/mnist-cnn_n1024{kind}" for kind in ("", "_floor", "_mixture")]
        left_out.append(f"{family}/mnist-cnn_n1024_reconstruction")
    report = EvaluationReport(metrics=dict.fromkeys([*names, *left_out], 0.5))
    assert progress.metrics_text(report) == "  ".join(f"{name} 0.5" for name in names)
