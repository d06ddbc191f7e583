"""What is patched of Ray's, and what becomes of it with a Ray that differs."""

from __future__ import annotations

import inspect
import os
import runpy
import signal
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray._private import node, ray_constants, services
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.air.execution._internal.tracked_actor import TrackedActor
from ray.air.execution._internal.tracked_actor_task import TrackedActorTask
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayActorError
from ray.job_config import JobConfig

from orchestration.engine import ray_patches

LOSSES = list(ray_patches.PATCHES.values())
PATCHED: list[tuple[Any, str]] = [
    (ray_constants, "ENABLE_RAY_CLUSTER"),
    (services, "ConsolePopen"),
    (node.Node, "kill_all_processes"),
    (node.Node, "start_log_monitor"),
    (RayActorManager, "_actor_task_failed"),
    (JobConfig, "_serialize"),
]


def other_parameters(self: Any, actor: Any, error: Exception) -> None: ...


def other_code() -> None: ...


@pytest.fixture
def imported_anew(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, Any]]:
    """Imports the patches as for the first time; afterwards Ray is as it was before."""
    for owner, name in PATCHED:
        monkeypatch.setattr(owner, name, getattr(owner, name))
    return lambda: runpy.run_path(ray_patches.__file__)


def test_this_ray_is_as_expected() -> None:
    assert ray_patches.warning() is None


@pytest.mark.parametrize(
    ("owner", "name", "loss"), [(*place, loss) for place, loss in zip(PATCHED, LOSSES, strict=True)]
)
def test_what_is_gone_is_said_in_one_line_and_the_rest_is_patched(
    owner: Any,
    name: str,
    loss: str,
    imported_anew: Callable[[], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(owner, name)
    others = {place: getattr(*place) for place in PATCHED[1:] if place != (owner, name)}
    module = imported_anew()
    assert module["warning"]() == f"this Ray ({ray.__version__}) is not one of those tested: {loss}"
    assert not hasattr(owner, name)
    assert all(getattr(*place) is not before for place, before in others.items())
    with module["loopback_alone"]():
        assert getattr(ray_constants, "ENABLE_RAY_CLUSTER", False) is False


@pytest.mark.parametrize(
    ("owner", "name", "value", "loss"),
    [
        (services, "get_node_ip_address", other_code, LOSSES[0]),
        (ray_constants, "ENABLE_RAY_CLUSTER", "yes", LOSSES[0]),
        (services, "start_ray_process", other_code, LOSSES[1]),
        (services, "ConsolePopen", other_code, LOSSES[1]),
        (import_module("ray._private.worker"), "shutdown", other_code, LOSSES[2]),
        (node.Node, "start_head_processes", other_code, LOSSES[3]),
        (node.Node, "start_ray_processes", other_code, LOSSES[3]),
        (RayActorManager, "_actor_task_failed", other_parameters, LOSSES[4]),
        (import_module("ray._private.worker"), "connect", other_code, LOSSES[5]),
    ],
)
def test_what_has_changed_is_left_alone(
    owner: Any,
    name: str,
    value: Any,
    loss: str,
    imported_anew: Callable[[], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owner, name, value)
    assert imported_anew()["warning"]().endswith(f": {loss}")
    assert getattr(owner, name) is value


def test_a_ray_with_none_of_it_is_one_line_all_the_same(
    imported_anew: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("importlib.import_module", gone)
    module = imported_anew()
    assert module["warning"]().endswith(f": {'; '.join(LOSSES)}")
    with module["loopback_alone"]():
        assert ray_constants.ENABLE_RAY_CLUSTER


def test_a_local_ray_has_the_loopback_address_alone() -> None:
    with pytest.raises(RuntimeError), ray_patches.loopback_alone():
        assert services.get_node_ip_address().startswith("127.")
        raise RuntimeError
    assert ray_constants.ENABLE_RAY_CLUSTER


def test_tune_takes_no_signal_for_itself() -> None:
    """It would stop in the middle of epochs when Slurm says that a job's time is nearly up."""
    tune = import_module("ray.tune.tune")
    theirs = tune._setup_signal_catching
    before = signal.getsignal(signal.SIGUSR1)
    with pytest.raises(RuntimeError), ray_patches.signals_left_alone():
        assert not tune._setup_signal_catching().is_set()
        assert signal.getsignal(signal.SIGUSR1) == before
        raise RuntimeError
    assert "_setup_signal_catching" in inspect.unwrap(tune.run).__code__.co_names
    assert tune._setup_signal_catching is theirs


def test_rays_processes_are_in_sessions_of_their_own() -> None:
    process = services.ConsolePopen(["sleep", "60"])
    try:
        assert os.getsid(process.pid) == process.pid
    finally:
        process.kill()
        process.wait()


def fail(exception: Exception) -> list[Exception]:
    """What the trial of an actor hears of its call's failure."""
    heard: list[Exception] = []
    unused: Any = SimpleNamespace()  # Ray's own ones start a Ray
    manager = RayActorManager(resource_manager=unused)
    manager._cleanup_actor = lambda tracked_actor: None  # type: ignore[method-assign]
    task = TrackedActorTask(TrackedActor("a"), on_error=lambda _, error: heard.append(error))
    # By name, as Tune calls it.
    manager._actor_task_failed(tracked_actor_task=task, exception=exception)
    return heard


def test_a_memory_kill_is_the_death_of_an_actor() -> None:
    (error,) = fail(OutOfMemoryError("the node ran low on memory"))
    assert isinstance(error, RayActorError)
    assert str(error) == "the node ran low on memory"


def test_others_are_as_they_were() -> None:
    (error,) = fail(RayActorError(error_msg="killed"))
    assert str(error) == "killed"
    with pytest.raises(RuntimeError, match="unexpected exception"):
        fail(NodeDiedError("gone"))


def test_no_place_of_the_driver_is_one_to_import_from() -> None:
    job = JobConfig(_py_driver_sys_path=["/here"])
    assert b"/here" not in job._serialize()
