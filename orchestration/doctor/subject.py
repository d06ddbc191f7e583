"""What the machine is checked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cvae_core.config import DataConfig
from orchestration.plan.plan import Plan, make_plan
from orchestration.plan.slots import Node, count_slots, this_machine
from orchestration.spec.sweep import Resources, SweepSpec


@dataclass(frozen=True)
class Subject:
    """The options of the command, and the sweep if there is one."""

    storage: Path
    data_root: Path | None = None
    tracking_uri: str | None = None
    max_concurrent: int | None = None
    spec: SweepSpec | None = None

    @cached_property
    def plan(self) -> Plan | None:
        """The trials of the sweep."""
        return None if self.spec is None else make_plan(self.spec)

    @property
    def resources(self) -> Resources:
        """Of one trial; without a sweep the defaults."""
        return Resources() if self.spec is None else self.spec.resources

    @cached_property
    def machine(self) -> Node:
        """CPUs, and GPUs if a trial asks for one, that may be used."""
        return this_machine(self.resources)

    @property
    def cpus(self) -> int:
        """CPUs that may be used: affinity and a container's share are respected."""
        return int(self.machine.cpus)

    @property
    def fitting(self) -> int:
        """How many trials fit at once, however many there are."""
        return count_slots([self.machine], self.resources, None)

    @property
    def slots(self) -> int:
        """How many trials will run at once; 0 where not one fits."""
        at_once = count_slots([self.machine], self.resources, self.max_concurrent)
        return at_once if self.plan is None else min(at_once, self.plan.size)

    @cached_property
    def data(self) -> list[DataConfig]:
        """The data sets that the sweep uses, each once; empty without a sweep."""
        used: dict[tuple[object, ...], DataConfig] = {}
        for config in () if self.plan is None else self.plan.configs:
            data = config.data
            used.setdefault((data.name, data.path, data.image_size, data.colour), data)
        return list(used.values())


def nearest_existing(path: Path) -> Path:
    """The path itself, or the first folder above it that is there."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
