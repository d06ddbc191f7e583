"""What is wrong with baselines in a sweep file: where they are asked for what they have not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cvae_core.baselines import BASELINES
from cvae_core.evaluation.parts import PARTS, baseline_lacks
from orchestration.spec.errors import SpecErrors
from orchestration.spec.evaluation import Evaluation
from orchestration.spec.yaml_file import Location


def check_baselines(errors: SpecErrors, content: Mapping[str, Any], evaluation: Evaluation) -> None:
    """Refuse baselines in a search, and those of which nothing would be measured.

    Args:
        errors: where mistakes are noted.
        content: of the file, in order so far.
        evaluation: its section.
    """
    if content.get("search") is not None and not errors.found_in("search"):
        for place, model in _models(content):
            if model in BASELINES:
                errors.add(
                    place,
                    f"{model} is a baseline, in which nothing can be searched; take it out: "
                    "baselines are trained beside the studies anyway (baselines: true)",
                )
    asked = content.get("baselines", True)
    for index, model in enumerate(asked if isinstance(asked, list) else ()):
        if all(baseline_lacks(model, part) for part in evaluation.wanted()):
            able = ", ".join(part for part in PARTS if baseline_lacks(model, part) is None)
            errors.add(
                ("baselines", index),
                f"nothing is measured of {model}, as evaluation has all of {able} off; turn one "
                f"of them on, or leave {model} out",
            )


def _models(content: Mapping[str, Any]) -> Iterator[tuple[Location, Any]]:
    """Every model that a file names, and where."""
    yield ("base", "model"), content.get("base", {}).get("model")
    grid = content.get("grid", {})
    grids = (
        [(("grid", index), each) for index, each in enumerate(grid)]
        if isinstance(grid, list)
        else [(("grid",), grid)]
    )
    for place, each in grids:
        for index, model in enumerate(each.get("model", [])):
            yield (*place, "model", index), model
    searched = content["search"].get("space", {}).get("model")
    for index, model in enumerate(searched.get("choice", []) if searched else []):
        yield ("search", "space", "model", "choice", index), model
