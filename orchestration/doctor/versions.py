"""Versions of Python and of the packages."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.version import Version

from orchestration.commands import pip_install
from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.doctor.subject import Subject
from orchestration.spec.packaged import constrained_versions

NAME = "versions"
DISTRIBUTION = "cvae-sweep"


def check_versions(subject: Subject) -> list[Finding]:
    """Against the declared ranges, and against the versions that were tested."""
    try:
        declared = [Requirement(line) for line in requires(DISTRIBUTION) or []]
        python = metadata(DISTRIBUTION)["Requires-Python"]
    except PackageNotFoundError:
        return [
            warning(
                NAME,
                f"{DISTRIBUTION} is not installed, so its requirements are not known",
                f"Install it: `{pip_install('.')}` in its folder.",
            )
        ]
    needed = [r for r in declared if r.marker is None or r.marker.evaluate({"extra": ""})]
    return compare(needed, constrained_versions(), f"Python {platform.python_version()} ({python})")


def compare(needed: list[Requirement], tested: dict[str, str], python: str) -> list[Finding]:
    """Findings about the installed versions of the requirements."""
    wrong: dict[str, str] = {}
    other: list[str] = []
    for requirement in needed:
        name = requirement.name
        try:
            installed = Version(version(name))
        except PackageNotFoundError:
            wrong[str(requirement)] = f"{name} is not installed"
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong[str(requirement)] = f"{name} {installed} is not {requirement.specifier}"
        elif name in tested and installed.public != tested[name]:
            other.append(f"{name} {installed} ({tested[name]})")
    findings = []
    if wrong:
        findings.append(problem(NAME, "; ".join(wrong.values()), f"`{pip_install(*wrong)}`"))
    if other:
        pins = [f"{name}=={tested[name]}" for name in (each.split()[0] for each in other)]
        findings.append(
            warning(
                NAME,
                f"not the tested ones, which are in brackets: {', '.join(other)}",
                f"Fine, unless something breaks; the tested ones: `{pip_install(*pins)}`.",
            )
        )
    if not findings:
        as_tested = "as tested" if tested else "in the declared ranges"
        findings.append(ok(NAME, f"{python} and {len(needed)} packages {as_tested}"))
    return findings
