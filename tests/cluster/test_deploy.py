"""What `deploy/` holds, as far as it can be checked without Docker, ssh and Slurm."""

from __future__ import annotations

import json
import subprocess
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import validate
from packaging.requirements import Requirement
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def content(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def pins() -> dict[str, str]:
    """The versions of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def test_the_job_script_is_bash() -> None:
    done = subprocess.run(["bash", "-n", str(DEPLOY / "slurm.sh")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_compose_file_is_one() -> None:
    schemas = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    validate(content("compose.yaml"), json.loads((schemas / "compose-spec.json").read_text()))


def test_what_the_compose_file_promises() -> None:
    services = content("compose.yaml")["services"]
    assert all("healthcheck" in service for service in services.values())
    published = {name: service.get("ports", []) for name, service in services.items()}
    assert published == {
        "postgres": [],
        "mlflow": ["${MLFLOW_BIND:-127.0.0.1}:${MLFLOW_PORT:-5000}:5000"],
    }
    database, server = services["postgres"]["environment"], services["mlflow"]["environment"]
    assert database["POSTGRES_PASSWORD"] == server["PGPASSWORD"]
    assert database["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert not any("PASSWORD" in argument for argument in services["mlflow"]["command"])
    assert "/deploy/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_servers_image_has_the_version_that_is_tested() -> None:
    told = (DEPLOY / "mlflow.Dockerfile").read_text()
    assert "--constraint /tmp/constraints.txt mlflow psycopg2-binary" in told
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = (*project["dependencies"], *project["optional-dependencies"]["test"])
    ranges = {each.name: each.specifier for each in map(Requirement, wanted)}
    for name in ("mlflow", "psycopg2-binary"):
        assert pins()[name] in ranges[name]


def test_the_servers_options_are_mlflows() -> None:
    from mlflow.cli import server

    known = {name for parameter in server.params for name in parameter.opts}
    for argument in content("compose.yaml")["services"]["mlflow"]["command"]:
        assert argument.partition("=")[0] in known


def test_the_launchers_file_is_valid() -> None:
    given = content("ray-cluster.yaml")
    # As `ray up` does: with the defaults of machines that are there already.
    filled = prepare_config(given)
    validate_config(filled)
    assert filled["max_workers"] == len(given["provider"]["worker_ips"])
    with pytest.raises(Exception, match="'typo' was unexpected"):
        validate_config(filled | {"typo": 1})


def test_the_launchers_cluster_asks_for_a_token() -> None:
    given = content("ray-cluster.yaml")
    assert "~/.ray/auth_token" in given["file_mounts"]
    for kind in ("head", "worker"):
        *_, start = given[f"{kind}_start_ray_commands"]
        assert "RAY_AUTH_MODE=token" in start
