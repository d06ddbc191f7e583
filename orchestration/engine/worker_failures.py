"""What a worker reports of an error."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import torch
from rich.filesize import decimal

from cvae_core.errors import CheckpointError, EvaluationError, NonFiniteLossError, TooLargeError
from cvae_core.memory import bytes_asked_for, memory_error
from orchestration.engine.lost_worker import FATAL
from orchestration.engine.reports import FailureReport
from orchestration.engine.retries import OUT_OF_MEMORY, STORAGE, TOO_LARGE
from orchestration.errors import StorageError
from orchestration.ledger.documents import DAMAGED, DIVERGED
from orchestration.plan.memory import total_memory
from orchestration.store import FULL

KINDS: list[tuple[str, Callable[[Exception], bool]]] = [
    (TOO_LARGE, lambda error: type(error) is TooLargeError),
    (OUT_OF_MEMORY, lambda error: memory_error(error) is not None),
    (STORAGE, lambda error: isinstance(error, StorageError) or getattr(error, "errno", 0) in FULL),
    (DIVERGED, lambda error: type(error) is NonFiniteLossError),
    ("evaluation", lambda error: type(error) is EvaluationError),
    (DAMAGED, lambda error: type(error) is CheckpointError),
]
"""What a failure is called: the first that fits, else ``error``; retries.py says what becomes of
each."""


def failed(error: Exception, worker: dict[str, Any]) -> FailureReport:
    """What is reported of an error; of those that name their cause no traceback is needed."""
    said_first = error
    error = _in_vain(error) or error
    kind = next((kind for kind, meant in KINDS if meant(error)), "error")
    said = memory_error(error) or error
    named = kind not in ("error", OUT_OF_MEMORY)
    message = str(said) if named else f"{type(said).__name__}: {said}"
    speaks = kind in (TOO_LARGE, STORAGE, "evaluation", DAMAGED)
    trace = "" if speaks else "".join(traceback.format_exception(said_first))
    return FailureReport(kind, message, traceback=trace, worker=worker)


def end_if_lost(report: FailureReport) -> None:
    """End this process where CUDA takes nothing more from it: then all later jobs would fail, too.

    After some errors (an illegal address, a launch that failed, memory that has faults) that is so
    until the process ends. It says so as Python says of a crash, and is told of as of a lost one.

    Args:
        report: of the failure after which it is looked at.
    """
    try:
        torch.cuda.synchronize()
    except Exception:
        print(f"{FATAL}{report.message}\n{report.traceback}", file=sys.stderr, flush=True)
        os._exit(1)


def _in_vain(error: Exception) -> TooLargeError | None:
    """The error of one request for more memory than there is, which fails whenever it is made."""
    lacking = memory_error(error)
    asked = None if lacking is None else bytes_asked_for(lacking)
    if asked is None or asked <= (memory := memory_here(gpu="CUDA" in str(lacking))):
        return None
    return TooLargeError(
        f"it asks for {decimal(asked)} of memory at once, and there are {decimal(memory)}; lower "
        "batch_size, or settings of architecture"
    )


def memory_here(*, gpu: bool) -> int:
    """Bytes of the memory that the GPU or this machine has, whatever of it is in use."""
    return int(torch.cuda.get_device_properties(0).total_memory) if gpu else total_memory()
