"""The classifiers behind distances: all trials of a sweep share one, those taken over included."""

from __future__ import annotations

from pathlib import Path

from cvae_core.config import TrialConfig
from cvae_core.evaluation.distances.declaration import FD
from orchestration.ledger.documents import Evaluated, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import EXTRACTORS
from orchestration.run.reusable import BY_EPOCH


def shares_classifier(ledger: Ledger, folder: Path, part: Evaluated, config: TrialConfig) -> bool:
    """Have a sweep judge by the classifier by which a trial of another one was judged.

    Args:
        ledger: of the sweep.
        folder: of the other sweep.
        part: what was found with the classifier.
        config: of the trial.

    Returns:
        Whether it does; not where it has another one, or the other sweep has it no more.
    """
    from cvae_core.evaluation.distances.classifier import digest_of, file_of

    name, digest = part.facts.get("extractor"), part.facts.get("extractor_digest")
    fingerprint = ledger.sweep.data.get(config.data.dataset)
    if name is None or digest is None or fingerprint is None:
        return False
    path = f"{EXTRACTORS}/{file_of(str(name), fingerprint)}"
    own = ledger.place_of(path)
    if own.exists():
        return digest_of(own) == digest
    return digest_of(folder / path) == digest and ledger.link(folder / path, path)


def shares_history(ledger: Ledger, folder: Path, trial: Trial) -> bool:
    """The same of what was measured while a trial was trained, where there are distances in it.

    With epochs no classifier is noted: it is that of the distances measured after training.

    Args:
        ledger: of the sweep.
        folder: of the sweep that has trained it, which may be the same.
        trial: that was trained.
    """
    begin = BY_EPOCH["fd_every"]
    if not any(name.startswith(begin) for epoch in trial.epochs for name in epoch.metrics):
        return True
    part = trial.evaluations.get(FD.name)
    if part is None:
        return folder == ledger.folder
    return shares_classifier(ledger, folder, part, TrialConfig.from_settings(trial.config))
