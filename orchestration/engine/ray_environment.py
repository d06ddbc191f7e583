"""What Ray is told by the environment. It reads much of that when it is imported: so call before.

A person's variables that say how this machine is to be used stay. Those of a Ray within whose job
this program may have been started do not: by them Ray would decide what the workers run.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from orchestration.engine import OWN

MODE, TOKEN, TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
TLS = "RAY_USE_TLS"
CONNECT_S = 8
"""Seconds in which a cluster's head has to answer; Ray's own are thirty, several times over."""
MACHINE = (
    "RAY_BACKEND_LOG_LEVEL",
    "RAY_DISABLE_",
    "RAY_EXPERIMENTAL_NOSET_",
    "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE",
)
"""How the names begin, of those in capitals, that say how a machine is to be used."""
OTHERS_STORAGE = ("RAY_external_storage", "RAY_gcs_storage", "RAY_object_spilling")
"""How the names of settings begin that say where another Ray keeps what it knows."""


def prepare_local(temporary: Path) -> None:
    """Let a Ray that is started inherit nothing of another one, and leave nothing at home.

    Args:
        temporary: folder for its token, that is removed afterwards.
    """
    token = temporary / "ray_token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32), encoding="ascii")
    _replace(for_local(os.environ) | {MODE: "token", TOKEN_PATH: str(token)})


def prepare_joining() -> None:
    """Let a job on a running cluster be this program's, with what the cluster says of jobs."""
    _replace(for_joining(os.environ))


def for_local(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for a Ray of its own."""
    kept = {name: value for name, value in environment.items() if _stays(name)}
    # Else Ray starts a worker a CPU, and ends them: they are without this environment.
    usual = {"RAY_prestart_worker_first_driver": "0"}
    return usual | kept | OWN | {"RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}


def for_joining(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for joining a cluster.

    Under `uv run` workers use what is installed on their node, unless a person wants it otherwise.
    What a job was submitted with holds, where this program has nothing else to say.
    """
    kept = {k: v for k, v in environment.items() if not k.startswith(("TUNE_", "RAY_TUNE_"))}
    own = {"RAY_OVERRIDE_JOB_RUNTIME_ENV": "1"}
    usual = {
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_py_gcs_connect_timeout_s": str(CONNECT_S),
    }
    return usual | kept | OWN | own


def _stays(name: str) -> bool:
    if name.startswith(("TUNE_", "__RAY_", *OTHERS_STORAGE)):
        return False
    if not name.startswith("RAY_") or name.startswith(MACHINE):
        return True
    return name[4:5].islower()  # Ray's own settings, such as RAY_memory_usage_threshold


def _replace(environment: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
