"""What ``run`` was asked to do, and what can be checked before anything is created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.console import Console
from orchestration.errors import UserError
from orchestration.ledger import Ledger
from orchestration.mlflow_config import check_reachable, without_credentials
from orchestration.plan import Plan
from orchestration.spec import SweepSpec

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

    @property
    def folder(self) -> Path:
        """The sweep's folder."""
        return self.storage / self.spec.name


def prepare(
    request: Request, plan: Plan, ledger: Ledger | None
) -> tuple[dict[str, Dataset], dict[str, str]]:
    """Load the data and check what can be checked before anything is created."""
    from joblib import cpu_count

    from cvae_core.data import load_dataset
    from cvae_core.errors import DataError
    from orchestration.engine import check_address

    if request.flags.address is not None:
        check_address(request.flags.address)
    elif request.spec.resources.cpu > cpu_count():
        raise UserError(
            f"resources.cpu: a trial asks for {request.spec.resources.cpu} CPUs, and this machine "
            f"has {cpu_count()}; lower it in the sweep file or with --set resources.cpu=1"
        )
    _check_gpus(request)
    root = request.flags.data_root or _default_data_root()
    datasets = {}
    for name, config in plan.datasets.items():
        try:
            datasets[name] = load_dataset(config.name, root)
        except DataError as error:
            raise UserError(str(error)) from error
    fingerprints = {name: dataset.fingerprint() for name, dataset in datasets.items()}
    if ledger is not None:
        for name, fingerprint in fingerprints.items():
            if ledger.sweep.data.get(name, fingerprint) != fingerprint:
                raise UserError(
                    f"{name} under {root} is not the data that {request.folder} was begun with; "
                    "name that data with --data-root, or give the sweep another name"
                )
    return datasets, fingerprints


def _check_gpus(request: Request) -> None:
    import torch

    asked, there = request.spec.resources.gpu, torch.cuda.device_count()
    if request.flags.address is None and asked > there:
        raise UserError(
            f"resources.gpu: a trial asks for {asked:g} GPUs, and PyTorch finds {there} on this "
            "machine; lower it in the sweep file or with --set resources.gpu=0"
        )


def _default_data_root() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("cvae-sweep") / "data"


def check_tracking(uri: str, *, first: bool, console: Console) -> None:
    """Refuse an MLflow that does not answer; later than at the first start, warn of it alone."""
    try:
        check_reachable(uri)
    except UserError as error:
        if first:
            raise
        console.line(f"warning: {error}")
