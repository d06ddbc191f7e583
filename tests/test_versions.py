"""The ranges of versions in ``pyproject.toml``, which ``make compat`` tests at their ends."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from orchestration.spec.packaged import constrained_versions
from tests.compat import oldest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NEEDED = [Requirement(line) for line in PROJECT["dependencies"]]


@pytest.mark.parametrize("needed", NEEDED, ids=lambda needed: needed.name)
def test_a_range_has_two_ends_and_holds_the_tested_version(needed: Requirement) -> None:
    assert sorted(each.operator for each in needed.specifier) == ["<", ">="]
    tested = {name.lower(): version for name, version in constrained_versions().items()}
    assert needed.specifier.contains(tested[needed.name])


def test_the_oldest_are_the_lower_ends() -> None:
    lowest = [Requirement(line) for line in oldest()]
    assert [each.name for each in lowest] == [each.name for each in NEEDED]
    for pin, needed in zip(lowest, NEEDED, strict=True):
        (version,) = (each.version for each in pin.specifier)
        assert {each.version for each in needed.specifier if each.operator == ">="} == {version}
