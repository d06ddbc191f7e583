"""Data sets."""

from __future__ import annotations

import shlex
from pathlib import Path

from cvae_core.config import DataConfig
from orchestration.doctor.datafiles import Look, data_folder, data_names, look
from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.doctor.wanted import Wanted


def check_data(wanted: Wanted) -> list[Finding]:
    """Those that the sweep uses, without a sweep all that have a name."""
    configs = wanted.data or [DataConfig(name=name) for name in data_names()]  # type: ignore[arg-type]
    looks = [(config, look(config, wanted.data_root)) for config in configs]
    findings = [_present(config, seen) for config, seen in looks if seen.state != "missing"]
    findings += [
        _no_folder(config, seen)
        for config, seen in looks
        if seen.state == "missing" and config.name == "folder"
    ]
    absent: list[str] = [
        config.name for config, seen in looks if seen.state == "missing" and config.name != "folder"
    ]
    if absent:
        findings.append(_to_be_downloaded(absent, wanted.data_root))
    return findings


def _present(config: DataConfig, seen: Look) -> Finding:
    name = f"data {config.name}"
    if seen.state == "found":
        return ok(name, f"{seen.place}" + (f" ({seen.detail})" if seen.detail else ""))
    if config.name == "digits":
        return problem(name, "scikit-learn has lost it", "Install scikit-learn again.")
    return problem(
        name,
        f"{seen.place}: {seen.detail}",
        f"Delete {'these files' if ',' in seen.detail else 'this file'} and fetch the data set "
        f"again with `cvae-sweep data {config.name}`.",
    )


def _no_folder(config: DataConfig, seen: Look) -> Finding:
    return problem(
        "data folder",
        f"{seen.place.absolute()}: {seen.detail}",
        "Put your images into train/CLASS/ and test/CLASS/ there, or name the place with "
        "--data-root or data.path.",
    )


def _to_be_downloaded(names: list[str], root: Path | None) -> Finding:
    option = "" if root is None else f" --data-root {shlex.quote(str(root))}"
    return warning(
        f"data {', '.join(names)}",
        f"not in {data_folder(root)}, or not all of it",
        "A sweep downloads what it needs when it starts; "
        f"`cvae-sweep data {names[0]}{option}` does it now.",
    )
