"""Answers as Markdown: short enough for a tag, and whatever they hold shown as it stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvae_core.config import TrialConfig
from orchestration.compare.answers import Answers, Question, answers
from orchestration.compare.measured import Measured
from orchestration.compare.pairs import Cell, Pairing
from orchestration.compare.verdicts import judge
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import REPORT_NOTE
from orchestration.report.note import LONGEST, note_of
from orchestration.report.report_file import note_results

METRIC = "probe/accuracy"
HOSTILE = "<script>alert(1)</script> | a*b_c `d` [x](y)"


def answered(pairs: int, name: str = "β=1") -> Answers:
    """So many pairings of ten seeds each, all of them clear."""

    def cell(model: str, gain: float) -> Cell:
        config = TrialConfig.from_settings({"model": model})
        trials: dict[tuple[Any, ...], Measured] = {
            (seed,): Measured("k", config, {"seed": seed}, {METRIC: gain * (seed + 1)}, {}, 1.0)
            for seed in range(10)
        }
        return Cell({"model": model}, trials)

    found = [Pairing(cell("vae", 0.0), cell("cvae", 0.01), "model", {}, name) for _ in range(pairs)]
    return Answers("model", found, {METRIC: judge(found, METRIC)}, {}, [METRIC], [], [])


def test_a_sentence_and_the_table() -> None:
    lines = note_of(answered(2), "mine: 40 finished").splitlines()
    sentence = "- probe ↑: cvae better in all 2 (β=1 +0.055; β=1 +0.055)"
    assert lines[:3] == ["mine: 40 finished", "", sentence]
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 2
    assert len({line.count("|") for line in table}) == 1
    assert re.fullmatch(r"\|( -{3}:? \|)+", table[1])


def test_what_has_no_room_is_left_out_as_a_whole() -> None:
    note = note_of(answered(60), "mine: 1,200 finished")
    assert len(note) <= LONGEST
    assert "- no verdicts: they take 12 seeds in both over 60 rows, here 10 seeds" in note
    assert "|" not in note


def test_names_are_text() -> None:
    note = note_of(answered(1, HOSTILE), HOSTILE)
    assert "<script>" not in re.sub(r"\\.", "", note)
    for line in note.splitlines():
        plain = re.sub(r"\\.", "", line)
        assert not set("`<>[]") & set(plain)
        assert not line.startswith("|") or plain.count("|") == 10


@pytest.mark.slow
def test_a_run_writes_it_beside_the_report_and_the_tables(
    tmp_path: Path, sweep_in: Callable[..., Any]
) -> None:
    sweep_in(tmp_path / "small", base={"epochs": 1}, grid={"model": ["vae", "cvae"]}).run()
    ledger = Ledger.open(tmp_path / "small")
    note_results(ledger)
    note = (ledger.folder / REPORT_NOTE).read_text()
    assert note.startswith("small: 2 finished\n\n- no verdicts: they take 6 seeds in both, here 1")
    assert note == note_of(answers([ledger], Question()), "small: 2 finished")
    tables = [ref.path for ref in ledger.sweep.evaluations["report"].artifacts[2:]]
    assert tables == [f"artifacts/report/{name}.json" for name in ("comparison", "verdicts")]
    assert all((ledger.folder / path).is_file() for path in tables)
