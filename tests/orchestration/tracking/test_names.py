"""Folders of any name: MLflow keeps database and artifacts in them, and nothing beside them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from mlflow import MlflowClient

from orchestration.errors import UserError
from orchestration.tracking.config import MlflowConfig, load_mlflow_config, resolved_uri
from orchestration.tracking.place import Place
from tests.names import NOT_UTF8, SOME, WORST

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that MLflow made where the working and the temporary directory have the worst names."""
    folder = tmp_path_factory.mktemp("made") / WORST
    temporary = folder / f"{WORST}temporary"
    temporary.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(tempfile, "tempdir", str(temporary))
        config = load_mlflow_config()
        storage = Path(WORST)
        Place(resolved_uri(config, storage), config, storage).open("first")
    assert list(temporary.iterdir()) == []
    assert set(folder.iterdir()) == {folder / WORST, temporary}
    assert list(folder.parent.iterdir()) == [folder]
    assert [path.name for path in (folder / WORST).iterdir()] == ["mlflow.db"]
    return folder / WORST / "mlflow.db"


@pytest.mark.parametrize("name", [*SOME, WORST], ids=ascii)
def test_a_working_directory_of_any_name(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With a file whose paths are relative: to the database, and to the artifacts."""
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    config = MlflowConfig(tracking_uri="sqlite:///own/mlflow.db", artifact_location=f"./{name}")
    check(config, database, folder / "own" / "mlflow.db", folder / name)
    assert {path.name for path in folder.iterdir()} == {"own", name}
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", [WORST, "plain"], ids=ascii)
def test_without_a_file_all_is_in_the_storage_folder(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    runs = folder / "runs"
    check(MlflowConfig(), database, runs / "mlflow.db", runs / "mlartifacts")
    assert [path.name for path in folder.iterdir()] == ["runs"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def check(config: MlflowConfig, database: Path, file: Path, root: Path) -> None:
    """A run's artifact is written below the root, found, and given back."""
    file.parent.mkdir()
    shutil.copy(database, file)
    uri = resolved_uri(config, Path("runs"))
    opened = Place(uri, config, Path("runs")).open("sweep")
    client = MlflowClient(uri)
    run = client.create_run(opened.experiment_id).info
    client.log_text(run.run_id, "kept", "part/picture.txt")
    assert [path.read_text() for path in root.rglob("picture.txt")] == ["kept"]
    listed = client.list_artifacts(run.run_id, "part")
    assert [artifact.path for artifact in listed] == ["part/picture.txt"]
    copy = client.download_artifacts(run.run_id, "part/picture.txt")
    assert Path(copy).read_text() == "kept"


def test_a_name_that_is_no_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow would write the artifacts into another folder, beside it."""
    folder = tmp_path / NOT_UTF8
    folder.mkdir()
    monkeypatch.chdir(folder)
    for uri in (None, f"sqlite:///{tmp_path}/mlflow.db"):
        with pytest.raises(UserError, match="not UTF-8; rename it, or choose another place"):
            resolved_uri(MlflowConfig(tracking_uri=uri), Path("runs"))
    elsewhere = MlflowConfig(artifact_location=str(tmp_path))
    assert resolved_uri(elsewhere, Path("runs"))
    assert resolved_uri(MlflowConfig(tracking_uri="http://host:5000"), Path("runs"))
