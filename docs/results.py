"""Writes docs/results.md: what the sweeps of sweeps/paper have found.

    python docs/results.py --storage RUNS    # keep what sweeps say in docs/results/, and write
    python docs/results.py --storage RUNS --beside-other-work NAME…   # these say nothing of speed
    python docs/results.py                   # write from what was kept
    python docs/results.py --check           # compare instead

Every figure comes from what ``cvae-sweep compare --json`` prints; the words around them are in
``results_text``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from results_tables import Found
from results_text.asked import ASKED, Asked
from results_text.page import page

from orchestration.compare.answers import Question
from orchestration.compare.comparison import comparison_of
from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger
from orchestration.status.metric_columns import head

HERE = Path(__file__).parent
KEPT = HERE / "results"
TARGET = HERE / "results.md"
ARROWS = " ↑↓"
PAUSE_S = 600.0
"""For so long a sweep that is at work never waits."""


def main() -> int:
    """Keep, write or compare; the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/results.md.")
    parser.add_argument("--storage", type=Path, help="folder with the sweeps' runs")
    parser.add_argument("--beside-other-work", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--check", action="store_true", help="only compare")
    given = parser.parse_args()
    for asked in ASKED if given.storage else ():
        if (given.storage / asked.sweep).is_dir():
            found = gathered(given.storage, asked)
            if found["state"] != "finished":
                print(f"{asked.sweep} is {found['state']}: nothing of it is kept")
                continue
            found["run"]["alone"] = asked.sweep not in given.beside_other_work
            kept = json.dumps(found, indent=1, ensure_ascii=False)
            KEPT.mkdir(exist_ok=True)
            (KEPT / f"{asked.name}.json").write_text(kept + "\n")
    text = page({file.stem: Found(json.loads(file.read_text())) for file in KEPT.glob("*.json")})
    if not given.check:
        TARGET.write_text(text)
    elif not TARGET.exists() or TARGET.read_text() != text:
        print("docs/results.md is not what docs/results/ says; run python docs/results.py")
        return 1
    return 0


def gathered(storage: Path, asked: Asked) -> dict[str, Any]:
    """What is kept of one comparison: the answers, and what they rest on.

    Args:
        storage: folder with the sweeps' runs.
        asked: what is compared.
    """
    ledger = Ledger.open(storage / asked.sweep)
    document = comparison_of([ledger], Question(asked.by, asked.metrics))
    judged = document["verdicts"]["metrics"]
    rows = document.get("rows", document.get("baselines", []))
    return {
        "sweep": asked.sweep,
        "by": document["by"],
        "state": document["state"],
        "run": facts(ledger),
        "rows": [row_of(row, [each["metric"] for each in judged]) for row in rows],
        "verdicts": {title(each["metric"]): [*map(cell_of, each["cells"])] for each in judged},
        "fronts": {each["family"]: each["front"] for each in document.get("families", [])},
        "paper": document["paper"],
    }


def title(metric: str) -> str:
    """A metric as tables call it."""
    return head(metric).rstrip(ARROWS)


def row_of(row: Mapping[str, Any], metrics: Sequence[str]) -> dict[str, Any]:
    """Means of one setting over its seeds, of the metrics that are asked for."""
    found = {title(name): row["metrics"][name] for name in metrics if name in row["metrics"]}
    return {"name": row["name"], "baseline": row["baseline"], "metrics": found}


def cell_of(cell: Mapping[str, Any]) -> dict[str, Any]:
    """One row of a table of verdicts, without the keys of its trials."""
    return dict(cell) | {side: cell[side]["name"] for side in ("reference", "other")}


def facts(ledger: Ledger) -> dict[str, Any]:
    """What was run, on what, and how long it took."""
    trials = ledger.planned()
    here = [trial for trial in trials if trial.taken_over is None]
    parts = [part for trial in here for part in trial.evaluations.values()]
    work = [(epoch.at - epoch.epoch_s, epoch.at) for trial in here for epoch in trial.epochs]
    work += [(part.ended - (part.seconds or 0.0), part.ended) for part in parts if part.ended]
    cpu = ledger.sweep.spec.get("resources", {}).get("cpu", 1)
    return {
        "trials": len(trials),
        "trained_here": len(here),
        "elapsed_s": round(elapsed(work)),
        "training_cpu_s": round(sum(trial.train_s for trial in here) * cpu),
        "evaluation_cpu_s": round(sum(part.seconds or 0 for part in parts) * cpu),
        "images_per_s": speed(here),
        "processor": noted(here, "processor"),
        "torch": noted(here, "torch"),
        **{name: ledger.sweep.code.get(name) for name in ("version", "numerics")},
    }


def elapsed(work: Sequence[tuple[float, float]]) -> float:
    """Seconds from the first of some work to the last, without the pauses of a sweep between.

    Args:
        work: when each piece of it began and ended.
    """
    seconds, until = 0.0, -PAUSE_S
    for began, ended in sorted(work):
        if began - until < PAUSE_S and seconds:
            seconds += max(0.0, ended - until)
        else:
            seconds += ended - began
        until = max(until, ended)
    return seconds


def speed(trials: Sequence[Trial]) -> dict[str, int]:
    """Images a second of each model, of the median epoch."""
    rates: dict[str, list[float]] = {}
    for trial in trials:
        rates.setdefault(trial.config["model"], []).extend(e.images_per_s for e in trial.epochs)
    return {model: round(sorted(found)[len(found) // 2]) for model, found in rates.items() if found}


def noted(trials: Sequence[Trial], what: str) -> str:
    """What workers said of their machines."""
    said = (str(a.worker[what]) for t in trials for a in t.attempts if a.worker.get(what))
    return ", ".join(dict.fromkeys(said))


if __name__ == "__main__":
    sys.exit(main())
