"""How a worker reads a checkpoint: one that is lost is told from one that cannot be read just now.

What is said to be lost is given up: training goes on from an older one, and its file is removed.
"""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Any

from cvae_core.config import TrialConfig
from cvae_core.errors import CheckpointError
from cvae_core.training.checkpoint import Checkpoint, read_checkpoint
from orchestration.errors import StorageError
from orchestration.ledger.paths import SWEEP

GONE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
"""What the system says where a file is lost for good."""
AGAIN_S = (1.0, 1.0)
"""Seconds before each further try at a file of which it says EIO."""


def read_reference(folder: Path, ref: dict[str, Any], config: TrialConfig) -> Checkpoint:
    """The checkpoint that a ledger names.

    Raises:
        CheckpointError: it is not there or not whole, or is of another configuration.
        StorageError: it cannot be read at the moment, which says nothing of it.
    """
    content = _content(folder, ref["path"])
    return read_checkpoint(content, config=config, expected_sha256=ref["sha256"], name=ref["path"])


def _content(folder: Path, name: str) -> bytes:
    """EIO is said of a bad sector, and of all files by a server that is slow for a while.

    So the file is lost only where it is said each time, and not of the sweep's own document.
    """
    pauses, alone = list(AGAIN_S), True
    while True:
        try:
            return (folder / name).read_bytes()
        except OSError as error:
            fails = error.errno == errno.EIO
            alone = alone and fails and _is_readable(folder / SWEEP)
            if not fails or not pauses:
                kind = CheckpointError if alone or error.errno in GONE else StorageError
                reason = error.strerror or type(error).__name__
                raise kind(f"{name} cannot be read ({reason})") from error
        time.sleep(pauses.pop())


def _is_readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True
