"""The section ``paper``: what was reported elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestration.errors import UserError
from orchestration.spec.sweep import SweepSpec

Load = Callable[..., SweepSpec]
GOOD = """\
name: mine
grid: {model: [vae, cvae]}
paper:
  - {metric: probe/accuracy_paper, value: 0.918, source: "Table 1", settings: {model: vae}}
  - {metric: fid/inception, value: 19, source: RAE}
"""


def test_it_is_read(load: Load) -> None:
    one, two = load(GOOD).paper
    assert (one.metric, one.value, one.source) == ("probe/accuracy_paper", 0.918, "Table 1")
    assert (one.settings, two.settings, two.value) == ({"model": "vae"}, {}, 19.0)
    assert load("name: mine").paper == []


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("{value: 1, source: x}", "paper[0].metric: is missing"),
        ("{metric: probe/acuracy, value: 1, source: x}", 'did you mean "probe/accuracy"?'),
        (
            "{metric: probe/accuracy, value: much, source: x}",
            "paper[0].value: must be a valid number",
        ),
        ("{metric: probe/accuracy, value: .nan, source: x}", "paper[0].value"),
        ("{metric: probe/accuracy, value: 1, source: x, setting: {}}", 'did you mean "settings"?'),
        (
            "{metric: probe/accuracy, value: 1, source: x, settings: {bta: 1}}",
            'did you mean "beta"?',
        ),
        (
            "{metric: probe/accuracy, value: 1, source: x, settings: {model: VAE}}",
            "paper[0].settings.model: must be",
        ),
        ("nothing", "paper: must be a list"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(load: Load, item: str, words: str) -> None:
    text = f"name: mine\npaper: {item if item == 'nothing' else f'[{item}]'}\n"
    with pytest.raises(UserError) as caught:
        load(text)
    (line,) = caught.value.lines
    assert "sweep.yaml:2: " in line
    assert words in line
