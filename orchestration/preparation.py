"""What ``run`` was asked to do, and what can be checked before anything is created."""

from __future__ import annotations

from dataclasses import dataclass
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
class Request:
    """What ``run`` was asked to do."""

    spec: SweepSpec
    storage: Path
    command: str
    """The command line that continues."""
    data_root: Path | None = None
    tracking_uri: str | None = None
    address: str | None = None
    max_concurrent: int | None = None

    def flags(self) -> dict[str, Any]:
        """What the ledger keeps, so that ``resume`` needs no flags; no user, no password."""
        uri = self.tracking_uri
        return {
            "data_root": None if self.data_root is None else str(self.data_root.resolve()),
            "directory": str(Path.cwd()),
            "address": self.address,
            "max_concurrent": self.max_concurrent,
            "tracking_uri": uri and without_credentials(uri),
        }

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

    if request.address is not None:
        check_address(request.address)
    elif request.spec.resources.cpu > cpu_count():
        raise UserError(
            f"resources.cpu: a trial asks for {request.spec.resources.cpu} CPUs, and this machine "
            f"has {cpu_count()}; lower it in the sweep file or with --set resources.cpu=1"
        )
    _check_gpus(request)
    root = request.data_root or _default_data_root()
    datasets = {}
    for name in plan.data_names:
        try:
            datasets[name] = load_dataset(name, root)
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
    if request.address is None and asked > there:
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
        console.warning(str(error))
