"""Which variables a Ray is started or joined with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestration.engine.ray_environment import for_joining, for_local, prepare_local

OUTER = {
    "RAY_ADDRESS": "10.0.0.1:6379",
    "RAY_AUTH_MODE": "disabled",
    "RAY_AUTH_TOKEN": "another's",
    "RAY_CLIENT_MODE": "1",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "1",
    "RAY_GCS_SERVER_PORT": "6379",
    "RAY_JOB_CONFIG_JSON_ENV_VAR": "{}",
    "RAY_LD_PRELOAD_ON_WORKERS": "/x.so",
    "RAY_OVERRIDE_RESOURCES": "{}",
    "RAY_RAYLET_PID": "12",
    "RAY_REDIS_ADDRESS": "10.0.0.1:6379",
    "RAY_RUNTIME_ENV_HOOK": "my.hook",
    "RAY_TUNE_CALLBACKS": "my.callback",
    "RAY_USE_TLS": "1",
    "RAY_gcs_storage": "rocksdb",
    "RAY_gcs_storage_path": "/x",
    "RAY_external_storage_namespace": "x",
    "TUNE_RESULT_BUFFER_LENGTH": "100",
    "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR": "x",
}
MACHINE = {
    "CUDA_VISIBLE_DEVICES": "0",
    "HOME": "/home/me",
    "RAY_BACKEND_LOG_LEVEL": "debug",
    "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE": "1",
    "RAY_memory_usage_threshold": "0.9",
}


def test_a_local_ray_inherits_nothing_of_an_outer_job() -> None:
    given = for_local({**OUTER, **MACHINE})
    assert given.items() >= MACHINE.items()
    assert {name for name in OUTER if name in given} == {"RAY_ENABLE_UV_RUN_RUNTIME_ENV"}
    assert given["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] == "0"
    assert given["TUNE_DISABLE_SIGINT_HANDLER"] == "1"


def test_a_job_on_a_cluster_is_as_it_was_submitted_but_for_what_this_program_says() -> None:
    given = for_joining({**OUTER, **MACHINE})
    own = {"RAY_OVERRIDE_JOB_RUNTIME_ENV": "1", "TUNE_DISABLE_SIGINT_HANDLER": "1"}
    assert given.items() >= own.items()
    assert {name for name in OUTER if given.get(name) != OUTER[name]} == {
        "RAY_TUNE_CALLBACKS",
        "TUNE_RESULT_BUFFER_LENGTH",
    }
    # Unless it is asked for, `uv run` decides nothing.
    assert for_joining(MACHINE)["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] == "0"


def test_the_token_of_a_local_ray_lies_in_its_folder_for_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):  # all that is changed is restored
        monkeypatch.setenv(name, os.environ[name])
    monkeypatch.setenv("RAY_AUTH_TOKEN", "another's")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/x")
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "1")
    prepare_local(tmp_path)
    (token,) = tmp_path.iterdir()
    assert os.environ["RAY_AUTH_TOKEN_PATH"] == str(token)
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert "RAY_AUTH_TOKEN" not in os.environ
    assert token.stat().st_mode & 0o077 == 0
    assert len(token.read_text()) == 64
