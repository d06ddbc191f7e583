"""How a worker's process came to its end, from what Ray says of it."""

from __future__ import annotations

import re
from pathlib import Path

from cvae_core.memory import TEXTS
from orchestration.engine.retries import LOST, OUT_OF_MEMORY
from orchestration.ledger.documents import Failure

MONITOR = "killed due to the node running low on memory"
USED = re.compile(r"Memory on the node .*? was (?P<used>.+? used / .+? limit)")
NODE_DIED = "because its node has died"
UNREACHABLE = "The actor is temporarily unavailable"
"""Said of a node that has just died as well, before Ray has found that out."""
WHY = re.compile(r"RPC error: (?P<how>.+?) rpc_code")
DETAIL = re.compile(r"Worker exit detail: (?P<detail>.+?)(?: Some common causes include|$)", re.M)
NODE_ENDED = re.compile(r"the actor's node was (?P<how>.+)$", re.M)
ADDRESS = re.compile(r"^\s*ip: (?P<line>\S+)$|\(pid=\d+, ip=(?P<call>[^,)\s]+)", re.M)
PID = re.compile(r"^\s*pid: (?P<pid>\d+)$", re.M)
FATAL = "Fatal Python error: "
BEGUN = "raised in its creation task"
"""Of a worker that could not begin: it says something of its node, and nothing of its job."""
RAISED = re.compile(rf"{BEGUN}|^.{{0,9}}ray::", re.M)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def lost_worker(text: str, crash: str = "", *, oom_kill: bool = False, node: str = "") -> Failure:
    """What is noted of a worker that died under its job.

    Args:
        text: of Ray's error; empty: there is none.
        crash: what the process itself wrote when it crashed.
        oom_kill: whether the kernel has just ended a process for want of memory.
        node: name of the node that it was on; empty: that is not known, or goes without saying.
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
        kind = OUT_OF_MEMORY if memory else LOST if BEGUN in text else "error"
        said = f"its process could not begin: {last}" if kind == LOST else last
        return Failure(kind=kind, message=said, traceback=text)
    if NODE_DIED in text:
        ended = NODE_ENDED.search(text)
        told = f" ({ended['how'].strip().removesuffix('.')})" if ended else ""
        return Failure(kind=LOST, message=f"its node {node}".rstrip() + f" is gone{told}")
    if UNREACHABLE in text:
        why, where = WHY.search(text), f" on node {node}" if node else ""
        told = f" ({why['how']})" if why else ""
        return Failure(kind=LOST, message=f"its process{where} cannot be reached{told}")
    if crash:
        what = crash.removeprefix(FATAL).splitlines()[0]
        return Failure(kind=LOST, message=f"its process crashed: {what}", traceback=crash)
    if oom_kill:
        return Failure(
            kind=OUT_OF_MEMORY, message="the kernel ended its process for want of memory"
        )
    detail = DETAIL.search(text)
    cause = detail["detail"] if detail else next(reversed(text.splitlines()), "")
    told = f" ({cause.strip().removesuffix('.')})" if cause else ""
    return Failure(kind=LOST, message=f"its process was killed, or ended by itself{told}")


def went_with_its_node(text: str) -> bool:
    """Whether it is its node that is gone or out of reach: nothing that lives has ended it.

    Args:
        text: of Ray's error.
    """
    return NODE_DIED in text or UNREACHABLE in text


def address_in(text: str) -> str:
    """The address of the node that a worker was on, as Ray's error names it; empty: it does not."""
    found = ADDRESS.search(COLOURS.sub("", text))
    return found["line"] or found["call"] if found else ""


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
