"""What Ray says of a worker that died, and what of it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.engine.lost_worker import (
    address_in,
    crash_in,
    lost_worker,
    went_with_its_node,
)
from orchestration.engine.oom_kills import NEWS_S, OomWatch, oom_kills
from tests.orchestration.clock import Clock

DIED = """\
The actor died unexpectedly before finishing this task.
\tclass_name: ResourceTrainable
\tactor_id: 3e39bad11c936723b6cf4ff001000000
\tpid: 6700
\tnamespace: f2f18f5d-ca73-4467-a0bf-31e3f6c22f8a
\tip: 192.0.2.2
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR \
Worker exit detail: """
GONE = (
    DIED.partition("The actor is dead")[0]
    + """\
The actor died because its node has died. Node Id: 4e05ddae
\tthe actor's node was terminated unexpectedly: health check failed due to missing heartbeats.
"""
)
UNREACHABLE = """\
The actor ebb58d61588af6488476d34a01000000 is unavailable: The actor is temporarily unavailable: \
RpcError: RPC error: Socket closed rpc_code: 14. The task may or may not have been executed on the \
actor.
"""
CONNECTION = """\
Worker unexpectedly exits with a connection error code 2. End of file. Some common causes include: \
(1) the process was killed by the OOM killer due to high memory usage, (2) ray stop --force was \
called, or (3) the worker crashed unexpectedly due to SIGSEGV or another unexpected error.
"""
MONITOR = """\
1 worker(s) were killed due to the node running low on memory. Memory on the node \
(IP: 192.0.2.2, ID: 1d9feae80416f5ec) was 3.55GB used / 23.54GB limit (0.150630)
OOM kill reason: Memory usage 3805192192B exceeded threshold of 2527606B
Top 10 memory users: PID	MEM(GB)	COMMAND
8199	0.65	some-program --password hunter2
"""
RAISED = """\
The actor died because of an error raised in its creation task, \
\x1b[36mray::ResourceTrainable.__init__()\x1b[39m (pid=8120, ip=192.0.2.2)
  File "engine.py", line 11, in setup
    raise KeyError("in setup")
KeyError: 'in setup'
"""
STEP = """\
\x1b[36mray::ResourceTrainable.train()\x1b[39m (pid=8120, ip=192.0.2.2)
  File "engine.py", line 30, in step
{}
"""
CRASH = """\
:job_id:01000000
*** SIGSEGV received at time=1795537638 on cpu 0 ***
Fatal Python error: Segmentation fault

Stack (most recent call first):
  File "probe.py", line 18 in work

Extension modules: numpy, torch (total: 2)
"""


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            DIED + CONNECTION,
            "worker lost",
            "its process was killed, or ended by itself "
            "(Worker unexpectedly exits with a connection error code 2. End of file)",
        ),
        (
            DIED + "Worker exits unexpectedly. Worker exits with an exit code 5.",
            "worker lost",
            "its process was killed, or ended by itself "
            "(Worker exits unexpectedly. Worker exits with an exit code 5)",
        ),
        (
            MONITOR,
            "out of memory",
            "Ray ended its process: the node ran low on memory (3.55GB used / 23.54GB limit)",
        ),
        (RAISED, "worker lost", "its process could not begin: KeyError: 'in setup'"),
        (
            RAISED.replace("KeyError: 'in setup'", "MemoryError: KeyError"),
            "out of memory",
            "MemoryError: KeyError",
        ),
        (STEP.format("TypeError: not JSON"), "error", "TypeError: not JSON"),
        (STEP.format("MemoryError: no"), "out of memory", "MemoryError: no"),
        ("", "worker lost", "its process was killed, or ended by itself"),
        (
            "The actor's node has died.",
            "worker lost",
            "its process was killed, or ended by itself (The actor's node has died)",
        ),
    ],
)
def test_the_useful_line(text: str, kind: str, message: str) -> None:
    failure = lost_worker(text)
    assert (failure.kind, failure.message) == (kind, message)
    assert "hunter2" not in failure.model_dump_json()
    assert "\x1b" not in failure.traceback
    assert ("KeyError" in failure.traceback) == ("KeyError" in text)


def test_a_crash_says_its_signal_and_place(tmp_path: Path) -> None:
    (tmp_path / "worker-d6f31a14-ffffffff-6700.err").write_text(CRASH)
    (tmp_path / "worker-d6f31a14-ffffffff-6701.err").write_text(":job_id:01000000\n")
    crash = crash_in(tmp_path, DIED + CONNECTION)
    failure = lost_worker(DIED + CONNECTION, crash)
    assert (failure.kind, failure.message) == (
        "worker lost",
        "its process crashed: Segmentation fault",
    )
    assert failure.traceback.endswith('File "probe.py", line 18 in work')
    assert crash_in(tmp_path, DIED.replace("6700", "6701")) == ""
    assert crash_in(tmp_path, "no process is named") == ""
    assert crash_in(tmp_path / "nowhere", DIED) == ""


def test_a_node_that_is_gone_is_named() -> None:
    told = "(terminated unexpectedly: health check failed due to missing heartbeats)"
    failure = lost_worker(GONE, node="host2 (192.0.2.2)")
    assert (failure.kind, failure.message) == (
        "worker lost",
        f"its node host2 (192.0.2.2) is gone {told}",
    )
    assert lost_worker(GONE).message == f"its node is gone {told}"


def test_one_that_cannot_be_reached_may_be_on_a_node_that_has_just_died() -> None:
    failure = lost_worker(UNREACHABLE, node="host2 (192.0.2.2)")
    assert (failure.kind, failure.message) == (
        "worker lost",
        "its process on node host2 (192.0.2.2) cannot be reached (Socket closed)",
    )
    assert lost_worker(UNREACHABLE).message == "its process cannot be reached (Socket closed)"
    texts = (UNREACHABLE, GONE, DIED + CONNECTION, MONITOR, "")
    assert [went_with_its_node(text) for text in texts] == [True, True, False, False, False]


def test_where_it_was() -> None:
    assert address_in(DIED + CONNECTION) == "192.0.2.2"
    assert address_in(GONE) == "192.0.2.2"
    assert address_in(RAISED) == "192.0.2.2"
    assert address_in("") == address_in("no address is named") == ""


def test_the_kernels_kill_is_told_from_others() -> None:
    failure = lost_worker(DIED + CONNECTION, oom_kill=True)
    assert failure.kind == "out of memory"
    assert lost_worker(DIED + CONNECTION, CRASH[60:], oom_kill=True).kind == "worker lost"


@pytest.mark.parametrize(
    ("groups", "file"),
    [
        ("0::/user.slice/a.scope\n", "user.slice/a.scope/memory.events"),
        ("0::/a/b\n", "memory.events"),
        ("9:cpu:/x\n4:memory:/a\n0::/\n", "memory/a/memory.oom_control"),
        ("4:memory:/docker/1234\n", "memory/memory.oom_control"),
    ],
)
def test_the_kernels_count_in_both_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: str, file: str
) -> None:
    mount, mine = tmp_path / "mount", tmp_path / "cgroup"
    mine.write_text(groups)
    assert oom_kills(mine, mount) is None
    path = mount / file
    path.parent.mkdir(parents=True)
    path.write_text("oom 3\noom_kill 2\noom_group_kill 0\n")
    assert oom_kills(mine, mount) == 2
    assert oom_kills(tmp_path / "none", mount) is None
    monkeypatch.setattr("orchestration.engine.oom_kills.oom_kills", lambda: oom_kills(mine, mount))
    watch = OomWatch()
    assert not watch.any_new()
    path.write_text("oom 3\noom_kill 3\n")
    assert [watch.any_new(), watch.any_new()] == [True, False]
    path.unlink()
    assert [watch.any_new(), watch.any_new()] == [False, False]


def test_of_several_that_the_kernel_ends_at_once_each_is_told(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    kills = 0
    monkeypatch.setattr("orchestration.engine.oom_kills.oom_kills", lambda: kills)
    watch = OomWatch(clock)
    kills = 2
    assert watch.any_new()
    clock.sleep(1.0)  # another is ended while what came of the first is written down
    kills = 3
    assert [watch.any_new(), watch.any_new(), watch.any_new()] == [True, True, False]
    kills = 5
    assert watch.any_new()
    clock.sleep(NEWS_S)
    assert not watch.any_new(), "the other one was no worker"
    kills = 6
    assert [watch.any_new(), watch.any_new()] == [True, False]
