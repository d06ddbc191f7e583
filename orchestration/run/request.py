"""What a command is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cvae_core.config import DataConfig
from orchestration.directory import working_directory
from orchestration.plan.evaluation_tasks import Wish
from orchestration.redact import without_credentials
from orchestration.run.restart import Program
from orchestration.spec.sweep import SweepSpec


@dataclass(frozen=True)
class Flags:
    """What stands on the command line beside the sweep; each may be left out."""

    data_root: Path | None = None
    tracking_uri: str | None = None
    address: str | None = None
    max_concurrent: int | None = None
    reuse: bool | None = None
    """Whether what other sweeps have trained is taken over; None: it is."""
    ship_code: bool | None = None
    """Whether the nodes of a cluster are sent this package; None: they are not."""
    directory: Path = field(default_factory=working_directory)
    """Where the sweep was started: folders of images are looked for there without a data root."""

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Flags:
        """The flags that a ledger keeps."""
        root, directory = stored.get("data_root"), stored.get("directory")
        return cls(
            data_root=None if root is None else Path(root),
            tracking_uri=stored.get("tracking_uri"),
            address=stored.get("address"),
            max_concurrent=stored.get("max_concurrent"),
            reuse=stored.get("reuse"),
            ship_code=stored.get("ship_code"),
            directory=working_directory() if directory is None else Path(directory),
        )

    def to_stored(self) -> dict[str, Any]:
        """What a ledger keeps, so that ``resume`` needs no flags; no user, no password."""
        return {
            "data_root": None if self.data_root is None else str(self.data_root.resolve()),
            "tracking_uri": self.tracking_uri and without_credentials(self.tracking_uri),
            "address": self.address,
            "max_concurrent": self.max_concurrent,
            "reuse": self.reuse,
            "ship_code": self.ship_code,
            "directory": str(self.directory),
        }

    def root_of(self, config: DataConfig) -> Path | None:
        """Folder below which a data set is looked for; None: the usual one."""
        if config.name == "folder":
            return self.data_root or self.directory
        return self.data_root

    def over(self, below: Flags) -> Flags:
        """These flags, and those below where one is left out here."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        return replace(below, **(given | {"directory": below.directory}))


@dataclass(frozen=True)
class Request:
    """A sweep to be run or continued."""

    spec: SweepSpec
    storage: Path
    command: str
    """The command line that continues."""
    flags: Flags = Flags()
    stored_plan: bool = False
    """Whether the plan has to be the one that the ledger keeps."""
    retry: tuple[str, ...] | None = None
    """Keys of failed trials to be trained again; empty: all of them; None: none."""
    wish: Wish | None = None
    """Evaluations to be added, without training; None: the sweep itself."""
    program: Program = field(default_factory=Program)
    """What is started again when Ray has died."""
    why_threads: str | None = None
    """Why trials have so many threads; None: the sweep's file says how many."""

    @property
    def folder(self) -> Path:
        """The sweep's folder."""
        return self.storage / self.spec.name
