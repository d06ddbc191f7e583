"""The nodes of a Ray cluster, each asked what a sweep needs of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.filesize import decimal

from orchestration.doctor.finding import Finding, ok, problem
from orchestration.doctor.subject import Subject, nearest_existing
from orchestration.engine.ray_environment import prepare_joining
from orchestration.errors import UserError
from orchestration.plan.slots import Node, count_slots
from orchestration.words import count

ADVICE = "docs/cluster.md says what a node needs."


def check_cluster(subject: Subject, address: str, *, ship_code: bool = False) -> list[Finding]:
    """A finding a node.

    Args:
        subject: with the folder that all nodes have to see.
        address: of the cluster.
        ship_code: whether a sweep would send them this package.

    Raises:
        UserError: it cannot be joined.
    """
    from orchestration.engine.ray_address import check_address

    check_address(address)
    prepare_joining()
    from orchestration.engine.node_checks import answers, problems_of
    from orchestration.engine.ray_cluster import RaySession

    place = nearest_existing(subject.storage)
    try:
        seen = tempfile.TemporaryDirectory(prefix=".cvae-doctor-", dir=place)
    except OSError as error:
        what = f"{place} cannot be written ({error.strerror or error})"
        advice = "Choose a folder that all nodes see and may write to, with --storage."
        return [problem("storage", what, advice)]
    findings = []
    with seen as folder, tempfile.TemporaryDirectory() as temporary:
        try:
            session = RaySession(
                address, subject.resources, subject.max_concurrent, 0, Path(temporary)
            )
            session.start()
        except UserError as error:
            return [problem("cluster", line, ADVICE) for line in error.lines]
        try:
            for name, found in answers(Path(folder), subject.resources.pool).items():
                wrong = problems_of(found, Path(folder), shipped=ship_code)
                findings += [problem(f"node {name}", line, ADVICE) for line in wrong]
                if not wrong:
                    node = Node(found["cpus"], found["gpus"])
                    fitting = count_slots([node], subject.resources, subject.max_concurrent)
                    findings.append(
                        ok(
                            f"node {name}",
                            f"{count(int(node.cpus), 'CPU')}, {count(int(node.gpus), 'GPU')}: "
                            f"{count(fitting, 'trial')} at a time; "
                            f"sees {place}, {decimal(found['memory'])} of memory and "
                            f"{decimal(found['disk'])} of disk free, same versions",
                        )
                    )
        finally:
            session.stop()
    return findings
