"""Ray's private parts: all that is patched of them, here alone, each checked before it is.

A Ray that differs is used as it is; ``warning`` says what is lost by it.
"""

from __future__ import annotations

import inspect
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayActorError

from orchestration.signals import reset_handlers


def _module(name: str) -> Any:
    """A module of Ray's; None where it has none of that name, and so nothing that is in it."""
    try:
        return import_module(name)
    except ImportError:
        return None


_CONSTANTS = _module("ray._private.ray_constants")
_NODE = _module("ray._private.node")
_SERVICES = _module("ray._private.services")
_WORKER = _module("ray._private.worker")
_JOB = _module("ray.job_config")
_ACTORS = _module("ray.air.execution._internal.actor_manager")
_SWITCH = "ENABLE_RAY_CLUSTER"
"""Whether Ray lets machines find each other; else it has the loopback address alone."""


class _DiffersError(Exception):
    """This Ray is not as it is expected to be."""


def _check_use(function: Any, name: str) -> None:
    """Refuse a function that does not look a name up: to change what it stands for is in vain."""
    if name not in inspect.unwrap(function).__code__.co_names:
        raise _DiffersError(f"{function} does not use {name}")


def _check_switch() -> None:
    if not isinstance(getattr(_CONSTANTS, _SWITCH), bool):
        raise _DiffersError(f"{_SWITCH} is none")
    _check_use(_SERVICES.get_node_ip_address, _SWITCH)


def _start_processes_apart() -> None:
    """Start Ray's processes in sessions of their own.

    A signal to this program's process group, such as that of a terminal whose window is closed,
    would else end Ray while this program is still ending its work.
    """
    base: Any = _SERVICES.ConsolePopen
    if not issubclass(base, subprocess.Popen):
        raise _DiffersError(f"{base} starts no processes")
    _check_use(_SERVICES.start_ray_process, "ConsolePopen")

    def start(self: Any, *arguments: Any, **options: Any) -> None:
        base.__init__(self, *arguments, **options | {"start_new_session": True})

    _SERVICES.ConsolePopen = type("Apart", (base,), {"__init__": start})


def _keep_handlers_at_its_end() -> None:
    """On its way out Ray takes the handler of SIGTERM away, seconds before it has ended."""
    kill = _NODE.Node.kill_all_processes
    _check_use(_WORKER.shutdown, "kill_all_processes")

    def kill_all_processes(self: Any, *arguments: Any, **options: Any) -> None:
        reset_handlers()
        kill(self, *arguments, **options)

    _NODE.Node.kill_all_processes = kill_all_processes


def _start_what_is_used() -> None:
    """Three programs of a local Ray's are used by nobody here, and a start waits for one of them.

    They ask for more machines, serve what is left of a dashboard that is turned off, and copy what
    workers print to the driver.
    """
    heads, others = _NODE.Node.start_head_processes, _NODE.Node.start_ray_processes
    starters = {"start_monitor": heads, "start_api_server": heads, "start_log_monitor": others}
    for name, caller in starters.items():
        getattr(_NODE.Node, name)
        _check_use(caller, name)
    for name in starters:
        setattr(_NODE.Node, name, lambda self, **options: None)


def _survive_memory_kills() -> None:
    """An actor that Ray's memory monitor has killed is a dead actor like any other.

    By this one kind of error Tune would end the whole sweep.
    """
    failed = _ACTORS.RayActorManager._actor_task_failed
    parameters = ("self", "tracked_actor_task", "exception")
    if tuple(inspect.signature(failed).parameters) != parameters:
        raise _DiffersError(f"{failed} takes other arguments")

    def actor_task_failed(self: Any, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, OutOfMemoryError):
            exception = RayActorError(error_msg=str(exception))
        failed(self, tracked_actor_task, exception)

    _ACTORS.RayActorManager._actor_task_failed = actor_task_failed


def _import_what_is_installed() -> None:
    """Workers would look for modules in the working directory of the driver first."""
    serialize = _JOB.JobConfig._serialize
    for name in ("_py_driver_sys_path", "_serialize"):
        _check_use(_WORKER.connect, name)

    def serialize_without_places(self: Any) -> Any:
        self._py_driver_sys_path = []
        return serialize(self)

    _JOB.JobConfig._serialize = serialize_without_places


PATCHES: dict[Callable[[], None], str] = {
    _check_switch: "a local Ray listens on all addresses",
    _start_processes_apart: "closing the terminal ends Ray before the sweep is brought to rest",
    _keep_handlers_at_its_end: "a SIGTERM ends this program at once while Ray is ending",
    _start_what_is_used: "a start takes a second longer",
    _survive_memory_kills: "the run ends where Ray ends a process for want of memory",
    _import_what_is_installed: "a file of the working directory may pass for a library",
}
"""What each is for: what is lost without it."""


def _apply() -> list[str]:
    lost = []
    for patch, loss in PATCHES.items():
        try:
            patch()
        except (AttributeError, TypeError, _DiffersError):
            lost.append(loss)
    return lost


_LOST = _apply()


def warning() -> str | None:
    """What a person is to know of this Ray, in a line; None: it is as expected."""
    if not _LOST:
        return None
    return f"this Ray ({ray.__version__}) is not one of those tested: {'; '.join(_LOST)}"


@contextmanager
def loopback_alone() -> Iterator[None]:
    """Let a Ray that is started meanwhile listen on the loopback address alone, if it can."""
    before = getattr(_CONSTANTS, _SWITCH, None)
    if before is None:
        yield
        return
    setattr(_CONSTANTS, _SWITCH, False)
    try:
        yield
    finally:
        setattr(_CONSTANTS, _SWITCH, before)


@contextmanager
def signals_left_alone() -> Iterator[None]:
    """Keep Tune, if it runs meanwhile, from taking SIGUSR1 for itself: it would end amid epochs.

    It is not among ``PATCHES`` because importing Tune takes a second that a start does not have.
    """
    tune = _module("ray.tune.tune")
    before = getattr(tune, "_setup_signal_catching", None)
    if before is None:
        yield
        return
    tune._setup_signal_catching = threading.Event
    try:
        yield
    finally:
        tune._setup_signal_catching = before
