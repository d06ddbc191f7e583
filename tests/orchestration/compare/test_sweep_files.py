"""The questions that the sweep files here name can be answered by what they train."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.compare.answers import whole_name
from orchestration.compare.measured import measured
from orchestration.compare.paired import LEAST_PAIRS, LEVEL
from orchestration.compare.pairs import pairings
from orchestration.ledger.documents import Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.plan.plan import make_plan
from orchestration.spec.reading import load_spec

ROOT = Path(__file__).parents[3]
COMMAND = re.compile(r"^#   cvae-sweep compare (\w+)(?: --by ([\w.]+))?(?: .*)?$", re.MULTILINE)


def asked() -> Iterator[tuple[str, str | None]]:
    for path in sorted((ROOT / "sweeps").rglob("*.yaml")):
        for name, by in COMMAND.findall(path.read_text(encoding="utf-8")):
            assert path.stem == name
            yield path.relative_to(ROOT).as_posix(), by or None


@pytest.mark.parametrize(("file", "by"), list(asked()), ids=lambda value: value or "model")
def test_what_a_file_says_can_be_asked_of_it_has_pairs(
    file: str, by: str | None, tmp_path: Path
) -> None:
    plan = make_plan(load_spec(ROOT / file))
    sweep = Sweep(name="a", sweep_id="1", created=0.0, spec={}, plan=list(plan.trials))
    ledger = Ledger.create(tmp_path / "a", sweep)
    for key, config in plan.trials.items():
        ledger.save(Trial(key=key, config=config.to_settings(), state="finished"))
    trained = [measured(ledger.trials[key], sweep) for key in plan.trials]
    found = pairings(trained, whole_name(by, [ledger]) or "model")
    assert found
    fewest = min(len(pairing.reference.trials) for pairing in found)
    assert fewest >= LEAST_PAIRS
    # Holm's first step: the smallest p of the exact test, times the rows.
    assert 2 * 0.5**fewest * len(found) <= LEVEL, "no row could have a verdict"
