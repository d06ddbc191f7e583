"""``mlflow.yaml``, the environment and the option: which wins, and what is refused."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.redact import without_credentials
from orchestration.tracking.config import SCHEMES, MlflowConfig, load_mlflow_config, resolved_uri

VARIABLES = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_DEFAULT_ARTIFACT_ROOT",
    "CVAE_SWEEP_EXPERIMENT_PREFIX",
    "MLFLOW_HOST",
    "MLFLOW_PORT",
)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_packaged_file_says_what_the_defaults_are(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_mlflow_config() == MlflowConfig()
    monkeypatch.chdir(repository)
    assert Path("mlflow.yaml").exists()
    assert load_mlflow_config() == MlflowConfig()


def test_environment_wins_over_file_and_option_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mlflow.yaml").write_text(
        "tracking_uri: http://file:1\nartifact_location: s3://file\nexperiment_prefix: file-\n"
        "tags: {team: vision}\nui: {host: 0.0.0.0, port: 81}\n"
    )
    config = load_mlflow_config()
    assert (config.tracking_uri, config.artifact_location) == ("http://file:1", "s3://file")
    assert (config.experiment_prefix, config.tags) == ("file-", {"team": "vision"})
    assert (config.ui.host, config.ui.port) == ("0.0.0.0", 81)
    for name, value in zip(
        VARIABLES, ("http://environment:1", "s3://environment", "e-", "::1", "82"), strict=True
    ):
        monkeypatch.setenv(name, value)
    config = load_mlflow_config()
    assert config.tracking_uri == "http://environment:1"
    assert (config.artifact_location, config.experiment_prefix) == ("s3://environment", "e-")
    assert (config.ui.host, config.ui.port) == ("::1", 82)
    assert config.tags == {"team": "vision"}
    assert load_mlflow_config("http://option:1").tracking_uri == "http://option:1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tracking_url: x", "mlflow.yaml:1: tracking_url"),
        ("tags: {}\nui: {port: 70000}", "mlflow.yaml:2: ui.port"),
        ("tags: {a: 1}", "mlflow.yaml:1: tags.a"),
        ("tags: {a: 2024}", "YAML reads no text there: put it in quotes"),
        ("tracking_uri: 5", "mlflow.yaml:1: tracking_uri"),
        ("- a", "mlflow.yaml"),
        ("just words", "mlflow.yaml"),
        ("ui: 5", "mlflow.yaml:1: ui"),
        ("a: [", "mlflow.yaml"),
    ],
)
def test_bad_files(text: str, expected: str) -> None:
    Path("mlflow.yaml").write_text(text)
    with pytest.raises(UserError) as raised:
        load_mlflow_config()
    assert expected in str(raised.value)


def test_the_default_database_lies_in_the_storage_folder(tmp_path: Path) -> None:
    uri = resolved_uri(MlflowConfig(), Path("runs"))
    assert uri == f"sqlite:///{tmp_path.resolve()}/runs/mlflow.db"
    for uri in ("mlruns", "me:secret@host"):
        with pytest.raises(UserError, match="no longer supported") as raised:
            resolved_uri(MlflowConfig(tracking_uri=uri), Path("runs"))
        assert "secret" not in str(raised.value)


@pytest.mark.parametrize("uri", ["sqlite://runs/mlflow.db", "sqlite://", "sqlite://a/b?c=d"])
def test_slashes_that_are_missing(uri: str) -> None:
    """The path would be taken for a host's name by some, and from the root by others."""
    with pytest.raises(UserError, match="three slashes; use sqlite:///PATH"):
        resolved_uri(MlflowConfig(tracking_uri=uri), Path("runs"))


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://me:secret@host:1/path?q=1", "http://host:1/path?q=1"),
        ("postgresql+psycopg2://me:s@ecret@host/db", "postgresql+psycopg2://host/db"),
        ("http://token@host", "http://host"),
        ("http://host:1", "http://host:1"),
        ("http://me:se/cret@host:1", "http://host:1"),
        ("http://me:se/c@ret@host/db", "http://host/db"),
        ("me:secret@host/x", "host/x"),
        ("http://host:1/a@b", "http://host:1/a@b"),
        ("http://host/a@b", "http://host/a@b"),
        (
            "postgresql://me:12345/a?b@host/db?sslmode=require",
            "postgresql://host/db?sslmode=require",
        ),
        ("postgresql://me:1?b@host/db", "postgresql://host/db"),
        ("--tracking-uri=postgresql://me:pw@host/db", "--tracking-uri=postgresql://host/db"),
        ("--tracking-uri=sqlite:////me@corp/m.db", "--tracking-uri=sqlite:////me@corp/m.db"),
        ("--tracking-uri=http://h:5000/team@x", "--tracking-uri=http://h:5000/team@x"),
        ("--set=data.path=s3://b/a@c", "--set=data.path=s3://b/a@c"),
        ("--data-root=file:///home/me@corp/d", "--data-root=file:///home/me@corp/d"),
        ("mysql://me:pa/ss#@host:3306/db", "mysql://host:3306/db"),
        ("postgresql://host/db?options=a@b", "postgresql://host/db?options=a@b"),
        (
            "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BUID%3Dsa%3BPWD%3Dsecret",
            "mssql+pyodbc:///?odbc_connect=…",
        ),
        ("postgresql://host/db?sslpassword=x", "postgresql://host/db?sslpassword=…"),
        (
            "postgresql://host/db?user=me&password=s@e&x=1",
            "postgresql://host/db?user=…&password=…&x=1",
        ),
        ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
    ],
)
def test_credentials_are_not_shown(uri: str, shown: str) -> None:
    assert without_credentials(uri) == shown


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_PORT", "abc")
    with pytest.raises(UserError, match=r"environment variable MLFLOW_PORT: .*integer"):
        load_mlflow_config()


def test_a_scheme_that_mlflow_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    said = r"MLflow knows no address that begins with foo://; use sqlite:///PATH/mlflow.db or"
    with pytest.raises(UserError, match=f"^--tracking-uri: {said}"):
        load_mlflow_config("foo://me:secret@x")
    Path("mlflow.yaml").write_text("tags: {}\ntracking_uri: foo://x\n")
    with pytest.raises(UserError, match=f"^mlflow.yaml:2: tracking_uri: {said}"):
        load_mlflow_config()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "foo://x")
    with pytest.raises(UserError, match=f"^environment variable MLFLOW_TRACKING_URI: {said}"):
        load_mlflow_config()


def test_the_schemes_are_those_of_mlflow() -> None:
    from mlflow.tracking._tracking_service.utils import _tracking_store_registry

    own = set(_tracking_store_registry._registry) - {""}
    plugins = set(entry_points(group="mlflow.tracking_store").names)
    assert own - plugins == SCHEMES
    for uri in ("mysql+pymysql://h/d", "HTTP://h:1", "sqlite+pysqlite:///a", "databricks://p"):
        assert load_mlflow_config(uri).tracking_uri == uri
