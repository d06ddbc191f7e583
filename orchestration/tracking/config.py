"""``mlflow.yaml``: where MLflow is and how its pages are served."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, Strict, ValidationError
from pydantic_core import PydanticCustomError

from orchestration.directory import working_directory
from orchestration.errors import UserError
from orchestration.redact import without_credentials
from orchestration.spec.errors import IN_QUOTES
from orchestration.spec.settings import FORBID
from orchestration.spec.yaml_file import YamlFile, read_yaml
from orchestration.sqlite import absolute_address, is_sqlite, sqlite_address

FILE = Path("mlflow.yaml")

Text = Annotated[str, Strict()]
SCHEMES = {
    *("http", "https", "sqlite", "postgresql", "mysql", "mssql"),
    *("file", "databricks", "databricks-uc", "uc"),
}
"""How addresses begin that MLflow knows, drivers of databases (``mysql+pymysql``) left out."""


def _of_mlflow(uri: str) -> str:
    """A tracking URI whose scheme MLflow or a plugin of it knows; else MLflow says so too late."""
    scheme, separator, _ = uri.partition("://")
    kind = scheme.lower().partition("+")[0]
    if separator and kind not in SCHEMES:
        plugins = entry_points(group="mlflow.tracking_store").names
        if scheme.lower() not in plugins:
            raise PydanticCustomError(
                "scheme",
                "MLflow knows no address that begins with {scheme}://; use "
                "sqlite:///PATH/mlflow.db or http://HOST:PORT",
                {"scheme": without_credentials(scheme)},
            )
    return uri


class Ui(BaseModel):
    """How MLflow's pages are served."""

    model_config = FORBID
    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 5000


class MlflowConfig(BaseModel):
    """Contents of ``mlflow.yaml``."""

    model_config = FORBID
    tracking_uri: Annotated[Text, AfterValidator(_of_mlflow)] | None = None
    artifact_location: Text | None = None
    experiment_prefix: Text = ""
    tags: dict[str, Text] = {}
    ui: Ui = Ui()


def load_mlflow_config(tracking_uri: str | None = None) -> MlflowConfig:
    """Defaults, then ``mlflow.yaml`` in the working directory, then the environment.

    Args:
        tracking_uri: from the command line; wins over all.

    Raises:
        UserError: the file or the address is not valid.
    """
    content: dict[str, Any] = {}
    lines = None
    if (working_directory() / FILE).exists():
        file = read_yaml(FILE)
        if not isinstance(file.content, dict | None):
            raise UserError(f"{FILE}: is a mapping, such as tracking_uri: http://host:5000")
        lines, content = file, dict(file.content or {})
    sources: dict[tuple[str, ...], str] = {}
    for key, variable in (
        ("tracking_uri", "MLFLOW_TRACKING_URI"),
        ("artifact_location", "MLFLOW_DEFAULT_ARTIFACT_ROOT"),
        ("experiment_prefix", "CVAE_SWEEP_EXPERIMENT_PREFIX"),
    ):
        if os.environ.get(variable):
            content[key] = os.environ[variable]
            sources[(key,)] = f"environment variable {variable}"
    ui: Any = content.get("ui") or {}
    for key, variable in (("host", "MLFLOW_HOST"), ("port", "MLFLOW_PORT")):
        if os.environ.get(variable):
            ui = (ui if isinstance(ui, dict) else {}) | {key: os.environ[variable]}
            sources["ui", key] = f"environment variable {variable}"
    if tracking_uri:
        content["tracking_uri"] = tracking_uri
        sources[("tracking_uri",)] = "--tracking-uri"
    try:
        return MlflowConfig.model_validate(content | ({"ui": ui} if ui else {}))
    except ValidationError as error:
        raise UserError(*(_told(detail, sources, lines) for detail in error.errors())) from None


def _told(detail: Any, sources: Mapping[tuple[str, ...], str], file: YamlFile | None) -> str:
    """What is wrong with a value, and where it stands: in a flag, the environment or the file."""
    location = detail["loc"]
    if location in sources:
        return f"{sources[location]}: {detail['msg']}"
    line = (file and file.line(location)) or 1
    quotes = f"; {IN_QUOTES}" if detail["type"] == "string_type" else ""
    return f"{FILE}:{line}: {'.'.join(map(str, location))}: {detail['msg']}{quotes}"


def resolved_uri(config: MlflowConfig, storage: Path) -> str:
    """The tracking URI in force; a path is made absolute, so that the folder does not matter.

    Raises:
        UserError: it is none, or MLflow cannot keep what a sweep has in the places that are given.
    """
    uri = config.tracking_uri or sqlite_address(storage.resolve() / "mlflow.db")
    if "://" not in uri and not uri.startswith("databricks"):
        raise UserError(
            f"tracking URI {without_credentials(uri)!r}: MLflow's plain folders are no longer "
            "supported; use sqlite:///PATH/mlflow.db or http://HOST:PORT"
        )
    if is_sqlite(uri):
        artifact_root(config, storage)  # better refused now than after hours
        return absolute_address(uri)
    try:
        urlsplit(uri)
    except ValueError:  # it may quote a password
        raise UserError(
            f"tracking URI {without_credentials(uri)!r}: is no valid address; use "
            "sqlite:///PATH/mlflow.db or http://HOST:PORT"
        ) from None
    return uri


def is_server(uri: str) -> bool:
    """Whether a tracking URI is that of a running server, which has pages of its own."""
    return uri.startswith(("http://", "https://"))


def artifact_root(config: MlflowConfig, storage: Path) -> str:
    """Where new experiments of a database keep their artifacts; a path becomes a URI.

    Raises:
        UserError: MLflow cannot find what is kept there.
    """
    given = config.artifact_location
    if given and re.match(r"[A-Za-z][\w+.-]*:", given):
        return given
    folder = Path(given).resolve() if given else storage.resolve() / "mlartifacts"
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{folder}: MLflow finds no artifacts below a folder whose name is "
            "not UTF-8; rename it, or choose another place with --storage or artifact_location in "
            "mlflow.yaml"
        ) from None
    return folder.as_uri()
