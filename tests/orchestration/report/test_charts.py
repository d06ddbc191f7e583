"""Charts: where points are drawn, against the axes' own ticks."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from itertools import pairwise

import pytest

from orchestration.report.axes import axis_of
from orchestration.report.charts import BASELINE, LETTER, Chart, Line, Point, lines, scatter


def place(ticks: object, value: float, *, logarithmic: bool = False) -> float:
    """Where a value lies by the two outermost ticks."""
    scale = math.log10 if logarithmic else float
    (p1, t1), *_, (p2, t2) = ticks  # type: ignore[misc]
    v1, v2 = scale(float(t1)), scale(float(t2))
    return float(p1 + (scale(value) - v1) / (v2 - v1) * (p2 - p1))


def drawn(chart: Chart | None) -> Chart:
    assert chart is not None
    return chart


def test_points_lie_where_the_ticks_say() -> None:
    points = [Point(x, y, 0, "", "") for x, y in ((1.0, 0.2), (2.5, 0.7), (4.0, 0.4))]
    chart = drawn(scatter("t", "x", "y", points))
    for mark, point in zip(chart.marks, points, strict=True):
        assert mark.x == pytest.approx(place(chart.x_ticks, point.x), abs=0.2)
        assert mark.y == pytest.approx(place(chart.y_ticks, point.y), abs=0.2)
        assert chart.left <= mark.x <= chart.right
        assert chart.top <= mark.y <= chart.bottom
    assert chart.marks[1].y < chart.marks[0].y  # upwards is more


def test_values_that_are_far_apart_stand_on_a_logarithmic_axis() -> None:
    values = (0.001, 0.1, 1000.0)
    chart = drawn(scatter("t", "x", "y", [Point(x, x, 0, "", "") for x in values]))
    for mark, value in zip(chart.marks, values, strict=True):
        assert mark.x == pytest.approx(place(chart.x_ticks, value, logarithmic=True), abs=0.2)
    assert "0.001" in [text for _, text in chart.x_ticks]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1e-5, 1e-3, ["1e-05", "0.0001", "0.001"]),
        (1e-3, 1e-2, ["0.001", "0.003", "0.01"]),
        (1.5e-3, 6e-1, ["0.003", "0.01", "0.03", "0.1", "0.3"]),
        (2e-4, 8e-4, ["0.0002", "0.0005"]),
        (3e-4, 9e-4, ["0.0003", "0.0004", "0.0005", "0.0006", "0.0008"]),
        (1e-2, 1e-2, ["0.001", "0.01", "0.1"]),
        (1.001, 1.002, ["1.001", "1.0012", "1.0014", "1.0016", "1.0018", "1.002"]),
    ],
)
def test_a_logarithmic_axis_has_ticks_however_short_it_is(
    low: float, high: float, expected: list[str]
) -> None:
    axis = axis_of([low, high], 84, 546, logarithmic=True)
    assert [text for _, text in axis.ticks] == expected
    for at, text in axis.ticks:
        assert at == pytest.approx(axis.at(float(text)), abs=0.1)
        assert 84 <= at <= 546
    for (at, text), (after, other) in pairwise(axis.ticks):
        assert after - at > LETTER * (len(text) + len(other)) / 2


def test_a_baseline_far_off_stands_at_the_edge_and_says_so() -> None:
    compared = [Point(x, x, 0, "vae", "") for x in (4.0, 4.5, 5.0)]
    near, far = Point(5.5, 4.2, BASELINE, "near", ""), Point(13.0, 4.2, BASELINE, "far", "")
    alone = drawn(scatter("t", "x", "y", compared))
    chart = drawn(scatter("t", "x", "y", [*compared, far]))
    assert (chart.x_ticks, chart.marks[:3]) == (alone.x_ticks, alone.marks)
    assert (chart.marks[3].x, chart.marks[3].label) == (chart.right, "far (beyond the edge)")
    assert chart.marks[3].y == pytest.approx(place(chart.y_ticks, 4.2), abs=0.2)
    chart = drawn(scatter("t", "x", "y", [*compared, near]))
    assert chart.marks[3].x == pytest.approx(place(chart.x_ticks, 5.5), abs=0.2)
    assert chart.marks[3].label == "near"
    # Where there is nothing to compare, there is room for all.
    assert drawn(scatter("t", "x", "y", [near, far])).marks[1].label == "far"


def test_a_logarithmic_axis_has_an_edge_for_what_is_not_positive() -> None:
    points = [Point(x, 1.0, 0, "", "") for x in (0.001, 1.0)]
    mark = drawn(scatter("t", "x", "y", [*points, Point(-9.0, 1.0, BASELINE, "", "")])).marks[2]
    assert (mark.x, mark.label) == (84, " (beyond the edge)")


@pytest.mark.parametrize("value", [0.0, 0.5, -3.0])
def test_one_value_has_room_on_both_sides(value: float) -> None:
    chart = drawn(scatter("t", "x", "y", [Point(value, value, 0, "", "")]))
    assert chart.left < chart.marks[0].x < chart.right
    assert len(chart.x_ticks) >= 2


def test_what_is_not_finite_is_not_drawn() -> None:
    assert scatter("t", "x", "y", [Point(math.nan, 1.0, 0, "", "")]) is None
    assert lines("t", "x", "y", []) is None
    broken = Line([(1, 1.0), (2, 2.0), (3, math.inf), (4, 1.0), (5, 2.0)], 0, "", "")
    path = drawn(lines("t", "x", "y", [broken])).strokes[0].path
    assert (path.count("M"), path.count("L")) == (2, 2)
    assert "nan" not in path
    assert "inf" not in path


@pytest.mark.parametrize("last", [2, 3, 40])
def test_there_is_nothing_between_two_epochs(last: int) -> None:
    line = Line([(epoch, epoch / 7) for epoch in range(1, last + 1)], 0, "", "")
    chart = drawn(lines("t", "epoch", "y", [line]))
    assert len(chart.x_ticks) >= 2
    assert all(text.isdigit() for _, text in chart.x_ticks)


AXES = """
from orchestration.report.charts import Point, scatter
assert scatter("t", "x", "y", [Point(1.0, 2.0, 0, "", ""), Point(2.0, 3.0, 0, "", "")]).x_ticks
"""


def test_charts_are_drawn_whatever_backend_a_person_has_set() -> None:
    chosen = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    command = [sys.executable, "-c", AXES]
    done = subprocess.run(command, env=chosen, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
