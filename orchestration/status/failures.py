"""How a failure is shown: what, where in the code, where the whole of it is, what comes next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cvae_core.evaluation.maps.declaration import UMAP
from orchestration.commands import sweep_command
from orchestration.engine.retries import OUT_OF_MEMORY, TOO_LARGE, losses_in_a_row
from orchestration.ledger.documents import DAMAGED, DIVERGED, Trial
from orchestration.ledger.names import DRAWN, MAP, split_entry
from orchestration.words import count

FRAMES = 3
NAMED = ("error", "evaluation", DAMAGED, "absent", TOO_LARGE, DIVERGED)
"""Kinds whose messages need no word before them."""
BEGINNING = "Traceback (most recent call last):"
FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
FOREIGN = re.compile(r"/site-packages/ray/|/ray/_private/|/ray/tune/")
ROOT = re.compile(r".*/site-packages/|.*/(?=(?:cvae_core|orchestration)/)|.*/(?=lib/python3)")


def failure_text(failure: Mapping[str, Any]) -> str:
    """Kind and message on one line."""
    kind, message = failure["kind"], failure["message"]
    return str(message) if kind in NAMED else f"{kind}: {message}"


def failure_details(failure: Mapping[str, Any], folder: Path, then: str) -> list[str]:
    """The lines below that one.

    Args:
        failure: as the ledger holds it.
        folder: the sweep's.
        then: what happens next, or what to do.
    """
    diverged = failure["kind"] == DIVERGED  # the place in the code says nothing then
    lines = [] if diverged else innermost(failure.get("traceback") or "")
    if failure.get("log"):
        lines.append(f"whole traceback: {folder / failure['log']}")
    return [f"    {line}" for line in (*lines, then)]


def innermost(traceback: str, count: int = FRAMES) -> list[str]:
    """The last frames of a traceback without Ray's: place, and the code below it."""
    text = traceback.rpartition(BEGINNING)[2].splitlines()
    frames: list[list[str]] = []
    for number, line in enumerate(text):
        frame = FRAME.match(line)
        if frame is None or FOREIGN.search(frame["file"]):
            continue
        place = f"{ROOT.sub('', frame['file'], count=1)}:{frame['line']}"
        frames.append([f"{place}, in {frame['function']}" if frame["function"] else place])
        code = text[number + 1] if number + 1 < len(text) else ""
        if code.startswith("    "):
            frames[-1].append(f"    {code.strip()}")
    return [line for frame in frames[-count:] for line in frame]


def goes_on(failure: Mapping[str, Any], trial: Trial | None = None) -> str:
    """What is said first of what was lost, and is tried again.

    Args:
        failure: as the ledger holds it.
        trial: whose training it is; None: it is an evaluation.
    """
    then = "is tried again" if trial is None else f"goes on {_from(trial)}"
    return f"{failure['kind']}, and {then}: {failure['message']}"


def _from(trial: Trial) -> str:
    """Where the next attempt begins."""
    epoch = max((ref.epoch for ref in trial.checkpoints), default=0)
    return f"from epoch {epoch}" if epoch else "from the beginning"


def next_try(failure: Mapping[str, Any], trial: Trial | None = None, retries: int = 0) -> str:
    """What is said of what was lost and is tried again.

    Args:
        failure: as the ledger holds it.
        trial: whose training it is; None: it is an evaluation.
        retries: of the sweep.
    """
    again, at_once = "it is tried again", failure.get("at_once")
    if failure.get("again_s"):
        again += f" in {failure['again_s']:.0f} s"
    if trial is not None:
        again += f" {_from(trial)}"
        tried = len(trial.attempts)
        further = max(retries - losses_in_a_row(trial), 0)
        if tried:
            again += f" (attempt {tried + 1} of {tried + 1 + further})"
    return again + (f"; from now on {count(at_once, 'trial')} at a time" if at_once else "")


def what_to_do(
    failure: Mapping[str, Any],
    config: Mapping[str, Any],
    folder: Path,
    *,
    running: bool,
    entry: str = "",
) -> str:
    """What is said of a trial or an evaluation that stays failed.

    Args:
        failure: as the ledger holds it.
        config: the trial's settings.
        folder: the sweep's.
        running: whether the sweep is at work.
        entry: of the evaluation; empty: it is the training that has failed.
    """
    stays = "it stays failed, the other trials go on" if running else "it stays failed"
    if failure["kind"] == OUT_OF_MEMORY:
        again = evaluate_command(folder, entry) if entry else retry_command(folder)
        smaller = "" if entry else f"lower batch_size (now {config['batch_size']}) in the sweep "
        smaller += "" if entry else "file and run it again, or "
        return (
            f"{stays}; {smaller}try it with fewer beside it, or on a machine with more memory: "
            f"{again} --max-concurrent 1"
        )
    if failure["kind"] == DAMAGED:
        if split_entry(entry)[1] is not None:
            return f"{stays}: the weights of that epoch are lost, and nothing else needs them"
        return (
            f"{stays}; {retry_command(folder)} trains the trial again from its newest good "
            "checkpoint, or else from its beginning, and then evaluates it"
        )
    if failure["kind"] != DIVERGED:
        again = evaluate_command(folder, entry) if entry else retry_command(folder)
        mended = "when the cause is mended"
        if failure["kind"] == TOO_LARGE:
            mended = "run the changed sweep file, or on a machine with more memory"
        return f"{stays}; {mended}: {again}"
    clip = config["clip_norm"]
    norm = "set clip_norm: 1.0 (now off)" if clip is None else f"lower clip_norm (now {clip:g})"
    return (
        f"{stays}; in the sweep file lower learning_rate (now {config['learning_rate']:g}) or "
        f"beta (now {config['beta']:g}), or {norm}, and run it again"
    )


def retry_command(folder: Path) -> str:
    """The command that tries a sweep's failed trials again."""
    return sweep_command("retry", folder)


def evaluate_command(folder: Path, entry: str) -> str:
    """The command that tries one part of an evaluation again, where it has failed."""
    if entry in DRAWN:
        return retry_command(folder)
    part, epoch = split_entry(entry)
    part = UMAP.name if part.startswith(MAP) else part
    earlier = [] if epoch is None else ["--every-checkpoint"]
    return sweep_command("evaluate", folder, "--only", part, *earlier)
