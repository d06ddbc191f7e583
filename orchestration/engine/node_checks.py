"""Before the first trial: is every node of a cluster fit for it? All that is wrong is said at once.

What runs on the nodes travels as code, for this package may be missing there.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import ray
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from rich.filesize import decimal

from orchestration import store
from orchestration.commands import pip_install
from orchestration.engine.nodes import name_of
from orchestration.engine.pools import in_pool
from orchestration.errors import UserError

PACKAGE = "cvae-sweep"
PACKAGES = (
    *(PACKAGE, "torch", "torchvision", "numpy", "scipy", "scikit-learn", "numba"),
    *("umap-learn", "pytorch-fid", "ray"),
)
"""Of other versions of these the numbers, or the protocol, are others."""
ANSWER_S = 60.0
MOST_SKEW_S = 60.0
LEAST_DISK = 10**9
LEAST_MEMORY = 5 * 10**8
"""What a worker takes at least."""


def check_nodes(folder: Path, pool: str | None = None, *, shipped: bool = False) -> None:
    """Ask every node of the cluster that this program is connected to.

    Args:
        folder: the sweep's; it is there, and has to be seen by all nodes.
        pool: of its nodes alone trials are placed on; None: on any.
        shipped: whether nodes are sent this package: then they need only what it depends on.

    Raises:
        UserError: a line for each thing that is wrong, with its node.
    """
    problems = [
        f"node {name}: {problem}"
        for name, found in answers(folder, pool).items()
        for problem in problems_of(found, folder, shipped=shipped)
    ]
    if problems:
        raise UserError(*problems)


def problems_at(folder: Path, number: str, *, shipped: bool = False) -> list[str]:
    """What is wrong with the node of an id, a sentence each; nothing, where it is gone."""
    alive = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] == number]
    return [
        problem
        for found in _asked(folder, alive).values()
        for problem in problems_of(found, folder, shipped=shipped)
    ]


def answers(folder: Path, pool: str | None = None) -> dict[str, dict[str, Any]]:
    """What each node of a pool, or of the cluster, has found out about itself, by name.

    One that does not answer has ``silent`` alone.
    """
    return _asked(folder, [n for n in ray.nodes() if n["Alive"] and in_pool(n, pool)])


def _asked(folder: Path, listed: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    alive = {node["NodeID"]: node for node in listed}
    nodes = {number: name_of(node) for number, node in alive.items()}
    word = secrets.token_hex(16)
    # Named as writes that were cut off are: those are removed, also where this is killed.
    asked = folder.absolute() / f".{word}{store.PART}"
    store.write_bytes(asked, word.encode())
    look = ray.remote(num_cpus=0, max_retries=0, runtime_env={})(_look_here())
    place = NodeAffinitySchedulingStrategy
    try:
        began = {number: time.time() for number in nodes}
        called = {
            look.options(scheduling_strategy=place(number, soft=False)).remote(
                str(asked), word, (*PACKAGES, *_required())
            ): number
            for number in nodes
        }
        done, _ = ray.wait(list(called), num_returns=len(called), timeout=ANSWER_S)
        found: dict[str, dict[str, Any]] = {}
        for reference, number in called.items():
            name = nodes[number]
            if reference not in done:
                found[name] = {"silent": f"it did not answer within {ANSWER_S:.0f} s"}
                continue
            try:
                answer = ray.get(reference)
            except Exception as error:  # Ray has many, for what can happen there
                found[name] = {"silent": f"it could not be asked ({str(error).splitlines()[0]})"}
                continue
            back = asked.with_stem(f".{word}-{answer['id']}")
            answer["seen"] = back.is_file() and back.read_text() == word
            has = alive[number]["Resources"]
            answer |= {"cpus": has.get("CPU", 0), "gpus": has.get("GPU", 0)}
            answer["skew_s"] = _skew(answer["time"], began[number], time.time())
            found[name] = answer
        return found
    finally:
        for path in folder.glob(f".{word}*"):
            store.remove(path)


def problems_of(found: Mapping[str, Any], folder: Path, *, shipped: bool = False) -> list[str]:
    """What is wrong with a node, a sentence each.

    Args:
        found: what it has answered.
        folder: the sweep's.
        shipped: whether it is sent this package.
    """
    if "silent" in found:
        return [found["silent"]]
    problems = _of_folder(found, folder) + _of_packages(found["versions"], shipped=shipped)
    if found["memory"] < LEAST_MEMORY:
        problems.append(f"{decimal(found['memory'])} of memory are free; a worker takes more")
    if found["disk"] < LEAST_DISK:
        problems.append(
            f"{decimal(found['disk'])} are free in its temporary folder {found['temporary']}"
        )
    if abs(found["skew_s"]) > MOST_SKEW_S:
        problems.append(
            f"its clock differs by {found['skew_s']:+.0f} s; times in the ledger and in MLflow "
            "would go back and forth: set it, for instance with NTP"
        )
    return problems


def _of_folder(found: Mapping[str, Any], folder: Path) -> list[str]:
    storage = folder.absolute().parent
    cure = (
        f"; every node has to see {storage} as the same folder (NFS or Lustre): name such a one "
        "with --storage"
    )
    if found["read"] != "yes":
        return [
            f"the sweep's folder {folder.absolute()} cannot be read there ({found['read']}){cure}"
        ]
    if not found["wrote"]:
        return [f"the sweep's folder cannot be written to there ({found['write_error']}){cure}"]
    if not found["seen"]:
        return [f"what it writes into {folder.absolute()} is not seen here{cure}"]
    return []


def _of_packages(there: Mapping[str, str | None], *, shipped: bool) -> list[str]:
    """Versions that differ from those here, or do not do."""
    if there.get(PACKAGE, "") is None and not shipped:
        return [
            f"{PACKAGE} is not installed in its Python: install {PACKAGE} {_version(PACKAGE)} "
            "there, let the nodes use this environment from a folder that all of them see, or send "
            "it with --ship-code"
        ]
    required = _required() if shipped else {}

    def does(name: str, found: str | None) -> bool:
        if name in PACKAGES:
            return (shipped and name == PACKAGE) or found == _version(name)
        needed = required.get(name)  # it comes with this package, unless that is sent
        return needed is None or (found is not None and needed.contains(found, prereleases=True))

    differing = {name: _version(name) for name, found in there.items() if not does(name, found)}
    if not differing:
        return []
    told = ", ".join(
        f"{name} {there[name] or 'is missing'} (here {here})" for name, here in differing.items()
    )
    pins = [f"{name}=={here}" for name, here in differing.items() if here and name != PACKAGE]
    cures = [f"`{pip_install(*pins)}` there"] if pins else []
    if PACKAGE in differing:
        cures.append(f"install {PACKAGE} {differing[PACKAGE]} there, or send it with --ship-code")
    return ["; ".join([f"other versions: {told}", *cures])]


def _required() -> dict[str, SpecifierSet]:
    """What this package depends on, and which versions of it do."""
    try:
        declared = [Requirement(line) for line in metadata.requires(PACKAGE) or ()]
    except metadata.PackageNotFoundError:
        return {}
    return {
        each.name: each.specifier
        for each in declared
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _skew(there: float, began: float, ended: float) -> float:
    """Seconds that a clock is ahead at least, given when it was asked and when it had answered."""
    if there > ended:
        return there - ended
    return min(there - began, 0.0)


def _look_here() -> Callable[[str, str, Sequence[str]], dict[str, Any]]:
    """The function that runs on a node, which needs nothing but Ray there."""

    # Made in here, and so sent as code: what is imported by name has to be installed there.
    def look(path: str, word: str, packages: Sequence[str]) -> dict[str, Any]:
        import platform
        import shutil
        import tempfile
        import time
        from importlib import metadata
        from pathlib import Path

        import ray

        def version(name: str) -> str | None:
            try:
                return metadata.version(name)
            except metadata.PackageNotFoundError:
                return None

        asked, number = Path(path), ray.get_runtime_context().get_node_id()
        answer: dict[str, Any] = {"id": number, "wrote": False, "write_error": ""}
        try:
            answer["read"] = "yes" if asked.read_text() == word else "it has another content"
        except OSError as error:
            answer["read"] = error.strerror or str(error)
        if answer["read"] == "yes":
            try:
                asked.with_stem(f".{word}-{number}").write_text(word)
                answer["wrote"] = True
            except OSError as error:
                answer["write_error"] = error.strerror or str(error)
        temporary = tempfile.gettempdir()
        with Path("/proc/meminfo").open() as file:
            memory = {line.split(":")[0]: line.split()[1] for line in file}
        return answer | {
            "versions": {name: version(name) for name in packages},
            "python": platform.python_version(),
            "processor": platform.machine(),
            "temporary": temporary,
            "disk": shutil.disk_usage(temporary).free,
            "memory": int(memory["MemAvailable"]) * 1024,
            "time": time.time(),
        }

    return look
