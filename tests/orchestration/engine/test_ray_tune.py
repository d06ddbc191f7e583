"""A memory kill as Ray Tune sees it."""

from __future__ import annotations

import pytest
from ray.air.execution import FixedResourceManager
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.air.execution._internal.tracked_actor import TrackedActor
from ray.air.execution._internal.tracked_actor_task import TrackedActorTask
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayActorError

from orchestration.engine import ray_tune as engine


def fail(exception: Exception) -> list[Exception]:
    """What the trial of an actor hears of its call's failure."""
    heard: list[Exception] = []
    manager = RayActorManager(resource_manager=FixedResourceManager({"CPU": 1}))
    manager._cleanup_actor = lambda tracked_actor: None  # type: ignore[method-assign]
    task = TrackedActorTask(TrackedActor("a"), on_error=lambda _, error: heard.append(error))
    # By name, as Tune calls it.
    manager._actor_task_failed(tracked_actor_task=task, exception=exception)
    return heard


def test_a_memory_kill_is_the_death_of_an_actor() -> None:
    assert engine.OutOfMemoryError is OutOfMemoryError
    (error,) = fail(OutOfMemoryError("the node ran low on memory"))
    assert isinstance(error, RayActorError)
    assert str(error) == "the node ran low on memory"


def test_others_are_as_they_were() -> None:
    (error,) = fail(RayActorError(error_msg="killed"))
    assert str(error) == "killed"
    with pytest.raises(RuntimeError, match="unexpected exception"):
        fail(NodeDiedError("gone"))
