"""CPUs, how busy they are, and GPUs."""

from __future__ import annotations

import os
from pathlib import Path

from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.doctor.subject import Subject
from orchestration.machine import bfloat16_instructions
from orchestration.plan.precision import asks_for
from orchestration.words import count

BUSY = 0.7


def check_cpus(subject: Subject) -> list[Finding]:
    """As many as a trial asks for, and how many trials that makes at a time."""
    asked, usable = subject.resources.threads, subject.cpus
    of_all = "" if usable == os.cpu_count() else f" of this machine's {os.cpu_count()}"
    found = f"{usable} may be used{of_all}"
    if asked > usable:
        return [
            problem(
                "CPUs",
                f"{found}; a trial asks for {asked:,}",
                f"Lower resources.cpu: `--set resources.cpu={usable}`.",
            )
        ]
    each = "" if asked == 1 else f", {asked} each"
    if subject.resources.cpu == "auto":
        each = " or fewer with more threads each, as the sweep chooses when it begins"
    if subject.max_concurrent is not None and subject.max_concurrent > subject.fitting:
        found += f", fewer than --max-concurrent {subject.max_concurrent} asks for"
    if subject.slots == 0:  # the finding on GPUs says what to do
        return [ok("CPUs", f"{found}; no trial, as there are GPUs for none")]
    return [ok("CPUs", f"{found}: {count(subject.slots, 'trial')} at a time{each}")]


def check_load(subject: Subject) -> list[Finding]:
    """Whether other programs take the CPUs' time."""
    load, cpus = os.getloadavg()[0], os.cpu_count() or 1
    found = f"{load:.1f} processes wanted a CPU in the last minute; there are {cpus}"
    if load <= BUSY * cpus:
        return [ok("load", found)]
    free = (min(cpus, subject.cpus) - round(load)) // subject.resources.threads
    advice = (
        "Trials will be slower than they could be: see what else runs with `top`, or use "
        f"fewer CPUs: `--max-concurrent {max(1, free)}`."
    )
    return [warning("load", found, advice)]


def check_bfloat16(subject: Subject) -> list[Finding]:
    """Whether ``precision: bfloat16`` pays on this processor."""
    if subject.resources.gpu:
        return []
    instructions = bfloat16_instructions()
    if instructions is not None:
        return [ok("bfloat16", f"{instructions}; precision: bfloat16 trains faster than float32")]
    found = "this processor has no instructions for it"
    if subject.plan is None or not asks_for("bfloat16", subject.plan):
        return [ok("bfloat16", f"{found}; precision: float32 is faster")]
    advice = "It trains all the same, slower than in float32: `--set precision=float32`."
    return [warning("bfloat16", f"{found}, and trials ask for it", advice)]


def check_gpus(subject: Subject) -> list[Finding]:
    """The GPUs that PyTorch finds."""
    import torch

    gpus, asked = torch.cuda.device_count(), subject.resources.gpu
    names = [torch.cuda.get_device_name(index) for index in range(gpus)]
    found = f"{gpus}: {', '.join(names)}" if gpus else "none"
    if not gpus and torch.version.cuda is not None:
        driver = "a driver, but no GPU" if _driver() else "no driver"
        found += f" (PyTorch is built for CUDA {torch.version.cuda} and finds {driver})"
    if asked > gpus:
        advice = "Lower resources.gpu: `--set resources.gpu=0` trains on CPUs"
        if not gpus and torch.version.cuda is None:
            advice += "; for a GPU install PyTorch's CUDA build"
        return [problem("GPUs", f"{found}; a trial asks for {asked:g}", f"{advice}.")]
    if not asked:
        found += "; trials run on CPUs" + (" unless resources.gpu says otherwise" if gpus else "")
    return [ok("GPUs", found)]


def _driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists()
