"""A search below another layer: another file's, or the command line's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.spec.reading import load_spec
from orchestration.spec.search import Parameter, Search
from orchestration.spec.sweep import SweepSpec

BELOW = """\
name: below
base: {clip_norm: 2}
grid: {model: [vae, cvae], batch_size: [32, 64]}
search:
  trials: 40
  space:
    beta: {log: [1e-8, 0.1]}
    lambda: {log: [1e-3, 10], when: {model: cvae}}
    architecture: {latent_dim: {range: [4, 32], step: 4}}
  enqueue:
    - {beta: 1e-3, lambda: 0.1}
    - {beta: 1e-5, lambda: 0.1}
    - {beta: 1e-5}
scheduler: {name: asha, grace_epochs: 3, reduction: 4}
"""


def load(folder: Path, above: str, *overrides: str) -> SweepSpec:
    (folder / "below.yaml").write_text(BELOW)
    (folder / "above.yaml").write_text(f"extends: below.yaml\nname: above\n{above}\n")
    return load_spec(folder / "above.yaml", overrides)


def search(spec: SweepSpec) -> Search:
    assert spec.search is not None
    return spec.search


def space_of(spec: SweepSpec) -> dict[str, dict[str, Any]]:
    space = search(spec).space
    return {name: parameter.model_dump(exclude_defaults=True) for name, parameter in space.items()}


def test_sections_are_merged_setting_by_setting(tmp_path: Path) -> None:
    spec = load(tmp_path, "search: {trials: 60}\nscheduler: {grace_epochs: 2}")
    assert search(spec).trials == 60
    assert space_of(spec) == space_of(load(tmp_path, ""))
    assert spec.scheduler is not None
    assert (spec.scheduler.grace_epochs, spec.scheduler.reduction) == (2, 4)


@pytest.mark.parametrize(
    ("above", "name", "expected"),
    [
        ("{beta: {range: [0, 1]}}", "beta", {"range": [0, 1]}),
        ("{beta: {choice: [1, 2]}}", "beta", {"choice": [1, 2]}),
        ("{beta: {log: [1, 2]}}", "beta", {"log": [1, 2]}),
        ("{lambda: {range: [0, 1]}}", "lambda", {"range": [0, 1], "when": {"model": "cvae"}}),
        ("{beta: {when: {model: vae}}}", "beta", {"log": [1e-8, 0.1], "when": {"model": "vae"}}),
        ("{architecture.latent_dim: {range: [1, 9]}}", None, {"range": [1, 9]}),
        ("{architecture: {latent_dim: {choice: [4, 8]}}}", None, {"choice": [4, 8]}),
        (
            "{architecture.latent_dim: {when: {model: vae}}}",
            None,
            {"range": [4, 32], "step": 4, "when": {"model": "vae"}},
        ),
        ("{tau: {range: [0.1, 1]}}", "tau", {"range": [0.1, 1]}),
    ],
)
def test_a_parameter_over_another(
    tmp_path: Path, above: str, name: str | None, expected: dict[str, Any]
) -> None:
    space = space_of(load(tmp_path, f"search: {{space: {above}, enqueue: []}}"))
    assert space[name or "architecture.latent_dim"] == expected
    assert {"beta", "lambda", "architecture.latent_dim"} <= space.keys()


@pytest.mark.parametrize(
    ("above", "overrides"),
    [
        ("base: {beta: 1e-3}", ()),
        ("grid: {beta: [1e-3, 1e-4]}", ()),
        ("", ("beta=1e-3",)),
        ("", ("beta=[1e-3, 1e-4]",)),
        ("", ("base.beta=1e-3",)),
        ("", ("grid.beta=[1e-3, 1e-4]",)),
    ],
)
def test_what_is_fixed_above_is_not_searched(
    tmp_path: Path, above: str, overrides: tuple[str, ...]
) -> None:
    spec = load(tmp_path, above, *overrides)
    assert list(space_of(spec)) == ["lambda", "architecture.latent_dim"]
    # The first two points are one now, and nothing is left of the third.
    assert search(spec).enqueue == [{"lambda": 0.1}]
    assert {cell["beta"] for cell in spec.cells()} <= {1e-3, 1e-4}


def test_a_nested_setting_that_is_fixed_above(tmp_path: Path) -> None:
    assert list(space_of(load(tmp_path, "", "architecture.latent_dim=7"))) == ["beta", "lambda"]


@pytest.mark.parametrize(
    "above",
    [
        "search: {space: {batch_size: {range: [8, 16]}, clip_norm: {range: [1, 3]}}}",
        "search: {space: {batch_size: {choice: [8, 9]}, clip_norm: {log: [1, 3], when: {}}}}",
    ],
)
def test_what_is_searched_above_is_not_fixed(tmp_path: Path, above: str) -> None:
    spec = load(tmp_path, above)
    assert spec.grid == [{"model": ["vae", "cvae"]}]
    assert spec.base == {}


def test_the_command_line_searches_what_the_file_fixes(tmp_path: Path) -> None:
    spec = load(tmp_path, "", "search.space.clip_norm.log=[0.1, 10]")
    assert (spec.base, space_of(spec)["clip_norm"]) == ({}, {"log": [0.1, 10]})
    spec = load(tmp_path, "", "search.space.clip_norm={log: [0.1, 10], when: {model: cvae}}")
    assert spec.base == {"clip_norm": 2}, "the VAE's value"


def test_numbers_from_the_command_line(tmp_path: Path) -> None:
    spec = load(tmp_path, "", "search.trials=60", "search.space.beta.range=[0, 1]")
    assert search(spec).trials == 60
    with pytest.raises(UserError, match=r"--set: search\.space\.beta\.log\[1\]"):
        load(tmp_path, "", "search.space.beta={log: [1, x]}")
    assert search(spec).space["beta"] == Parameter(range=[0, 1])


def test_a_section_is_taken_away(tmp_path: Path) -> None:
    assert load(tmp_path, "scheduler:").scheduler is None
    spec = load(tmp_path, "", "scheduler=null", "search=null")
    assert (spec.search, spec.scheduler) == (None, None)


def test_another_scheduler_over_the_first(tmp_path: Path) -> None:
    above = load(tmp_path, "scheduler: {name: median, min_trials: 5}").scheduler
    from_line = load(tmp_path, "", "scheduler.name=median", "scheduler.min_trials=5").scheduler
    assert above == from_line
    assert above is not None
    assert (above.name, above.grace_epochs, above.min_trials) == ("median", 3, 5)


def test_nothing_is_left_to_be_searched(tmp_path: Path) -> None:
    lines = ("beta=1", "lambda=1", "architecture.latent_dim=2")
    with pytest.raises(UserError, match=r"search\.space: must name at least one setting"):
        load(tmp_path, "", *lines)
    assert load(tmp_path, "", *lines, "search=null").search is None


@pytest.mark.parametrize("section", ["[]", "3", "{space: 3}", "{space: {beta: 1}, trials: 3}"])
def test_sections_that_are_none_are_errors_and_no_crash(tmp_path: Path, section: str) -> None:
    for above, overrides in ((f"search: {section}", ()), ("", (f"search={section}",))):
        with pytest.raises(UserError, match=r"above\.yaml.*: search"):
            load(tmp_path, above, *overrides)
    with pytest.raises(UserError, match="scheduler"):
        load(tmp_path, "scheduler: 3")
