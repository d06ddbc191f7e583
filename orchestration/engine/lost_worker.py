"""How a worker's process came to its end, from what Ray says of it."""

from __future__ import annotations

import re
from pathlib import Path

from cvae_core.memory import TEXTS
from orchestration.engine.retries import LOST, OUT_OF_MEMORY
from orchestration.ledger.documents import Failure

MONITOR = "killed due to the node running low on memory"
USED = re.compile(r"Memory on the node .*? was (?P<used>.+? used / .+? limit)")
DETAIL = re.compile(r"Worker exit detail: (?P<detail>.+?)(?: Some common causes include|$)", re.M)
PID = re.compile(r"^\s*pid: (?P<pid>\d+)$", re.M)
FATAL = "Fatal Python error: "
RAISED = re.compile(r"raised in its creation task|^.{0,9}ray::", re.M)
UNREACHED = re.compile(
    r"The actor \w+ is unavailable: (?P<said>.+?)\.? The task may or may not", re.DOTALL
)
RPC = re.compile(r"^.*RPC error: |\s*rpc_code: \d+$", re.DOTALL)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def lost_worker(text: str, crash: str = "", *, oom_kill: bool = False) -> Failure:
    """What is noted of a worker that died under its job.

    Args:
        text: of Ray's error; empty: there is none.
        crash: what the process itself wrote when it crashed.
        oom_kill: whether the kernel has just ended a process for want of memory.
    """
    text = COLOURS.sub("", text).strip()
    if MONITOR in text:
        # The rest of the text lists programs of this machine, which are nobody's business.
        used = USED.search(text)
        told = f" ({used['used']})" if used else ""
        return Failure(
            kind=OUT_OF_MEMORY, message=f"Ray ended its process: the node ran low on memory{told}"
        )
    if RAISED.search(text):
        last = text.splitlines()[-1].strip()
        memory = any(sign in last for sign in ("MemoryError", *TEXTS))
        return Failure(kind=OUT_OF_MEMORY if memory else "error", message=last, traceback=text)
    if crash:
        what = crash.removeprefix(FATAL).splitlines()[0]
        return Failure(kind=LOST, message=f"its process crashed: {what}", traceback=crash)
    if oom_kill:
        return Failure(
            kind=OUT_OF_MEMORY, message="the kernel ended its process for want of memory"
        )
    unreached = UNREACHED.search(text)
    if unreached:
        said = RPC.sub("", unreached["said"])
        return Failure(
            kind=LOST,
            message="it is no longer reached: its process or node has died, or the network to it "
            f"({said})",
        )
    detail = DETAIL.search(text)
    cause = detail["detail"] if detail else next(reversed(text.splitlines()), "")
    told = f" ({cause.strip().removesuffix('.')})" if cause else ""
    return Failure(kind=LOST, message=f"its process was killed, or ended by itself{told}")


def crash_in(logs: Path, text: str) -> str:
    """What a worker on this machine wrote as it crashed: the signal, and where it was.

    Args:
        logs: Ray's folder of logs.
        text: of Ray's error, which names the process.
    """
    process = PID.search(text)
    for path in logs.glob(f"worker-*-{process['pid']}.err") if process else ():
        try:
            _, marker, rest = path.read_text(errors="replace").rpartition(FATAL)
        except OSError:
            continue
        if marker:
            return marker + rest.partition("\nExtension modules:")[0].strip()
    return ""
