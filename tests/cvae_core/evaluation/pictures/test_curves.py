from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.evaluation.figures import png
from cvae_core.evaluation.pictures import curves
from cvae_core.evaluation.pictures.curves import curves_csv, curves_png
from cvae_core.evaluation.subject import Subject
from cvae_core.training.fit import FitResult

Draw = Callable[[Subject], Figure]


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Draw:
    """The figure that ``curves_png`` turned into a picture."""
    seen: list[Figure] = []

    def noted(figure: Figure) -> bytes:
        seen.append(figure)
        return png(figure)

    monkeypatch.setattr(curves, "png", noted)

    def figure(subject: Subject) -> Figure:
        curves_png(subject)
        return seen[-1]

    return figure


def lines(figure: Figure, panel: int) -> dict[str, list[tuple[float, float]]]:
    found = {}
    for line in figure.axes[panel].lines:
        if not str(line.get_label()).startswith("_"):
            found[str(line.get_label())] = list(zip(*map(list, line.get_data()), strict=True))
    return found


def words(figure: Figure, panel: int) -> str:
    ax = figure.axes[panel]
    titles = [ax.get_title(loc=side) for side in ("left", "right")]
    return " | ".join([*titles, *(text.get_text() for text in ax.texts)])


def test_each_panel_shows_what_was_recorded(contrastive: Subject, draw: Draw) -> None:
    figure = draw(contrastive)
    for panel, name in enumerate(("loss", "reconstruction", "kl", "contrastive")):
        shown = lines(figure, panel)
        for split, label in (("train", "training"), ("val", "validation")):
            recorded = [
                (record["epoch"], record["metrics"][f"{split}/{name}"])
                for record in contrastive.epochs
            ]
            assert shown[label] == recorded
    assert "not measured" in words(figure, 4)


def test_axes_and_panels_are_the_same_for_vae_and_cvae(
    subject: Subject, contrastive: Subject, draw: Draw
) -> None:
    one, other = draw(subject), draw(contrastive)
    for ours, theirs in zip(one.axes, other.axes, strict=True):
        assert ours.get_position().bounds == theirs.get_position().bounds
        assert ours.get_title(loc="left") == theirs.get_title(loc="left")
        assert ours.get_xlim() == theirs.get_xlim()
        assert ours.get_ylim() == theirs.get_ylim()
        assert ours.get_yscale() == theirs.get_yscale()
        assert ours.get_xlim()[0] == 0
        assert ours.get_xlim()[1] == pytest.approx(2.04)
    assert "no contrastive term" in words(one, 3)
    assert "no contrastive term" not in words(other, 3)
    assert "widened" not in "".join(words(one, panel) for panel in range(6))


def test_an_axis_is_widened_for_what_lies_outside_and_says_so(
    make_subject: Callable[..., Subject],
    config: TrialConfig,
    small: Dataset,
    trained: FitResult,
    draw: Draw,
) -> None:
    epochs: list[dict[str, Any]] = [
        {"epoch": 1, "metrics": {"val/kl": 3e6, "val/contrastive": 9.0, "val/loss": 0.0}},
        {"epoch": 2, "metrics": {"val/probe_accuracy": 0.5, "val/fd_digits-cnn": 12.0}},
    ]
    figure = draw(make_subject(config, small, trained, epochs=epochs))
    assert figure.axes[2].get_ylim() == (0, 1e7)
    assert figure.axes[3].get_ylim()[1] > 9
    for panel in (2, 3):
        assert "widened: usually ends at" in words(figure, panel)
    assert "widened" not in words(figure, 0)
    assert lines(figure, 0) == {"validation": [(1, 0.0)]}
    assert lines(figure, 4) == {"validation": [(2, 0.5)]}
    assert lines(figure, 5) == {"digits-cnn": [(2, 12.0)]}


def test_a_single_epoch_is_a_mark(
    make_subject: Callable[..., Subject],
    config: TrialConfig,
    small: Dataset,
    trained: FitResult,
    draw: Draw,
) -> None:
    single = [{"epoch": 1, "metrics": {"val/probe_accuracy": 0.5}}]
    stopped = make_subject(config, small, trained, epochs=single)
    figure = draw(stopped)
    pixels = matplotlib.image.imread(io.BytesIO(curves_png(stopped)))[..., :3]
    x, y = figure.axes[4].transData.transform((1, 0.5))
    mark = pixels[round(len(pixels) - y), round(x)]
    np.testing.assert_allclose(mark, np.array([0xD5, 0x5E, 0x00]) / 255, atol=0.01)
    # Stopped after one epoch of two: the axis is that of a trial that was not.
    assert figure.axes[4].get_xlim() == pytest.approx((0, 2.04))


def test_the_table_has_every_epoch_and_metric() -> None:
    epochs = [
        {"epoch": 1, "metrics": {"val/loss": 0.1, "train/loss": 1 / 3}},
        {"epoch": 2, "metrics": {"train/loss": 2e-9, "val/probe_accuracy": 1.0}},
    ]
    rows = list(csv.DictReader(curves_csv(epochs).decode().splitlines()))
    assert list(rows[0]) == ["epoch", "train/loss", "val/loss", "val/probe_accuracy"]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[0]["train/loss"]) == 1 / 3
    assert rows[1]["val/loss"] == ""
    assert float(rows[1]["train/loss"]) == 2e-9
