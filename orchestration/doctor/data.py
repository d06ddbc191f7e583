"""Data sets."""

from __future__ import annotations

from pathlib import Path

from cvae_core.config import DataConfig
from cvae_core.data.sources import Inspection, inspect_dataset
from orchestration.caches import default_data_root
from orchestration.commands import command_line
from orchestration.doctor.datafiles import data_names
from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.doctor.subject import Subject
from orchestration.plan.datasets import root_of


def check_data(subject: Subject) -> list[Finding]:
    """Those that the sweep uses, without a sweep all that have a name."""
    configs = subject.data or [DataConfig(name=name) for name in data_names()]  # type: ignore[arg-type]
    looks = [
        (config, inspect_dataset(config, root_of(config, subject.data_root))) for config in configs
    ]
    findings = [
        _present(config, seen, subject.data_root)
        for config, seen in looks
        if seen.state != "missing"
    ]
    findings += [
        _no_folder(seen)
        for config, seen in looks
        if seen.state == "missing" and config.name == "folder"
    ]
    absent: dict[str, str] = {
        config.name: seen.detail
        for config, seen in looks
        if seen.state == "missing" and config.name != "folder"
    }
    if absent:
        findings.append(_to_be_downloaded(absent, subject.data_root))
    return findings


def _present(config: DataConfig, seen: Inspection, root: Path | None) -> Finding:
    name = f"data {config.name}"
    if seen.state == "found":
        place = "comes with scikit-learn" if seen.place is None else str(seen.place)
        found = place + (f" ({seen.detail})" if seen.detail else "")
        found += "".join(f"; left out: {group}" for group in seen.left_out)
        advice = "; ".join(group.advice for group in seen.left_out if group.advice)
        if advice:
            return warning(name, found, f"{advice[0].upper()}{advice[1:]}.")
        return ok(name, found)
    if config.name == "folder":
        check = command_line("data", "folder", "--path", "PATH")
        advice = f"`{check}` names every file that cannot be used."
        return problem(name, seen.detail, advice)
    return problem(
        name,
        seen.detail,
        f"Delete what is not whole, and fetch it again with `{_fetch(config.name, root)}`.",
    )


def _no_folder(seen: Inspection) -> Finding:
    return problem(
        "data folder",
        f"{seen.place and seen.place.absolute()}: {seen.detail}",
        "Put your images into train/CLASS/ and test/CLASS/ there, or name the place with "
        "--data-root or data.path.",
    )


def _to_be_downloaded(absent: dict[str, str], root: Path | None) -> Finding:
    names = list(absent)
    # Of one set it is of use which files would do; of all that there are it would be a page.
    files = f"; {absent[names[0]]}" if len(names) == 1 else ""
    return warning(
        f"data {', '.join(names)}",
        f"not in {root or default_data_root()}, or not all of it{files}",
        f"A sweep downloads what it needs when it starts; `{_fetch(names[0], root)}` does it now.",
    )


def _fetch(name: str, root: Path | None) -> str:
    return command_line("data", name, *([] if root is None else ["--data-root", str(root)]))
