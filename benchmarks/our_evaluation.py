"""The project's side of ``evaluate.py``: a worker that has evaluated a trial before."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from time import process_time

import torch
from evaluated_trial import load
from results import peak_mib

from cvae_core.evaluation.parts import PARTS, Findings, measure


def main() -> None:
    """Evaluate the trial once untimed, then so often part by part; write what was found."""
    folder, repeats = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    trial = load(folder)
    seconds: dict[str, list[float]] = {part: [] for part in PARTS if PARTS[part].on}
    found = {}
    for repeat in range(repeats + 1):
        subject = trial.subject()
        for part, taken in seconds.items():
            began = process_time()
            *_, findings = measure(part, subject, PARTS[part].settings())
            if repeat:
                taken.append(process_time() - began)
            assert isinstance(findings, Findings)
            found.update(findings.metrics)
    result = {
        "seconds": {part: statistics.median(taken) for part, taken in seconds.items()},
        "metrics": found,
        "peak_mib": peak_mib(),
    }
    (folder / "ours.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
