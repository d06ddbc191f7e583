"""What ``run`` was asked to do, and what can be checked before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvae_core.config import DataConfig
from orchestration import datasets
from orchestration.console import Console
from orchestration.errors import UserError
from orchestration.ledger import Ledger
from orchestration.mlflow_config import without_credentials
from orchestration.plan import Plan, make_plan
from orchestration.restart import Program
from orchestration.spec import SweepSpec
from orchestration.wanted import Wish

if TYPE_CHECKING:
    from cvae_core.data import Dataset


@dataclass(frozen=True)
class Flags:
    """What stands on the command line beside the sweep; each may be left out."""

    data_root: Path | None = None
    tracking_uri: str | None = None
    address: str | None = None
    max_concurrent: int | None = None
    directory: Path = field(default_factory=Path.cwd)
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
            directory=Path.cwd() if directory is None else Path(directory),
        )

    def to_stored(self) -> dict[str, Any]:
        """What a ledger keeps, so that ``resume`` needs no flags; no user, no password."""
        return {
            "data_root": None if self.data_root is None else str(self.data_root.resolve()),
            "tracking_uri": self.tracking_uri and without_credentials(self.tracking_uri),
            "address": self.address,
            "max_concurrent": self.max_concurrent,
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

    @property
    def folder(self) -> Path:
        """The sweep's folder."""
        return self.storage / self.spec.name


def plan_of(request: Request, console: Console) -> Plan:
    """The trials of a request; the images of folders are looked at, because keys depend on them.

    Raises:
        UserError: a folder of images is missing or not as it should be.
    """
    known: dict[str | None, str] = {}

    def content(config: DataConfig) -> str:
        if config.path not in known:
            root = request.flags.root_of(config)
            try:
                known[config.path] = datasets.content(config, root, console)
            except UserError as error:
                moved = (
                    "where the folder was moved, run the sweep file with --set data.path=NEW; "
                    "finished trials stay finished"
                )
                raise UserError(*error.lines, *([moved] if request.stored_plan else [])) from None
        return known[config.path]

    return make_plan(request.spec, content)


def prepare(
    request: Request, plan: Plan, ledger: Ledger | None, console: Console
) -> tuple[dict[str, Dataset], dict[str, str]]:
    """Load the data and check what can be checked before the sweep begins.

    Returns:
        Data sets and their fingerprints by ``DataConfig.dataset``.

    Raises:
        UserError: the request cannot be carried out here.
    """
    from joblib import cpu_count

    if request.flags.address is not None:
        from orchestration.cluster import check_address

        check_address(request.flags.address)
    elif request.spec.resources.cpu > cpu_count():
        raise UserError(
            f"resources.cpu: a trial asks for {request.spec.resources.cpu} CPUs, and this machine "
            f"has {cpu_count()}; lower it in the sweep file or with --set resources.cpu=1"
        )
    _check_gpus(request)
    loaded = {
        name: datasets.load(config, request.flags.root_of(config), console)
        for name, config in plan.datasets.items()
    }
    fingerprints = {name: dataset.fingerprint() for name, dataset in loaded.items()}
    if ledger is not None:
        for name, fingerprint in fingerprints.items():
            if ledger.sweep.data.get(name, fingerprint) != fingerprint:
                root = request.flags.root_of(plan.datasets[name])
                raise UserError(
                    f"{name} under {root} is not the data that {request.folder} was begun with; "
                    "name that data with --data-root, or give the sweep another name"
                )
    return loaded, fingerprints


def _check_gpus(request: Request) -> None:
    asked = request.spec.resources.gpu
    if not asked or request.flags.address is not None:
        return
    import torch

    there = torch.cuda.device_count()
    if asked > there:
        raise UserError(
            f"resources.gpu: a trial asks for {asked:g} GPUs, and PyTorch finds {there} on this "
            "machine; lower it in the sweep file or with --set resources.gpu=0"
        )
