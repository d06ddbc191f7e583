"""Sweep files that extend others: what wins, and where an error is said to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cvae_core.config import TrialConfig
from orchestration.errors import UserError
from orchestration.spec.reading import load_spec
from orchestration.spec.sweep import SweepSpec

BELOW = """\
name: below
base:
  epochs: 5
  data: {name: mnist, split_seed: 3}
grid:
  model: [vae, cvae]
  beta: [1e-3, 1e-5]
  views: {translation: [0.1, 0.2]}
seeds: [0, 1]
checkpoints: {every_epochs: 2, keep: 4}
"""


def load(folder: Path, above: str, *overrides: str, below: str = BELOW) -> SweepSpec:
    (folder / "below.yaml").write_text(below)
    (folder / "above.yaml").write_text("extends: below.yaml\n" + above)
    return load_spec(folder / "above.yaml", overrides)


def error(folder: Path, above: str, *overrides: str, below: str = BELOW) -> str:
    with pytest.raises(UserError) as raised:
        load(folder, above, *overrides, below=below)
    return str(raised.value)


def test_nothing_but_a_name_means_the_same_trials(tmp_path: Path) -> None:
    spec = load(tmp_path, "name: above")
    alone = load_spec(tmp_path / "below.yaml")
    assert spec.name == "above"
    assert spec.model_copy(update={"name": "below"}) == alone


@pytest.mark.parametrize(
    ("above", "cells"),
    [
        ("base: {epochs: 7}", {"epochs": {7}}),
        ("base: {data: {split_seed: 4}}", {"data": {("mnist", 4)}}),
        ("base: {beta: 1}", {"beta": {1}}),
        ("grid: {beta: [1, 2]}", {"beta": {1, 2}, "model": {"vae", "cvae"}}),
        ("grid: {views.translation: [0.3]}", {"views": {0.3}}),
        ("base: {views: {translation: 0.4}}", {"views": {0.4}}),
        ("seeds: [9]", {"seed": {9}}),
        ("grid: [{beta: [3]}, {beta: [4]}]", {"beta": {3, 4}, "model": {None}}),
        ("grid: {epochs: [1, 2]}", {"epochs": {1, 2}}),
    ],
)
def test_what_stands_above_wins(tmp_path: Path, above: str, cells: dict[str, set[Any]]) -> None:
    found: dict[str, set[Any]] = {}
    for cell in load(tmp_path, f"name: above\n{above}").cells():
        found.setdefault("data", set()).add((cell["data"]["name"], cell["data"]["split_seed"]))
        found.setdefault("views", set()).add(cell.get("views", {}).get("translation"))
        for name in ("epochs", "beta", "model", "seed"):
            found.setdefault(name, set()).add(cell.get(name))
    assert {name: found[name] for name in cells} == cells


def test_sections_are_merged(tmp_path: Path) -> None:
    spec = load(tmp_path, "name: above\ncheckpoints: {keep: 1}")
    assert (spec.checkpoints.every_epochs, spec.checkpoints.keep) == (2, 1)


def test_the_command_line_wins_over_both(tmp_path: Path) -> None:
    spec = load(tmp_path, "name: above\ngrid: {beta: [1, 2]}", "beta=5", "checkpoints.keep=3")
    assert {cell["beta"] for cell in spec.cells()} == {5}
    assert spec.checkpoints.keep == 3


@pytest.mark.parametrize(
    ("grid", "override", "cells"),
    [
        ("{data.name: [mnist, cifar10]}", "data={name: digits}", [("digits", 0)]),
        (
            "{data: {name: [mnist], split_seed: [0, 1]}}",
            "data={name: digits}",
            [("digits", 0), ("digits", 1)],
        ),
        (
            "{data: [{name: mnist}, {split_seed: 1}]}",
            "data={name: digits}",
            [("digits", 0), ("digits", 1)],
        ),
    ],
)
def test_a_group_on_the_command_line_takes_the_place_of_what_it_names(
    tmp_path: Path, grid: str, override: str, cells: list[tuple[str, int]]
) -> None:
    (tmp_path / "mine.yaml").write_text(f"name: mine\ngrid: {grid}\n")
    spec = load_spec(tmp_path / "mine.yaml", (override,))
    found = [TrialConfig.from_settings(cell).data for cell in spec.cells()]
    assert [(data.name, data.split_seed) for data in found] == cells


@pytest.mark.parametrize(
    ("grid", "override", "betas"),
    [
        ("[{model: [vae]}, {tau: [1]}]", "grid.beta=[1, 2]", [1, 2, 1, 2]),
        ("[{beta: [3], model: [vae]}, {beta: [4]}]", "grid.beta=[1]", [1, 1]),
        ("{schedule.beta: [{shape: step, epochs: 2}]}", "schedule.beta.epochs=5", [1e-3]),
    ],
)
def test_one_setting_leaves_the_others_of_a_grid(
    tmp_path: Path, grid: str, override: str, betas: list[float]
) -> None:
    (tmp_path / "mine.yaml").write_text(f"name: mine\nbase: {{model: cvae}}\ngrid: {grid}\n")
    spec = load_spec(tmp_path / "mine.yaml", (override,))
    found = [TrialConfig.from_settings(cell) for cell in spec.cells()]
    assert [config.beta for config in found] == betas
    assert len(spec.grid) == (2 if grid.startswith("[") else 1)
    if "schedule" in grid:
        assert (found[0].schedule.beta.shape, found[0].schedule.beta.epochs) == ("step", 5)


def test_a_chain(tmp_path: Path) -> None:
    load(tmp_path, "name: above\nbase: {epochs: 6}")
    (tmp_path / "top.yaml").write_text("extends: above.yaml\nname: top\nbase: {batch_size: 64}")
    spec = load_spec(tmp_path / "top.yaml")
    assert spec.base == {
        "epochs": 6,
        "batch_size": 64,
        "data": {"name": "mnist", "split_seed": 3},
    }


def test_errors_name_the_file_and_line_in_which_they_stand(tmp_path: Path) -> None:
    below = BELOW.replace("epochs: 5", "epochs: -5")
    text = error(tmp_path, "name: above\nbase: {betta: 1}\nseeds: [-1]", below=below)
    lines = text.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        str(tmp_path / "above.yaml:3"),
        str(tmp_path / "above.yaml:4"),
        str(tmp_path / "below.yaml:3"),
    ]
    assert "betta" in lines[0]
    assert "base.epochs" in lines[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extends: other/below.yaml\nname: a", "in the same folder"),
        ("extends: ../below.yaml\nname: a", "in the same folder"),
        ("extends: [below.yaml]\nname: a", "in the same folder"),
        ("extends:\nname: a", "in the same folder"),
        ("extends: belov.yaml\nname: a", 'did you mean "below.yaml"'),
        ("extends: above.yaml\nname: a", "above.yaml → above.yaml"),
        ("extends: below.yaml", "above.yaml:1: name: is missing"),
        ("extends: list.yaml\nname: a", "list.yaml: must be a mapping of settings, such as name: "),
        ("extends: broken.yaml\nname: a", "broken.yaml:1: is not valid YAML"),
    ],
)
def test_what_may_not_be_extended(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "below.yaml").write_text(BELOW)
    (tmp_path / "list.yaml").write_text("[1]")
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "above.yaml").write_text(text)
    with pytest.raises(UserError, match=r".") as raised:
        load_spec(tmp_path / "above.yaml")
    assert expected in str(raised.value)


@pytest.mark.parametrize("override", ["beta=[1,-1]", "grid.beta=[1,-1]"])
def test_a_mistake_of_the_command_line_is_its_own_over_a_list_of_grids(
    tmp_path: Path, override: str
) -> None:
    grids = "name: above\ngrid:\n- {model: [vae]}\n- {model: [cvae]}\n"
    lines = error(tmp_path, grids, override).splitlines()
    assert len(lines) == 2
    for number, line in enumerate(lines):
        assert f"above.yaml with --set: grid[{number}].beta[1]: " in line


def test_a_file_that_is_hardly_alike_is_not_suggested(tmp_path: Path) -> None:
    (tmp_path / "below.yaml").write_text(BELOW)
    (tmp_path / "above.yaml").write_text("extends: belief.yaml\nname: a")
    with pytest.raises(UserError, match=f"there is no belief.yaml in {tmp_path}$"):
        load_spec(tmp_path / "above.yaml")


def test_a_circle_of_two(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\nname: a")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\nname: b")
    with pytest.raises(UserError, match=r"a\.yaml → b\.yaml → a\.yaml"):
        load_spec(tmp_path / "a.yaml")


def test_the_merged_sweep_stands_alone(tmp_path: Path) -> None:
    """What a ledger keeps of it can be read again without the files."""
    spec = load(tmp_path, "name: above\ngrid: {beta: [1, 2]}")
    again = SweepSpec.model_validate(yaml.safe_load(yaml.safe_dump(spec.model_dump(mode="json"))))
    assert again == spec


@pytest.mark.parametrize("grid", ["", " 5", " [1]", " [{beta: [1]}, 2]"])
def test_a_grid_that_is_none_is_an_error_and_no_crash(tmp_path: Path, grid: str) -> None:
    (tmp_path / "a.yaml").write_text(f"name: a\ngrid:{grid}")
    for override in ("beta=[1,2]", "beta=1"):
        with pytest.raises(UserError, match=r"a\.yaml:2: grid"):
            load_spec(tmp_path / "a.yaml", (override,))
    with pytest.raises(UserError, match=r"above\.yaml:4: grid"):
        load(tmp_path, f"name: b\nbase: {{beta: 1}}\ngrid:{grid}")
